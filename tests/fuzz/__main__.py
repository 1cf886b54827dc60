"""Run many cases: `python tests/fuzz --cases 20000 --seed 1`. Ends with 1 if one is violated."""

import argparse
import sys
import tempfile
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parents[1] / "code"), str(HERE.parent / "helpers")]

CHUNK = 50


def chunk(numbers: range) -> tuple[Counter[str], list[tuple[int, str]]]:
    """Check some cases; return how they ended, and the violations."""
    from fuzz_cases import make
    from fuzz_check import Violation, check

    ended: Counter[str] = Counter()
    violations = []
    memory = "/dev/shm" if Path("/dev/shm").is_dir() else None
    with tempfile.TemporaryDirectory(dir=memory) as folder:
        for number in numbers:
            try:
                ended[check(make(number), Path(folder) / "case")] += 1
            except Violation as violation:
                violations.append((number, str(violation)))
    return ended, violations


def main() -> int:
    """Run the cases; return 0 if none is violated."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=500, help="how many (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="the first case is seed * 1,000,000")
    parser.add_argument("--case", type=int, help="this one only")
    parser.add_argument("--workers", type=int, default=1, help="processes (default: %(default)s)")
    args = parser.parse_args()
    first, count = args.seed * 1_000_000, args.cases
    if args.case is not None:
        first, count = args.case, 1
    begun = time.monotonic()
    ended: Counter[str] = Counter()
    violations = []
    ranges = [range(n, min(n + CHUNK, first + count)) for n in range(first, first + count, CHUNK)]
    with ProcessPoolExecutor(args.workers) as pool:
        for some, wrong in pool.map(chunk, ranges):
            ended += some
            violations += wrong
            for number, text in wrong:
                print(f"case {number}: {text}", flush=True)
    how = ", ".join(f"{n:,} {word}" for word, n in sorted(ended.items()))
    print(
        f"{count:,} cases from {first}: {how}; {len(violations)} violations; "
        f"{time.monotonic() - begun:.0f} s"
    )
    return 1 if violations else 0


if __name__ == "__main__":
    sys.exit(main())
