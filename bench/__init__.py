"""How fast the extractor is, beside the least that any extractor could do: `python -m bench`.

The simulated YouTrack, PostgreSQL and every measured load are processes of their own.
"""
