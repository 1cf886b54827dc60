"""Bugs to plant in the readers: the fuzzer is worth what it finds of these."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from ecglib import clean, csvblocks, leads, model, moments, parts, pipe, split, staging, stream
from ecglib.csvblocks import Block, CsvParser, LineBlocks

Plant = Callable[[pytest.MonkeyPatch], None]
MARK = b"\xef\xbb\xbf"


def a_mark_is_lost_where_a_block_begins(patch: pytest.MonkeyPatch) -> None:
    read = CsvParser._read
    patch.setattr(
        CsvParser, "_read", lambda self, block, *more: read(self, block.removeprefix(MARK), *more)
    )


def a_last_row_without_a_line_end_is_lost(patch: pytest.MonkeyPatch) -> None:
    whole = LineBlocks.__iter__

    def short(self: LineBlocks) -> Iterator[bytes]:
        for block in whole(self):
            if whole_lines := block[: block.rfind(b"\n") + 1]:
                yield whole_lines

    patch.setattr(LineBlocks, "__iter__", short)


def a_quote_without_its_other_half_takes_its_neighbours_along(patch: pytest.MonkeyPatch) -> None:
    def reject(self: CsvParser, block: bytes, lines: int) -> Block:
        nothing = np.empty((len(self._wanted), 0))
        return Block(np.empty(0, np.int64), nothing, lines, csvblocks.Counter(non_numeric=lines))

    patch.setattr(CsvParser, "_line_by_line", reject)


def bytes_that_are_not_utf_8_vanish(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(
        CsvParser,
        "parse",
        lambda self, block: self._parse(block.decode("utf-8", "ignore").encode()),
    )


def python_decides_what_a_number_is(patch: pytest.MonkeyPatch) -> None:
    def number(text: str) -> float | None:
        try:
            return float(text) if text not in csvblocks.MISSING else float("nan")
        except ValueError:
            return None

    patch.setattr(csvblocks, "_number", number)


def a_word_for_a_missing_value_is_forgotten(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(csvblocks, "MISSING", tuple(w for w in csvblocks.MISSING if w != "None"))


def rows_are_numbered_without_the_misshapen_ones(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(csvblocks.np, "delete", lambda rows, places: rows[: len(rows) - len(places)])


def a_row_is_taken_for_names(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(leads, "require_names", lambda source, names, rows: None)


def half_numbers_do_not_make_a_lead(patch: pytest.MonkeyPatch) -> None:
    def numeric(position: int, rows: list[list[str]]) -> bool:
        cells = [row[position].strip() for row in rows if position < len(row)]
        present = [cell for cell in cells if cell not in leads.MISSING]
        return all(map(leads._is_number, present))

    patch.setattr(leads, "_is_numeric", numeric)


def an_infinite_value_is_written(patch: pytest.MonkeyPatch) -> None:
    reject = clean.Cleaner._reject
    patch.setattr(
        clean.Cleaner,
        "_reject",
        lambda self, rows, reason, bad: (
            rows if reason == "infinite" else reject(self, rows, reason, bad)
        ),
    )


def a_gap_as_long_as_max_gap_is_filled(patch: pytest.MonkeyPatch) -> None:
    made = clean._Gaps.__init__
    patch.setattr(
        clean._Gaps, "__init__", lambda self, n, gap: made(self, n, float(np.nextafter(gap, 1e9)))
    )


def a_gap_is_filled_with_the_value_before_it(patch: pytest.MonkeyPatch) -> None:
    fill = clean._Gaps._fill_lead

    def hold(self: Any, lead: int, rows: clean.Rows, known: Any, out: Any) -> int:
        open_from = fill(self, lead, rows, known, out)
        filled = np.isnan(rows.values[lead]) & ~np.isnan(out)
        for place in np.flatnonzero(filled):
            out[place] = out[place - 1] if place else out[place]
        return open_from

    patch.setattr(clean._Gaps, "_fill_lead", hold)


def the_same_time_twice_is_in_order(patch: pytest.MonkeyPatch) -> None:
    def backward(self: Any, time: Any) -> Any:
        latest = np.maximum.accumulate(np.concatenate([[self._latest], time]))
        self._latest = float(latest[-1])
        return time < latest[:-1]

    patch.setattr(clean._Gaps, "backward", backward)


def filled_cells_of_rejected_rows_are_counted(patch: pytest.MonkeyPatch) -> None:
    def decide(self: Any, decided: tuple[clean.Rows, Any]) -> clean.Rows:
        rows, filled = decided
        self.filled += filled.sum(axis=1)
        return self._reject(rows, "gap_too_long", np.isnan(rows.values).any(axis=0))

    patch.setattr(clean.Cleaner, "_decide", decide)


def the_last_row_of_a_batch_is_not_in_the_moments(patch: pytest.MonkeyPatch) -> None:
    of = moments.of
    patch.setattr(moments, "of", lambda v: of(v[:, :-1]) if v.shape[1] > 4 else of(v))


def merged_means_lose_what_they_lost_in_rounding(patch: pytest.MonkeyPatch) -> None:
    merge = moments.merge

    def rounded(a: moments.Moments, b: moments.Moments) -> moments.Moments:
        found = merge(a, b)
        return moments.Moments(found.n, found.mean, np.zeros_like(found.mean), found.factor)

    patch.setattr(moments, "merge", rounded)


def parts_have_a_row_too_many(patch: pytest.MonkeyPatch) -> None:
    made = parts.PartWriter.__init__
    patch.setattr(
        parts.PartWriter,
        "__init__",
        lambda self, staging, folder, host, rows: made(self, staging, folder, host, rows + 1),
    )


def the_seed_is_not_looked_at(patch: pytest.MonkeyPatch) -> None:
    assign = split.assign
    patch.setattr(split, "assign", lambda recording, shares, seed: assign(recording, shares, 0))


def an_account_begins_at_zero(patch: pytest.MonkeyPatch) -> None:
    account = stream.RecordingAccount
    patch.setattr(
        stream, "RecordingAccount", lambda **fields: account(**{**fields, "first_time": 0.0})
    )


def a_header_behind_a_mark_is_not_seen_in_a_pipe(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(pipe, "_BOM", b"no such bytes")


def a_header_of_another_shape_is_one_in_a_pipe(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(pipe, "_may_begin", lambda lines, place: True)


def a_component_is_left_out(patch: pytest.MonkeyPatch) -> None:
    kept = model._kept
    patch.setattr(model, "_kept", lambda text, variance: max(1, kept(text, variance) - 1))


def an_error_leaves_files_behind(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(staging.Path, "unlink", lambda self, missing_ok=False: None)


PLANTS: tuple[Plant, ...] = (
    a_mark_is_lost_where_a_block_begins,
    a_last_row_without_a_line_end_is_lost,
    a_quote_without_its_other_half_takes_its_neighbours_along,
    bytes_that_are_not_utf_8_vanish,
    python_decides_what_a_number_is,
    a_word_for_a_missing_value_is_forgotten,
    rows_are_numbered_without_the_misshapen_ones,
    a_row_is_taken_for_names,
    half_numbers_do_not_make_a_lead,
    an_infinite_value_is_written,
    a_gap_as_long_as_max_gap_is_filled,
    a_gap_is_filled_with_the_value_before_it,
    the_same_time_twice_is_in_order,
    filled_cells_of_rejected_rows_are_counted,
    the_last_row_of_a_batch_is_not_in_the_moments,
    merged_means_lose_what_they_lost_in_rounding,
    parts_have_a_row_too_many,
    the_seed_is_not_looked_at,
    an_account_begins_at_zero,
    a_header_behind_a_mark_is_not_seen_in_a_pipe,
    a_header_of_another_shape_is_one_in_a_pipe,
    a_component_is_left_out,
    an_error_leaves_files_behind,
)
