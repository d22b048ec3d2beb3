"""What burns now: a watcher that keeps raw fresh, and a page over `fct_open_incidents`.

The only room that writes to somebody else's system: acknowledgements with the viewer's own token,
tickets with a token that may create them. The nightly run knows nothing of it.
"""
