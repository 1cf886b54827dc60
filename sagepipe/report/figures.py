"""What an execution's own outputs tell, in figures; a project says how to read them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sagepipe.errors import StoreError
from sagepipe.language.s3 import Location
from sagepipe.local.record import ExecutionResult, StepResult
from sagepipe.local.store import Store

Json = Any


@dataclass(frozen=True)
class Figures:
    """What the steps' own outputs tell, as far as they got.

    Attributes:
        rows: by step, the rows that it wrote.
        lines: what else a person should read below the table of steps.
        metrics: what scripts read, as JSON values.
    """

    rows: Mapping[str, int] = field(default_factory=dict)
    lines: tuple[str, ...] = ()
    metrics: Mapping[str, Json] = field(default_factory=dict)


NONE = Figures()

# A pipeline's own reader of what its steps left.
FindFigures = Callable[[ExecutionResult, Store], Figures]


def texts(step: StepResult | None, output: str, store: Store, stem: str = "") -> Iterable[str]:
    """The JSON files of one output of a step, as texts; of those whose names begin with `stem`."""
    if step is None or output not in step.outputs:
        return
    location = Location.parse(f"{step.outputs[output].rstrip('/')}/{stem}")
    for item in store.list(location):
        if item.path.suffix in (".json", ".jsonl"):
            try:
                yield store.read(Location(location.bucket, item.key)).decode()
            except (StoreError, UnicodeDecodeError):
                continue
