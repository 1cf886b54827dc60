"""What the C library does with memory that numpy and Arrow give back."""

import ctypes
import sys

# of malloc.h
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -3, -8


def keep_freed() -> None:
    """Have freed memory kept for the next block, where the C library is glibc (mallopt(3)).

    A step allocates and frees the same few megabytes for every block. By default glibc returns
    them to the kernel each time, which then clears each page anew: a tenth of a step's time. What
    may lie idle is bounded, and threads share two heaps: one each would hold more.
    """
    if not sys.platform.startswith("linux"):
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_MMAP_THRESHOLD, 32 << 20)
        mallopt(_M_TRIM_THRESHOLD, 64 << 20)
        mallopt(_M_ARENA_MAX, 2)
