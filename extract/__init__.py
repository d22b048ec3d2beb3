"""YouTrack → PostgreSQL → marts: the extractor, and the run around it."""

__version__ = "0.1.0"
