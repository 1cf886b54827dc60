"""What all scenarios share: where they work, what they measure with, and the step commands."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks import measure
from benchmarks.data import Recordings
from benchmarks.measure import Process, Usage

ROOT = Path(__file__).resolve().parents[1]
CODE = ROOT / "code"
BASELINES = Path(__file__).with_name("baselines")

MB = 1_000_000
GB = 1000 * MB


@dataclass(frozen=True)
class Bench:
    """One run of the benchmarks.

    Attributes:
        folder: for data and outputs.
        python: runs the step scripts and the baselines.
        rounds: times that a scenario takes turns.
        quick: a hundredth of the data, to see that everything works.
        tell: takes a line of progress.
    """

    folder: Path
    python: str
    rounds: int
    quick: bool
    tell: Callable[[str], None]

    def size(self, bytes_: int) -> int:
        """The bytes to use where a full run uses so many."""
        return bytes_ // 100 if self.quick else bytes_

    @property
    def core(self) -> tuple[int, ...]:
        """The one core that everything with a single worker runs on: not the first, where
        interrupts tend to be."""
        return (cores()[-1],)

    def scratch(self, name: str) -> Path:
        """An empty folder."""
        path = self.folder / "scratch" / name
        shutil.rmtree(path, ignore_errors=True)
        path.mkdir(parents=True)
        return path

    def start(self, command: Sequence[str], on: Sequence[int]) -> Process:
        """Start a command on some cores."""
        return measure.start(command, self.environment(), on)

    def run(self, command: Sequence[str], on: Sequence[int] = ()) -> Usage:
        """Run a command, on one core unless others are given."""
        return self.start(command, on or self.core).result()

    def environment(self) -> dict[str, str]:
        """What every measured process finds, baselines and ours alike."""
        return {
            "PYTHONPATH": str(CODE),
            "PYTHONPYCACHEPREFIX": str(self.folder / "pycache"),
            "OPENBLAS_NUM_THREADS": "1",
            "OMP_NUM_THREADS": "1",
            "LANG": "C.UTF-8",
        }

    def baseline(self, name: str, *arguments: object) -> list[str]:
        """The command of a baseline."""
        return [self.python, str(BASELINES / f"{name}.py"), *map(str, arguments)]

    def preprocess(self, recordings: Path, output: Path, *more: str) -> list[str]:
        """The command of Preprocess; everything goes to train."""
        return [
            *(self.python, str(CODE / "preprocess.py")),
            *("--input", str(recordings), "--output", str(output), "--split", "1,0,0"),
            *(*self._host_files(), *more),
        ]

    def pca(self, parts: Path, output: Path, *more: str) -> list[str]:
        """The command of Pca over what Preprocess wrote to `parts`, with all components."""
        return [
            *(self.python, str(CODE / "pca.py"), "--input", str(parts), "--output", str(output)),
            *("--moments", str(parts / "moments"), "--account", str(parts / "account")),
            *("--n-components", "all", *self._host_files(), *more),
        ]

    def pca_each(self, recordings: Recordings, output: Path) -> list[str]:
        """The command of Pca as a drop-in for the usual script: CSV to CSV, file by file."""
        return [
            *(self.python, str(CODE / "pca.py"), "--scope", "recording", "--format", "csv"),
            *("--input", str(recordings.folder), "--output", str(output)),
            *("--n-components", "all", *self._host_files()),
        ]

    def as_host(self, host: str, hosts: Sequence[str]) -> tuple[str, str]:
        """The options that make a step script one instance of several."""
        path = self.folder / "scratch" / f"{host}-of-{len(hosts)}.json"
        path.write_text(json.dumps({"current_host": host, "hosts": list(hosts)}), encoding="utf-8")
        return ("--resource-config", str(path))

    def _host_files(self) -> tuple[str, ...]:
        nowhere = str(self.folder / "no-such-file.json")
        message = str(self.folder / "message")
        return ("--resource-config", nowhere, "--message-file", message)


def cores() -> list[int]:
    """The cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))
    return list(range(os.cpu_count() or 1))
