"""Whole processes, measured: CPU seconds, wall time and peak memory of each, in turns."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

LAUNCH = Path(__file__).with_name("launch.py")


class BenchmarkError(Exception):
    """A measurement can't be made: says what failed and how."""


@dataclass(frozen=True)
class Usage:
    """What one process used: wall and CPU seconds (its children's too), peak memory in MiB."""

    wall: float
    cpu: float
    peak_mib: float

    def __add__(self, other: Usage) -> Usage:
        """Return both, one after the other."""
        return Usage(
            self.wall + other.wall, self.cpu + other.cpu, max(self.peak_mib, other.peak_mib)
        )


@dataclass(frozen=True)
class Process:
    """A command being measured."""

    command: Sequence[str]
    popen: subprocess.Popen[bytes]
    folder: tempfile.TemporaryDirectory[str]

    def result(self) -> Usage:
        """Wait for its end.

        Raises:
            BenchmarkError: it failed; with the end of what it printed.
        """
        with self.folder as folder:
            code = self.popen.wait()
            if code:
                said = Path(folder, "log").read_text(encoding="utf-8", errors="replace")
                lines = "\n".join(said.splitlines()[-15:])
                raise BenchmarkError(
                    f"exit code {code} from {' '.join(self.command)[:400]}\n{lines}"
                )
            return Usage(**json.loads(Path(folder, "usage").read_text(encoding="utf-8")))


def start(
    command: Sequence[str], environment: Mapping[str, str], cores: Sequence[int] = ()
) -> Process:
    """Start a command on some cores (none given: on all), with nothing else in its environment."""
    folder = tempfile.TemporaryDirectory(prefix="measure-")
    launcher = (sys.executable, "-I", "-S", str(LAUNCH))
    with Path(folder.name, "log").open("wb") as log:
        popen = subprocess.Popen(
            [*launcher, f"{folder.name}/usage", ",".join(map(str, cores)), *command],
            env={"PATH": os.environ.get("PATH", os.defpath), **environment},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    return Process(tuple(command), popen, folder)


def together(starts: Sequence[Callable[[], Process]]) -> Usage:
    """Run processes at the same time; the wall time is that of the last to end."""
    began = time.perf_counter()
    processes = [begin() for begin in starts]
    usages = [process.result() for process in processes]
    wall = time.perf_counter() - began
    return Usage(wall, sum(u.cpu for u in usages), max(u.peak_mib for u in usages))


def in_turns(
    contestants: Mapping[str, Callable[[], Usage]], rounds: int, tell: Callable[[str], None]
) -> dict[str, list[Usage]]:
    """Run each contestant once in every round, so that a slow minute is slow for all of them."""
    found: dict[str, list[Usage]] = {name: [] for name in contestants}
    for number in range(1, rounds + 1):
        for name, contestant in contestants.items():
            usage = contestant()
            found[name].append(usage)
            tell(
                f"  round {number}: {name:<28} {usage.cpu:7.2f} s CPU  {usage.wall:7.2f} s wall  "
                f"{usage.peak_mib:5.0f} MiB"
            )
    return found


@dataclass(frozen=True)
class Spread:
    """The median, least and greatest of some figures."""

    median: float
    least: float
    greatest: float

    def text(self, form: str = ".1f") -> str:
        """Return "median (least to greatest)"."""
        if self.least == self.greatest:
            return format(self.median, form)
        return f"{self.median:{form}} ({self.least:{form}} to {self.greatest:{form}})"


def spread(figures: Sequence[float]) -> Spread:
    """Return the median and the range of at least one figure."""
    return Spread(statistics.median(figures), min(figures), max(figures))


def mean(usages: Sequence[Usage]) -> Usage:
    """The mean times of at least one run, and the greatest peak."""
    return Usage(
        statistics.fmean(usage.wall for usage in usages),
        statistics.fmean(usage.cpu for usage in usages),
        max(usage.peak_mib for usage in usages),
    )


def cpu(usages: Sequence[Usage]) -> Spread:
    """CPU seconds."""
    return spread([usage.cpu for usage in usages])


def wall(usages: Sequence[Usage]) -> Spread:
    """Wall seconds."""
    return spread([usage.wall for usage in usages])


def peak(usages: Sequence[Usage]) -> float:
    """The greatest peak memory in MiB."""
    return max(usage.peak_mib for usage in usages)


def ratio(
    above: Sequence[Usage], below: Sequence[Usage], figure: Callable[[Usage], float]
) -> Spread:
    """How many times `below`'s figure goes into `above`'s, round by round."""
    return spread([figure(a) / figure(b) for a, b in zip(above, below, strict=True)])


def as_json(runs: Mapping[str, Sequence[Usage]]) -> dict[str, Any]:
    """Every single run, rounded to what its clock can tell."""
    return {
        name: [
            {"cpu": round(u.cpu, 3), "wall": round(u.wall, 3), "peak_mib": round(u.peak_mib, 1)}
            for u in usages
        ]
        for name, usages in runs.items()
    }
