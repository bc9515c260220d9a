"""Pure: the same readings in the same order give the same bytes out, however they are batched.

No I/O, no clock, no environment, no random source.
"""

from service.detector.engine import Detector

__all__ = ["Detector"]
