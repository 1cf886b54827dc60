"""Run many cases: `python tests/fuzz --cases 20000 --seed 1`. Ends with 1 if one is violated."""

import argparse
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parents[1] / "code"), str(HERE.parent / "helpers")]

CHUNK = 50
Found = tuple[Counter[str], list[tuple[int, str]]]


def scratch() -> "tempfile.TemporaryDirectory[str]":
    """Return a folder in memory where there is one: the cases are many small files."""
    memory = "/dev/shm" if Path("/dev/shm").is_dir() else None
    return tempfile.TemporaryDirectory(dir=memory)


def recordings(numbers: range) -> Found:
    """Check some recordings; return how they ended, and the violations."""
    from fuzz_cases import make
    from fuzz_check import check

    with scratch() as folder:
        return _all(numbers, lambda number: check(make(number), Path(folder) / "case"))


def damaged(numbers: range) -> Found:
    """Check some damaged outputs of Preprocess; return how they ended, and the violations."""
    from fuzz_damage import check, prepare

    with scratch() as folder:
        made = prepare(Path(folder))
        return _all(numbers, lambda number: check(number, made, Path(folder) / "case"))


def _all(numbers: range, check: Callable[[int], str]) -> Found:
    from fuzz_check import Violation

    ended: Counter[str] = Counter()
    violations = []
    for number in numbers:
        try:
            ended[check(number)] += 1
        except Violation as violation:
            violations.append((number, str(violation)))
    return ended, violations


def planted(most: int) -> int:
    """Print the first case that finds each planted bug; return 1 if one is not found."""
    import pytest
    from fuzz_cases import make
    from fuzz_check import Violation, check
    from fuzz_planted import PLANTS

    def finds(number: int, folder: str) -> bool:
        try:
            check(make(number), Path(folder) / "case")
        except Violation:
            return True
        return False

    missed = 0
    for plant in PLANTS:
        with scratch() as folder, pytest.MonkeyPatch.context() as patch:
            plant(patch)
            first = next((number for number in range(most) if finds(number, folder)), None)
        missed += first is None
        print(f'    "{plant.__name__}": {first},', flush=True)
    return 1 if missed else 0


def main() -> int:
    """Run the cases; return 0 if none is violated."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=500, help="how many (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="the first case is seed * 1,000,000")
    parser.add_argument("--case", type=int, help="this one only")
    parser.add_argument("--workers", type=int, default=1, help="processes (default: %(default)s)")
    kind = parser.add_mutually_exclusive_group()
    kind.add_argument("--damaged", action="store_true", help="Preprocess's outputs, damaged")
    kind.add_argument("--planted", action="store_true", help="what finds each planted bug")
    args = parser.parse_args()
    if args.planted:
        return planted(args.cases)
    first, count = args.seed * 1_000_000, args.cases
    if args.case is not None:
        first, count = args.case, 1
    begun = time.monotonic()
    ended: Counter[str] = Counter()
    violations = []
    end = first + count
    ranges = [range(number, min(number + CHUNK, end)) for number in range(first, end, CHUNK)]
    with ProcessPoolExecutor(args.workers) as pool:
        for some, wrong in pool.map(damaged if args.damaged else recordings, ranges):
            ended += some
            violations += wrong
            for number, text in wrong:
                print(f"case {number}: {text}", flush=True)
    how = ", ".join(f"{n:,} {word}" for word, n in sorted(ended.items()))
    seconds = time.monotonic() - begun
    print(f"{count:,} cases from {first}: {how}; {len(violations)} violations; {seconds:.0f} s")
    return 1 if violations else 0


if __name__ == "__main__":
    sys.exit(main())
