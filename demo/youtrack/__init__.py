"""YouTrack's REST API over the made-up company, as far as it is known, lies included."""
