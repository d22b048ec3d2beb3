"""The run around the loads: command line, database, record, build, publishing, summary, alarm."""

__version__ = "0.1.0"
