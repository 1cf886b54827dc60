"""What this machine's second core is worth: bare parsers that share nothing, one and two of them.

Two cores of a virtual machine may be two threads of one real core, or have neighbours. No program
gains more from the second than two such processes do, so they run in turns with ours.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from benchmarks import data, measure
from benchmarks.bench import Bench, cores
from benchmarks.measure import Spread, Usage, ratio

ONE, TWO = "1 bare parser", "2 bare parsers"


def contestants(bench: Bench, files: Sequence[Path]) -> dict[str, Callable[[], Usage]]:
    """One process that parses the files and drops them, and two that parse half of them each."""
    on = two(bench)

    def parsers(count: int) -> Callable[[], Usage]:
        def contest() -> Usage:
            folder = bench.scratch("bare")
            commands = []
            for number in range(count):
                data.link(files[number::count], folder / str(number))
                commands.append(bench.baseline("parse_limit", folder / str(number)))
            return measure.together(
                [
                    lambda command=command, core=core: bench.start(command, (core,))
                    for command, core in zip(commands, on, strict=False)
                ]
            )

        return contest

    return {ONE: parsers(1), TWO: parsers(2)}


def gain(found: Mapping[str, Sequence[Usage]]) -> Spread:
    """How much faster two were, by wall time."""
    return ratio(found[ONE], found[TWO], lambda usage: usage.wall)


def two(bench: Bench) -> list[int]:
    """The first two cores, the one for single workers first.

    Raises:
        BenchmarkError: this process may use only one.
    """
    first, *others = [*bench.core, *(core for core in cores() if core not in bench.core)]
    if not others:
        raise measure.BenchmarkError("a second core is needed: this process may use one")
    return [first, others[0]]
