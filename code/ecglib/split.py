"""Which of train, validation and test a recording belongs to, from its id alone."""

import hashlib
import math

from .errors import StepError

SPLITS = ("train", "validation", "test")


def parse(text: str) -> tuple[float, ...]:
    """Read three shares such as "0.8,0.1,0.1": each at least 0, together 1."""
    try:
        shares = tuple(float(share) for share in text.split(","))
    except ValueError:
        shares = ()
    if (
        len(shares) != len(SPLITS)
        or not all(share >= 0 for share in shares)
        or not math.isclose(sum(shares), 1, abs_tol=1e-9)
    ):
        raise StepError(
            f"--split must be three shares for {', '.join(SPLITS)} that add up to 1, "
            f"e.g. 0.8,0.1,0.1, not {text!r}"
        )
    return shares


def assign(recording: str, shares: tuple[float, ...], seed: int) -> str:
    """Return the split of a recording.

    A hash of seed and id gives a fixed point in [0, 1), and the shares cut that interval. So
    a recording's split depends on nothing but its own name: new recordings never move old ones.
    """
    digest = hashlib.sha256(f"{seed}:{recording}".encode()).digest()
    point = int.from_bytes(digest[:8], "big") / 2**64
    edge = 0.0
    for name, share in zip(SPLITS, shares, strict=True):
        edge += share
        if point < edge:
            return name
    # Rounding left the last edge a hair below 1: the point belongs to the last share in use.
    return next(n for n, s in reversed(list(zip(SPLITS, shares, strict=True))) if s > 0)
