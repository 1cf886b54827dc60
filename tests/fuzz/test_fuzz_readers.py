"""A few hundred cases of the fuzzer, the cases it found, and the bugs that it must find.

`python tests/fuzz --cases 20000 --seed 1` runs as many as one likes.
"""

from collections.abc import Iterator
from pathlib import Path

import fuzz_damage
import pytest
from fuzz_cases import Case, make
from fuzz_check import Violation, check
from fuzz_planted import PLANTS, Plant

CASES, CHUNK = 300, 50
MARK = b"\xef\xbb\xbf"
A = b"time,i,ii\n0,1,2\n0.01,4,3\n0.02,0,7\n"


@pytest.mark.parametrize("first", range(0, CASES, CHUNK))
def test_cases(tmp_path: Path, first: int) -> None:
    ended = [check(make(number), tmp_path / "case") for number in range(first, first + CHUNK)]
    # A generator whose every recording is refused would find nothing.
    assert ended.count("read") > CHUNK / 4
    assert ended.count("refused") > CHUNK / 10


FOUND: dict[str, Case] = {
    "a mark, then a line end, then the header, in a pipe that is read in small blocks": Case(
        0, (("r0.csv", MARK + b"\n" + A),), block=4
    ),
    "bytes of a Parquet file that come one by one": Case(0, (("r0.csv", b"PAR1" + A),), block=1),
    "a row that begins with a mark, at the start of a block": Case(
        0, (("r0.csv", A + MARK + b"0.03,1,2\n0.04,1,2\n"),), block=1, lookahead=1
    ),
    "a time behind a mark, after which all times were too early": Case(
        0,
        (("r0.csv", A + MARK + b"99,1,2\n0.03,1,2\n0.04,1,2\n"),),
        block=2,
        lookahead=1,
        fill="interpolate",
    ),
    "a header of another shape, which ends as the first one": Case(
        0, (("r0.csv", A), ("r1.csv", b"x," + A))
    ),
    "an empty file, beside one with two headers": Case(0, (("r0.csv", A + A), ("r1.csv", b""))),
    "a table without a header, its first row with an empty cell": Case(
        0, (("r0.csv", b"0,1,\n1,2,3\n2,5,3\n"),)
    ),
    "a gap between the largest numbers": Case(
        0, (("r0.csv", b"time,i\n0,1.7e308\n0.01,\n0.02,-1.7e308\n"),), fill="interpolate"
    ),
    "a single row, with an interpolated value": Case(
        0,
        (("r0.csv", b"time,i,ii\n0,,0.6609\n0,,\n0,-0.3,\n0,,-0.0207\n"),),
        fill="interpolate",
        rate="360",
    ),
    "a cell of 140,000 characters in the header": Case(
        0, (("r0.csv", b"time," + b"i" * 140_000 + b"\n0,1\n1,2\n2,5\n"),)
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", FOUND)
@pytest.mark.parametrize("seed", [0, 1, 2])  # so that each comes into train once
def test_cases_that_were_found(tmp_path: Path, name: str, seed: int) -> None:
    case = FOUND[name]
    check(Case(**{**case.__dict__, "number": seed}), tmp_path / "case")


# The first case that finds each, from 0: `python tests/fuzz --planted --cases 900` prints them.
FINDS = {
    "a_mark_is_lost_where_a_block_begins": 27,
    "a_last_row_without_a_line_end_is_lost": 6,
    "a_quote_without_its_other_half_takes_its_neighbours_along": 22,
    "bytes_that_are_not_utf_8_vanish": 16,
    "python_decides_what_a_number_is": 22,
    "a_word_for_a_missing_value_is_forgotten": 232,
    "rows_are_numbered_without_the_misshapen_ones": 1,
    "a_row_is_taken_for_names": 37,
    "half_numbers_do_not_make_a_lead": 0,
    "an_infinite_value_is_written": 0,
    "a_gap_as_long_as_max_gap_is_filled": 86,
    "a_gap_is_filled_with_the_value_before_it": 10,
    "the_same_time_twice_is_in_order": 1,
    "filled_cells_of_rejected_rows_are_counted": 145,
    "the_last_row_of_a_batch_is_not_in_the_moments": 1,
    "merged_means_lose_what_they_lost_in_rounding": 33,
    "parts_have_a_row_too_many": 1,
    "the_seed_is_not_looked_at": 1,
    "an_account_begins_at_zero": 1,
    "a_header_behind_a_mark_is_not_seen_in_a_pipe": 462,
    "a_header_of_another_shape_is_one_in_a_pipe": 25,
    "a_component_is_left_out": 5,
    "an_error_leaves_files_behind": 0,
}


@pytest.mark.parametrize("plant", PLANTS, ids=lambda plant: plant.__name__)
def test_planted_bugs_are_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, plant: Plant
) -> None:
    case = make(FINDS[plant.__name__])
    check(case, tmp_path / "case")
    plant(monkeypatch)
    with pytest.raises(Violation):
        check(case, tmp_path / "case")
    monkeypatch.undo()


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    return fuzz_damage.prepare(tmp_path_factory.mktemp("damage"))


def test_damaged_state_is_refused_in_one_line(made: Path, tmp_path: Path) -> None:
    ended = {fuzz_damage.check(number, made, tmp_path / "case") for number in range(150)}
    assert {f"{kind}: refused" for kind in fuzz_damage.FILES} <= ended
