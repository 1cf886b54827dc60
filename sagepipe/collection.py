"""Python's garbage collector, paused where hundreds of thousands of objects are made to stay.

Importing the SDK and parsing AWS's service models is such a place: the collector would look at
all of them again and again, and find nothing. It costs a fifth of the time.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def paused() -> Iterator[None]:
    """No collection in here, if there was one before."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()
