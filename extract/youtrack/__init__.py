"""YouTrack → raw."""
