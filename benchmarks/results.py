"""What scenarios find: tables, targets and figures, kept together with where they were measured."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.measure import BenchmarkError

SCHEMA = 1
FILE = "results.json"
TIMES = "\N{MULTIPLICATION SIGN}"

_PACKAGES = ("numpy", "scipy", "scikit-learn", "pandas", "pyarrow")


@dataclass(frozen=True)
class Target:
    """A promise in figures: `value` must be at least or at most `bound`."""

    what: str
    value: float
    relation: str  # ">=" or "<="
    bound: float
    unit: str = TIMES
    spread: str = ""

    @property
    def holds(self) -> bool:
        """Whether the promise is kept."""
        return self.value >= self.bound if self.relation == ">=" else self.value <= self.bound


@dataclass(frozen=True)
class Table:
    """A table for people."""

    title: str
    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    note: str = ""


@dataclass(frozen=True)
class Result:
    """What one scenario found.

    Attributes:
        figures: numbers that others read, such as benchmarks.throughput.
        runs: every single measurement.
    """

    targets: Sequence[Target] = ()
    tables: Sequence[Table] = ()
    figures: Mapping[str, float] = field(default_factory=dict)
    runs: Mapping[str, Any] = field(default_factory=dict)


def machine(python: str) -> dict[str, Any]:
    """Facts of this machine, and the versions that `python` runs the step scripts with."""
    code = (
        "import json, platform, sys; from importlib.metadata import version; "
        f"print(json.dumps({{'Python': platform.python_version(), "
        f"**{{name: version(name) for name in {_PACKAGES!r}}}}}))"
    )
    found = subprocess.run([python, "-c", code], capture_output=True, text=True, check=False)
    if found.returncode:
        lines = found.stderr.strip().splitlines() or ["no output"]
        raise BenchmarkError(
            f"{python} can't run the step scripts and the baseline ({lines[-1]}): it needs "
            f"{', '.join(_PACKAGES)}; choose another with --python"
        )
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "memory_gib": _memory(),
        "system": f"{platform.system()} {platform.machine()}",
        "versions": json.loads(found.stdout),
    }


def load(folder: Path) -> dict[str, Any]:
    """Read a results file; an empty one where there is none.

    Raises:
        BenchmarkError: it is damaged.
    """
    path = folder / FILE
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if content["schema"] != SCHEMA:
            raise ValueError(f"schema {content['schema']}")
    except FileNotFoundError:
        return {"schema": SCHEMA, "scenarios": {}}
    except (ValueError, KeyError, TypeError) as error:
        raise BenchmarkError(
            f"{path}: not results of this benchmark ({error}): remove it"
        ) from None
    return dict(content)


def save(
    folder: Path, name: str, result: Result, measured: Mapping[str, Any], *, quick: bool
) -> None:
    """Put one scenario's result in the place of its last one."""
    folder.mkdir(parents=True, exist_ok=True)
    content = load(folder)
    targets = [{**asdict(target), "holds": target.holds} for target in result.targets]
    content["scenarios"][name] = {
        "quick": quick,
        "measured": dict(measured),
        **asdict(result),
        "targets": targets,
    }
    write(folder / FILE, json.dumps(content, indent=1, ensure_ascii=False) + "\n")


def write(path: Path, text: str) -> None:
    """Write a file whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(
        "w", encoding="utf-8", dir=path.parent, prefix=".", delete=False
    ) as file:
        file.write(text)
    os.chmod(file.name, 0o644)
    os.replace(file.name, path)


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    facts = dict(line.split(":", 1) for line in lines if ":" in line)
    found = {key.strip(): value.strip() for key, value in facts.items()}
    name, clock = found.get("model name", platform.machine()), found.get("cpu MHz")
    return f"{name}, {float(clock) / 1000:.1f} GHz" if clock else name


def _memory() -> float:
    return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1)
