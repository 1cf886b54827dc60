"""Count, mean and co-moments of many rows, computed in batches and merged exactly enough.

Chan, Golub and LeVeque's pairwise formula (1983) gives the co-moment matrix of two sets of rows
from those of each:

    C = Ca + Cb + (na nb / n) d dᵀ,    d = mean_b - mean_a

Here C is kept as a triangular factor R with RᵀR = C, and the formula becomes one small QR
decomposition of Ra, Rb and sqrt(na nb / n) dᵀ stacked (tall-skinny QR: Demmel, Grigori, Hoemmen and
Langou, 2012). The singular values of R are those of the centred rows. A co-moment matrix
in float64 has them squared, and so forgets a direction whose standard deviation is 1e-8 of the
largest, and gets 1e-4 (the rounding of dependent leads such as ii = i + iii) to 1e-8 only;
the factor gets it to 1e-12, as an SVD of all rows would. For rows that come from a CSV file
the QR costs a few percent of the parsing.

The mean is an unevaluated sum, mean + mean_low ("double-double": Dekker, 1971): on leads with an
offset of 1e6 a single float64 is off by 1e-10, which the difference d of two means would inherit.
"""

import math
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from . import workers
from .columns import Floats
from .errors import StepError

BATCH = 16384
"""Rows in a batch. Fixed and counted from a recording's first row: other boundaries give
other last bits."""

LARGEST = 1e304
"""What the values of a recording may not reach, for then sums over all recordings are finite."""

_PANEL = 512  # rows of 12 leads that fit a core's L1 cache: QR panel by panel is 2.5 times faster


@dataclass(frozen=True)
class Moments:
    """First and second moments of n rows of L leads.

    Attributes:
        n: rows.
        mean: [L] mean, to be added to
        mean_low: [L] what `mean` lost in rounding.
        factor: [L, L] upper triangular R; RᵀR is the sum of (x - mean)(x - mean)ᵀ over the rows.
    """

    n: int
    mean: Floats
    mean_low: Floats
    factor: Floats

    @property
    def reach(self) -> Floats:
        """[L] bounds: no row has an absolute value beyond it. Not finite where sums overflowed."""
        with np.errstate(over="ignore", invalid="ignore"):
            reach: Floats = np.abs(self.mean) + np.abs(self.factor).sum(axis=0)
        return reach

    def require_range(self, source: str, leads: tuple[str, ...]) -> None:
        """Refuse a recording whose values are too large to add up.

        A column of the factor depends on those before it alone, so the first lead that is out of
        range is the one that made the others so.

        Raises:
            StepError: a lead reaches `LARGEST`.
        """
        beyond = np.flatnonzero(~(self.reach < LARGEST))
        if len(beyond):
            raise StepError(
                f"{source}: lead {leads[beyond[0]]!r} has values too large to add up (near "
                f"{LARGEST:g}): rescale it, or leave it out with --leads"
            )


def of(values: Floats) -> Moments:
    """Return the moments of [L, n] values, n at least 1, in one batch.

    Values near the largest float64 give what is not finite: see `Moments.require_range`.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        return _of(values)


def _of(values: Floats) -> Moments:
    mean = values.mean(axis=1)
    centred = values - mean[:, np.newaxis]
    # What is left of the mean after subtracting it is what the rounding of the mean lost.
    low = centred.mean(axis=1)
    centred -= low[:, np.newaxis]
    return Moments(values.shape[1], *_two_sum(mean, low), _triangle(centred))


def empty(leads: int) -> Moments:
    """Return the moments of no rows."""
    return Moments(0, np.zeros(leads), np.zeros(leads), np.zeros((leads, leads)))


def merge(a: Moments, b: Moments) -> Moments:
    """Return the moments of two sets of rows together, by the formula at the top."""
    if not a.n or not b.n:
        return a if a.n else b
    with np.errstate(over="ignore", invalid="ignore"):
        return _merge(a, b)


def _merge(a: Moments, b: Moments) -> Moments:
    n = a.n + b.n
    difference, lost = _two_sum(b.mean, -a.mean)
    difference = difference + (lost + (b.mean_low - a.mean_low))
    mean, low = _two_sum(a.mean, difference * (b.n / n))
    rows = np.vstack([a.factor, b.factor, math.sqrt(a.n * b.n / n) * difference])
    return Moments(n, *_two_sum(mean, low + a.mean_low), _qr(rows))


class Merger:
    """Merges any number of moments in the order they come, in a balanced tree.

    Rounding grows with the tree's depth instead of the number of moments, and memory holds
    one Moments for each level. The result depends on the order alone.
    """

    def __init__(self) -> None:
        self._tree: list[tuple[int, Moments]] = []

    def add(self, moments: Moments) -> None:
        """Take the next moments; those of no rows leave no trace."""
        if not moments.n:
            return
        level = 0
        while self._tree and self._tree[-1][0] == level:
            moments = merge(self._tree.pop()[1], moments)
            level += 1
        self._tree.append((level, moments))

    def result(self) -> Moments | None:
        """Return the moments of everything so far, or None for no rows at all."""
        total: Moments | None = None
        for _, moments in reversed(self._tree):
            total = moments if total is None else merge(moments, total)
        return total


class Accumulator:
    """Moments of one recording, from pieces of any length."""

    def __init__(self, leads: int) -> None:
        # Wide tables get shorter batches, so that memory stays flat.
        self._batch = np.empty((leads, max(2 * leads, min(BATCH, (1 << 20) // leads))))
        self._filled = 0
        self._merger = Merger()
        self._under_way: deque[workers.Task[Moments]] = deque()

    def add(self, values: Floats) -> None:
        """Take the next [L, n] values."""
        taken, n = 0, values.shape[1]
        while taken < n:
            room = min(n - taken, self._batch.shape[1] - self._filled)
            self._batch[:, self._filled : self._filled + room] = values[:, taken : taken + room]
            self._filled += room
            taken += room
            if self._filled == self._batch.shape[1]:
                self._flush()

    def result(self) -> Moments:
        """Return the moments of all the values."""
        self._flush()
        self._merge(leave=0)
        return self._merger.result() or empty(len(self._batch))

    def _flush(self) -> None:
        if self._filled:
            self._under_way.append(workers.submit(of, self._batch[:, : self._filled]))
            self._filled = 0
            self._merge(leave=2)
            if self._under_way:
                self._batch = np.empty_like(self._batch)

    def _merge(self, leave: int) -> None:
        """Merge finished batches, in order, and wait for all but the last `leave`."""
        while self._under_way and (self._under_way[0].done() or len(self._under_way) > leave):
            self._merger.add(self._under_way.popleft().result())


def merged(all_moments: Iterable[Moments]) -> Moments | None:
    """Return the moments of all rows together, merged in the order given; None for no rows."""
    merger = Merger()
    for moments in all_moments:
        merger.add(moments)
    return merger.result()


def _triangle(centred: Floats) -> Floats:
    """Return the [L, L] factor of [L, n] centred values."""
    leads, n = centred.shape
    panel = max(_PANEL, 2 * leads)
    whole = n // panel
    rest = centred[:, whole * panel :].T
    if not whole:
        return _qr(rest)
    panels = centred[:, : whole * panel].reshape(leads, whole, panel).transpose(1, 2, 0)
    factors: Floats = np.asarray(np.linalg.qr(panels, mode="r"))
    return _qr(np.vstack([factors.reshape(-1, leads), rest]))


def _qr(rows: Floats) -> Floats:
    """Return the [L, L] triangular factor of [n, L] rows, of any number."""
    leads = rows.shape[1]
    if len(rows) < leads:
        rows = np.vstack([rows, np.zeros((leads - len(rows), leads))])
    factor: Floats = np.asarray(np.linalg.qr(rows, mode="r"))
    return factor


def _two_sum(a: Floats, b: Floats) -> tuple[Floats, Floats]:
    """Return a + b rounded, and exactly what the rounding lost (Knuth)."""
    total = a + b
    other = total - a
    return total, (a - (total - other)) + (b - other)
