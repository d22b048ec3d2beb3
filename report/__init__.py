"""One HTML page over the marts that opens from disk, without a network and without a server."""
