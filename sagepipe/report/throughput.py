"""What a project measured of its steps: the throughput table that `estimate` computes with.

    machine = "a processor, 2.1 GHz"   # whose core is meant
    quick = false                      # true: the figures show that it works, and no speed

    [steps.Clean]                      # a step of the definition
    rate = 90e6          # bytes of the pipeline's raw input for each second of one core
    second_core = 1.7    # times as fast on two cores, 1 to 2
    threads = 8          # cores that it uses at most; left out: all
    read = 1.0           # bytes that it reads from S3 for each byte of raw input
    written = 1.1        # bytes that it writes to S3
    shuffle = 0.0        # bytes that it puts down on its volumes in between
    streams = false      # reads and writes S3 while it computes, instead of before and after
    shares = "objects"   # its input divides by whole objects, or "evenly"
    assumed = ["shuffle"]   # those of the above that nobody measured

Whatever is measured, all of it is told for each byte of the *pipeline's* input, so that the steps
of one pipeline add up.
"""

from __future__ import annotations

import dataclasses
import math
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from sagepipe.errors import SettingsError
from sagepipe.report.toml_text import key, toml

Shares = Literal["objects", "evenly"]


@dataclass(frozen=True)
class StepThroughput:
    """One step's figures, as the module's head tells them. Raises `ValueError`."""

    rate: float
    read: float
    written: float
    second_core: float = 2.0
    threads: int | None = None
    shuffle: float = 0.0
    streams: bool = False
    shares: Shares = "evenly"
    assumed: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name in ("rate", "read", "written", "shuffle", "second_core"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int | float):
                raise ValueError(f"{name} is {value!r}; it must be a number")
            if not math.isfinite(value) or value < 0:
                raise ValueError(f"{name} is {value}; it must be finite and not negative")
        if self.rate == 0 or self.second_core == 0:
            raise ValueError("rate and second_core must be above 0")
        if self.threads is not None and (type(self.threads) is not int or self.threads < 1):
            raise ValueError(f"threads is {self.threads!r}; it must be a whole number from 1")
        if self.shares not in ("objects", "evenly"):
            raise ValueError(f'shares is {self.shares!r}; it must be "objects" or "evenly"')
        if not isinstance(self.streams, bool):
            raise ValueError(f"streams is {self.streams!r}; it must be true or false")
        if strange := [name for name in self.assumed if name not in FIGURES]:
            raise ValueError(f"assumed names {strange[0]!r}, which is no figure of a step")

    @property
    def serial(self) -> float:
        """The share of the work that stays on one core, by Amdahl's law from two cores."""
        return min(1.0, max(0.0, 2 / self.second_core - 1))


FIGURES = tuple(
    field.name for field in dataclasses.fields(StepThroughput) if field.name != "assumed"
)


@dataclass(frozen=True)
class Throughput:
    """A table: figures by step, the machine they were measured on, and where the table is."""

    machine: str
    steps: Mapping[str, StepThroughput]
    origin: str
    quick: bool = False


def load(path: Path) -> Throughput:
    """Read a table. Raises `SettingsError`: it is missing or damaged."""
    where = f"the throughput table {path}"
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
        steps = {
            name: _step(f"[steps.{name}]", table)
            for name, table in _table(content["steps"], "steps").items()
        }
        return Throughput(str(content["machine"]), steps, str(path), content.get("quick") is True)
    except OSError as error:
        raise SettingsError(f"{where} can't be read ({error.strerror})") from error
    except KeyError as error:
        raise SettingsError(f"{where} has no {error.args[0]}") from error
    except ValueError as error:
        raise SettingsError(f"{where}: {error}") from error


def dump(table: Throughput, head: str) -> str:
    """The table as TOML below the comment `head`; `load` reads it back."""
    lines = [*(f"# {line}".rstrip() for line in head.splitlines()), ""]
    lines += [f"machine = {toml(table.machine)}", f"quick = {toml(table.quick)}"]
    for name, step in table.steps.items():
        lines += ["", f"[steps.{key(name)}]"]
        lines += [
            f"{figure} = {toml(value)}"
            for figure, value in vars(step).items()
            if value is not None and value != ()
        ]
    return "\n".join(lines) + "\n"


def _step(where: str, value: Any) -> StepThroughput:
    table = _table(value, where)
    known = {*FIGURES, "assumed"}
    if strange := [name for name in table if name not in known]:
        raise ValueError(f"{where} has {strange[0]!r}; there are {', '.join(sorted(known))}")
    if missing := [name for name in ("rate", "read", "written") if name not in table]:
        raise ValueError(f"{where} has no {missing[0]}")
    assumed = table.get("assumed", [])
    if not isinstance(assumed, list):
        raise ValueError(f"{where} assumed is {assumed!r}; it must be a list of names")
    try:
        return StepThroughput(**{**table, "assumed": tuple(assumed)})
    except ValueError as error:
        raise ValueError(f"{where} {error}") from None


def _table(value: Any, where: str) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise ValueError(f"{where} must be a table")
    return value
