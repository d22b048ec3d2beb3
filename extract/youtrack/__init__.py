"""YouTrack → raw."""

import os

# dlt reads these when it is first imported, which is below this package. Its telemetry is on by
# default; and its log would print, unredacted, what reaches us as an exception anyway.
os.environ["RUNTIME__DLTHUB_TELEMETRY"] = "false"
os.environ["RUNTIME__LOG_LEVEL"] = "CRITICAL"
