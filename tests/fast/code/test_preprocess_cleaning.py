"""Filling, gaps, splits, leads: small pieces with answers worked out by hand."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from ecglib import hosts, leads, split
from ecglib.clean import MAX_GAP_ROWS, Cleaner, Rows
from ecglib.errors import StepError
from hypothesis import given, settings
from hypothesis import strategies as st

NAN = np.nan


def clean(
    fill: str,
    values: list[list[float]],
    time: list[float] | None = None,
    max_gap: float = 3.5,
    cuts: tuple[int, ...] = (),
) -> tuple[dict[int, list[float]], Cleaner]:
    """Clean [L][n] values in pieces; return the kept rows by sample, and the cleaner."""
    table = np.array(values, float)
    n = table.shape[1]
    rows = Rows(np.arange(n), np.array(time or range(n), float), table)
    cleaner = Cleaner(len(values), fill, max_gap)
    edges = [0, *sorted(cuts), n]
    pieces = [cleaner.feed(rows.between(a, b)) for a, b in pairwise(edges)]
    pieces.append(cleaner.finish())
    kept = {
        int(sample): piece.values[:, at].tolist()
        for piece in pieces
        for at, sample in enumerate(piece.sample)
    }
    return kept, cleaner


def test_zero_fills_each_missing_cell_and_counts_it_by_lead() -> None:
    kept, cleaner = clean("zero", [[1, NAN, 3], [NAN, NAN, 6]])
    assert kept == {0: [1, 0], 1: [0, 0], 2: [3, 6]}
    assert cleaner.filled.tolist() == [1, 2]
    assert not cleaner.rejected


def test_drop_rejects_rows_with_a_missing_cell() -> None:
    kept, cleaner = clean("drop", [[1, NAN, 3], [4, 5, NAN]])
    assert kept == {0: [1, 4]}
    assert cleaner.rejected == {"missing": 2}


@pytest.mark.parametrize("fill", ["zero", "drop", "interpolate"])
def test_infinite_leads_and_bad_times_are_rejected(fill: str) -> None:
    kept, cleaner = clean(fill, [[1, np.inf, 3, 4, -np.inf]], [0, 1, NAN, np.inf, 4])
    assert kept == {0: [1]}
    assert cleaner.rejected == {"infinite": 2, "bad_time": 2}


def test_values_too_large_to_add_up_are_not_infinite() -> None:
    kept, cleaner = clean("zero", [[1e308, 1e308, 1e308]])
    assert len(kept) == 3
    assert not cleaner.rejected


def test_short_gaps_are_interpolated_in_time() -> None:
    kept, cleaner = clean("interpolate", [[0, NAN, NAN, 8], [1, 1, 1, 1]], [0, 1, 1.5, 2])
    assert kept == {0: [0, 1], 1: [4, 1], 2: [6, 1], 3: [8, 1]}
    assert cleaner.filled.tolist() == [2, 0]


def test_long_leading_and_trailing_gaps_reject_their_rows() -> None:
    values = [[NAN, 1, NAN, NAN, NAN, 5, NAN, 7, NAN], [0.0] * 9]
    kept, cleaner = clean("interpolate", values)
    assert sorted(kept) == [1, 5, 6, 7]
    assert kept[6] == [6, 0]
    assert cleaner.rejected == {"gap_too_long": 5}
    assert cleaner.filled.tolist() == [1, 0]


def test_a_gap_as_long_as_max_gap_is_not_shorter() -> None:
    values = [[0, NAN, 2, NAN, NAN, 5]]
    assert sorted(clean("interpolate", values, max_gap=3)[0]) == [0, 1, 2, 5]
    assert sorted(clean("interpolate", values, max_gap=3.001)[0]) == [0, 1, 2, 3, 4, 5]


def test_a_rejected_row_still_bounds_the_gaps_of_other_leads() -> None:
    kept, cleaner = clean("interpolate", [[0, NAN, NAN, NAN, NAN, 5], [0, NAN, 2, 3, 4, 5]])
    assert sorted(kept) == [0, 5]
    assert cleaner.filled.tolist() == [0, 0]  # cells of rows that are not written don't count


def test_interpolation_needs_time_to_go_on() -> None:
    kept, cleaner = clean("interpolate", [[0, 1, 2, 3]], [0, 1, 1, 2])
    assert sorted(kept) == [0, 1, 3]
    assert cleaner.rejected == {"bad_time": 1}


def test_a_gap_of_very_many_rows_is_too_long_whatever_its_time() -> None:
    n = MAX_GAP_ROWS + 10
    values = [[0.0, *[NAN] * (n - 2), 1.0]]
    kept, cleaner = clean("interpolate", values, max_gap=1e9, cuts=tuple(range(5000, n, 5000)))
    assert sorted(kept) == [0, n - 1]
    assert cleaner.rejected == {"gap_too_long": n - 2}


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_interpolation_is_the_same_in_any_pieces(data: st.DataObject) -> None:
    n = data.draw(st.integers(1, 30))
    cell = st.one_of(st.just(NAN), st.floats(-5, 5), st.just(np.inf))
    lead = st.lists(cell, min_size=n, max_size=n)
    values = data.draw(st.lists(lead, min_size=2, max_size=2))
    time = data.draw(st.lists(st.integers(-3, 40).map(float), min_size=n, max_size=n))
    if data.draw(st.booleans()):
        time = sorted(time)
    cuts = tuple(data.draw(st.lists(st.integers(0, n), max_size=6)))
    whole, one = clean("interpolate", values, time)
    pieces, other = clean("interpolate", values, time, cuts=cuts)
    assert pieces == whole
    assert one.rejected == other.rejected
    assert one.filled.tolist() == other.filled.tolist()
    assert len(whole) + sum(one.rejected.values()) == n


@settings(max_examples=100, deadline=None)
@given(known=st.lists(st.booleans(), min_size=3, max_size=40), max_gap=st.floats(0.5, 10))
def test_interpolation_agrees_with_numpy(known: list[bool], max_gap: float) -> None:
    time = np.cumsum(np.random.default_rng(len(known)).uniform(0.1, 1, len(known)))
    line = 3 * time + 1
    kept, _ = clean("interpolate", [np.where(known, line, NAN).tolist()], time.tolist(), max_gap)
    at = np.flatnonzero(known)
    expected = set(at.tolist())
    for a, b in pairwise(at):
        if time[b] - time[a] < max_gap:
            expected |= set(range(a, b))
    assert set(kept) == expected
    for sample, (value,) in kept.items():
        assert value == pytest.approx(line[sample], rel=1e-12)


def test_recordings_fall_by_their_shares() -> None:
    shares = (0.7, 0.2, 0.1)
    found = [split.assign(f"patient/{i:05d}", shares, 3) for i in range(20000)]
    for name, share in zip(split.SPLITS, shares, strict=True):
        assert found.count(name) / 20000 == pytest.approx(share, abs=0.015)


@given(name=st.text(max_size=20), seed=st.integers(-5, 5))
def test_a_split_is_used_only_with_a_share(name: str, seed: int) -> None:
    assert split.assign(name, (1.0, 0.0, 0.0), seed) == "train"
    assert split.assign(name, (0.0, 0.0, 1.0), seed) == "test"
    assert split.assign(name, (0.5, 0.5, 0.0), seed) != "test"


def test_the_split_is_a_fixed_function() -> None:
    # A change here would move recordings between splits of data sets that exist.
    found = [split.assign(f"r{i}", (0.5, 0.25, 0.25), 0) for i in range(8)]
    assert " ".join(found) == "train validation train train train test train train"


@pytest.mark.parametrize(
    "text", ["0.8,0.1", "0.8,0.1,0.2", "a,b,c", "1.1,-0.1,0", "nan,0,1", "", "inf,0,0"]
)
def test_bad_shares_are_refused(text: str) -> None:
    with pytest.raises(StepError, match="--split must be three shares"):
        split.parse(text)


HEADER = ["time", "i", "ii", "1", "note"]
ROWS = [["0", "0.5", "", "7", "ok"], ["1", "x", "1e-3", "8", "N"], ["2", "1", "2", "9", ""]]


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ("all", ("i", "ii", "1")),
        ("ii,i", ("ii", "i")),
        (" i , 2 ", ("i", "ii")),
        ("1", ("1",)),  # the name goes before the position
        ("4", ("note",)),
        ("0", ("time",)),
    ],
)
def test_leads_by_name_and_position(wanted: str, found: tuple[str, ...]) -> None:
    layout = leads.choose(wanted, "x.csv", HEADER, ROWS)
    assert layout.leads == found
    assert tuple(HEADER[position] for position in layout.positions) == found


@pytest.mark.parametrize(
    ("wanted", "names", "message"),
    [
        ("i,v1", HEADER, r"x.csv: lead 'v1' is not a column. Its columns are time, i, ii, 1, note"),
        ("9", HEADER, "lead '9' is not a column.*--leads"),
        ("-1", HEADER, "lead '-1' is not a column"),
        ("i,1,i", HEADER, "lead 'i' is chosen twice"),
        ("a", ["t", "a", "a", "b", "c"], "lead 'a' is the name of several columns"),
        ("all", ["t", "a", "a", "b", "c"], "lead 'a' is chosen twice"),
        ("all", ["t;a;b"], "no numeric column after the first"),
    ],
)
def test_bad_leads_are_refused(wanted: str, names: list[str], message: str) -> None:
    with pytest.raises(StepError, match=message):
        leads.choose(wanted, "x.csv", names, ROWS)


def test_columns_without_a_name_and_mostly_missing_ones_are_leads() -> None:
    rows = [["0", "NA", "1"], ["1", "", "2"], ["2", "NaN", "x"]]
    assert leads.choose("all", "x", ["", "", "b"], rows).leads == ("column1", "b")


def test_hosts_sort_naturally(tmp_path: Path) -> None:
    path = tmp_path / "resourceconfig.json"
    path.write_text('{"current_host": "algo-2", "hosts": ["algo-10", "algo-2", "algo-11"]}')
    found = hosts.load(str(path))
    assert found.names == ("algo-2", "algo-10", "algo-11")
    assert found.is_first
    assert not found.alone
    assert hosts.load("/nowhere/at/all.json").alone
    path.write_text('{"current_host": "algo-3", "hosts": ["algo-1"]}')
    with pytest.raises(StepError, match="current_host 'algo-3' is not among"):
        hosts.load(str(path))
    path.write_text('{"hosts": []}')
    with pytest.raises(StepError, match="not a resource configuration"):
        hosts.load(str(path))
