"""The running half of Gruard: readings in, explained alerts out. Never imports the training half."""

import os

# Since 1.29 the wheels of onnxruntime report to their maker and leave an id in the temporary folder as soon as they are
# imported, unless this is set; it has to be before any other module of ours is.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
