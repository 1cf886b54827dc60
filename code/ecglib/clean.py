"""Raw numbers into rows without missing values, streaming: what is filled, what is rejected."""

from collections import Counter
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .columns import Floats, Mask

FILLS = ("zero", "interpolate", "drop")

MAX_GAP_ROWS = 1 << 16
"""A gap of so many rows is too long whatever its time, so that memory stays bounded."""


@dataclass(frozen=True)
class Rows:
    """Consecutive rows of one recording.

    Attributes:
        sample: [n] int64 place of each row among all rows of the recording, from 0.
        time: [n] seconds.
        values: [L, n].
    """

    sample: npt.NDArray[np.int64]
    time: Floats
    values: Floats

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.sample)

    def where(self, keep: Mask) -> "Rows":
        """Return the rows chosen by an [n] mask."""
        return Rows(self.sample[keep], self.time[keep], self.values[:, keep])

    def between(self, start: int, end: int) -> "Rows":
        """Return the rows from `start` up to `end`, as views."""
        return Rows(self.sample[start:end], self.time[start:end], self.values[:, start:end])


class Cleaner:
    """Fills or rejects what is missing; counts every cell it fills and every row it rejects.

    Rejected are rows with an infinite lead ("infinite"), without a finite time ("bad_time"), and,
    by the kind of fill, rows with a missing value ("missing", drop) or in a gap that is not
    shorter than `max_gap` ("gap_too_long", interpolate). Interpolation is linear in time, so there
    a row that is not later than the last good one is "bad_time" too. A gap lasts from the last
    value before it to the first after it; one at either end of a recording is too long.

    Attributes:
        filled: [L] cells filled so far.
        rejected: rows rejected so far, by reason.
    """

    def __init__(self, leads: int, fill: str, max_gap: float) -> None:
        self.filled = np.zeros(leads, np.int64)
        self.rejected: Counter[str] = Counter()
        self._fill = fill
        self._gaps = _Gaps(leads, max_gap)

    def feed(self, rows: Rows) -> Rows:
        """Take the next rows, NaN where missing; return those that are decided."""
        if self._fill != "interpolate":
            # The sum is finite for almost every block, and costs one pass and no memory.
            with np.errstate(invalid="ignore", over="ignore"):
                if np.isfinite(rows.values.sum() + rows.time.sum()):
                    return rows
        rows = self._reject(rows, "bad_time", ~np.isfinite(rows.time))
        rows = self._reject(rows, "infinite", _in_any_lead(np.isinf(rows.values)))
        if self._fill == "drop":
            return self._reject(rows, "missing", _in_any_lead(np.isnan(rows.values)))
        if self._fill == "zero":
            missing = np.isnan(rows.values)
            self.filled += missing.sum(axis=1)
            return Rows(rows.sample, rows.time, np.where(missing, 0.0, rows.values))
        rows = self._reject(rows, "bad_time", self._gaps.backward(rows.time))
        return self._decide(self._gaps.feed(rows))

    def finish(self) -> Rows:
        """Return the rows that were waiting for the end of a gap."""
        return self._decide(self._gaps.finish())

    def _decide(self, decided: tuple[Rows, Mask]) -> Rows:
        rows, filled = decided
        unfilled = _in_any_lead(np.isnan(rows.values))
        self.filled += (filled & ~unfilled).sum(axis=1)
        return self._reject(rows, "gap_too_long", unfilled)

    def _reject(self, rows: Rows, reason: str, bad: Mask) -> Rows:
        count = int(bad.sum())
        if not count:
            return rows
        self.rejected[reason] += count
        return rows.where(~bad)


def _in_any_lead(cells: Mask) -> Mask:
    rows: Mask = np.logical_or.reduce(cells, axis=0)
    return rows


class _Gaps:
    """Linear interpolation over a stream: holds rows back until each gap's end is known."""

    def __init__(self, leads: int, max_gap: float) -> None:
        self._max_gap = max_gap
        self._held = Rows(np.empty(0, np.int64), np.empty(0), np.empty((leads, 0)))
        # The last value of each lead among rows that were let go: time, sample, value.
        self._last = np.full((3, leads), np.nan)
        self._latest = -np.inf

    def backward(self, time: Floats) -> Mask:
        """Return which rows are not later than all before them."""
        latest = np.maximum.accumulate(np.concatenate([[self._latest], time]))
        self._latest = float(latest[-1])
        return time <= latest[:-1]

    def feed(self, rows: Rows) -> tuple[Rows, Mask]:
        """Return the rows now decided, and which of their [L, n] cells were filled."""
        held = self._held
        joined = Rows(
            np.concatenate([held.sample, rows.sample]),
            np.concatenate([held.time, rows.time]),
            np.concatenate([held.values, rows.values], axis=1),
        )
        return self._fill(joined, ended=False)

    def finish(self) -> tuple[Rows, Mask]:
        """Return the rows held back, whose gaps have no end."""
        return self._fill(self._held, ended=True)

    def _fill(self, rows: Rows, ended: bool) -> tuple[Rows, Mask]:
        values, n = rows.values.copy(), len(rows)
        decided = n
        for lead in range(len(values)):
            known = np.flatnonzero(~np.isnan(rows.values[lead]))
            if len(known) < n:
                open_from = self._fill_lead(lead, rows, known, values[lead])
                decided = decided if ended else min(decided, open_from)
        done = rows.between(0, decided)
        for lead in range(len(values)):
            known = np.flatnonzero(~np.isnan(done.values[lead]))
            if len(known):
                at = known[-1]
                self._last[:, lead] = done.time[at], done.sample[at], done.values[lead, at]
        self._held = rows.between(decided, n)
        filled = np.isnan(done.values) & ~np.isnan(values[:, :decided])
        return Rows(done.sample, done.time, values[:, :decided]), filled

    def _fill_lead(self, lead: int, rows: Rows, known: npt.NDArray[np.intp], out: Floats) -> int:
        """Fill one lead's short gaps in `out`; return the first row whose gap may yet end well."""
        time = np.concatenate([self._last[:1, lead], rows.time[known]])
        sample = np.concatenate([self._last[1:2, lead], rows.sample[known].astype(np.float64)])
        value = np.concatenate([self._last[2:, lead], rows.values[lead, known]])
        missing = np.flatnonzero(np.isnan(rows.values[lead]))
        before = np.searchsorted(known, missing)  # place in the three arrays, which start one early
        inside = before < len(known)
        after = np.minimum(before + 1, len(known))
        # A span that overflows is too long; a value that does is refused when moments are taken.
        with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
            span = time[after] - time[before]
            short = (
                inside & (span < self._max_gap) & (sample[after] - sample[before] < MAX_GAP_ROWS)
            )
            weight = (rows.time[missing] - time[before]) / span
            filled = value[before] + weight * (value[after] - value[before])
            open_for = rows.time[-1] - time[-1]
        out[missing[short]] = filled[short]
        # A trailing gap can still end well while it is short so far.
        still_short = open_for < self._max_gap and rows.sample[-1] - sample[-1] < MAX_GAP_ROWS
        trailing = missing[~inside]
        return int(trailing[0]) if len(trailing) and still_short else len(rows)
