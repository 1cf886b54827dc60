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
    "a cell of 140,000 characters in the header": Case(
        0, (("r0.csv", b"time," + b"i" * 140_000 + b"\n0,1\n1,2\n2,5\n"),)
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", FOUND)
@pytest.mark.parametrize("seed", [0, 1, 2])  # so that each comes into train once
def test_cases_that_were_found(tmp_path: Path, name: str, seed: int) -> None:
    case = FOUND[name]
    check(Case(**{**case.__dict__, "number": seed}), tmp_path / "case")


# The first case that finds each, of those from 0: `python tests/fuzz --planted`.
FINDS: dict[str, int] = {}


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
