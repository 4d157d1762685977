"""nearset's engines: they know frames, and nothing of productions."""

import sys

# OpenVINO would tell its maker that it was loaded, and keep an identity in the home folder to do so. Nothing leaves
# this machine: where its telemetry cannot be imported, OpenVINO goes on without, by its own code.
sys.modules["openvino_telemetry"] = None  # type: ignore[assignment]
