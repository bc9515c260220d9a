"""What holds for every test: no property has a deadline, for a busy machine proves nothing; in CI they repeat."""

import os

from hypothesis import settings

settings.register_profile("anywhere", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True, print_blob=True)
settings.load_profile("ci" if os.environ.get("CI") else "anywhere")
