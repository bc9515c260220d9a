"""The files side of the streams: CSV, Parquet and JSON lines, plain or gzipped, become one frame of columns a device.

What the user does not say is inferred and told in lines to show; nothing is guessed in silence. Rows keep the order
of the file: late and duplicate readings are the detector's to judge.
"""

from collections.abc import Sequence

from service.streams.files.frames import Frame, Frames, Options

__all__ = ["Frame", "Frames", "Options", "read"]


def read(inputs: Sequence[str], options: Options | None = None) -> Frames:
    """Read files, folders, FILE#A:B row ranges or `-` (standard input) into frames.

    Raises InputError (unreadable, ragged, a column absent) or UsageError (a row range or zone that makes no sense).
    """
    import service.streams.files.assembly as assembly  # polars: only who reads files pays for it

    return assembly.read(inputs, options or Options())
