"""How an execution on this machine ended: its steps, figures of its own, where things lie."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from sagepipe.errors import StoreError
from sagepipe.language.s3 import Location
from sagepipe.local import record
from sagepipe.local.events import Status
from sagepipe.local.record import ExecutionResult
from sagepipe.local.result import Result
from sagepipe.local.store import Store
from sagepipe.report.figures import Figures
from sagepipe.report.progress import COLOURS

Json = Any


def to_json(result: ExecutionResult, found: Figures, store: Store) -> dict[str, Json]:
    """The whole report for scripts."""
    document = record.to_json(result)
    del document["mounts"], document["choices"]
    for name, step in document["steps"].items():
        del step["properties"]  # the record has them
        step["rows"] = found.rows.get(name)
        step["paths"] = {
            output: str(path)
            for output, uri in step["outputs"].items()
            if (path := _folder(uri, store))
        }
    document["metrics"] = found.metrics
    return document


def show(result: ExecutionResult, found: Figures, store: Store, console: Console) -> None:
    """Print the report."""
    console.print(table(result, found))
    console.print(_summary(result, found, store), soft_wrap=True)


def failures(result: Result) -> Iterable[str]:
    """For each failed step its last lines and where its log is, then what the script said, and
    the reason; what ended the execution if it was no step."""
    for step in result.failures:
        if step.log:
            yield f"the last lines of {step.log}:"
            yield from (f"    {line}" for line in step.log_tail)
        if step.exit_message:
            yield f"{step.name} says: {step.exit_message}"
        yield f"{step.name} failed: {step.reason}"
    if result.reason and not result.failures:
        yield f"the execution failed: {result.reason}"


_REUSED = {"cached": "cached", "kept": "before", "selected": "not selected", "stub": "stub"}


def table(result: ExecutionResult, found: Figures) -> Table:
    """The steps: how they ended, on how many instances, how long they took, what they wrote."""
    made = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("Step", "Status", "Instances", "Time", "Rows"):
        made.add_column(heading, justify="left" if heading in ("Step", "Status") else "right")
    for step in result.steps.values():
        rows = found.rows.get(step.name)
        ran = step.status not in (Status.NOT_RUN, Status.SKIPPED)
        status = f"{step.status}, {_REUSED[step.reused]}" if step.reused else step.status
        made.add_row(
            Text(step.name),
            Text(status, COLOURS[step.status]),
            str(step.instances or "") if ran else "",
            f"{step.seconds:.1f} s" if ran else "",
            f"{rows:,}" if rows is not None else "",
        )
    return made


def _summary(result: ExecutionResult, found: Figures, store: Store) -> RenderableType:
    lines = list(found.lines)
    if cached := [step for step in result.steps.values() if step.reused == "cached"]:
        saved = sum(step.saved_seconds for step in cached)
        names = ", ".join(f"{step.name} (execution {step.source})" for step in cached)
        lines.append(f"from the step cache: {names}; {saved:.1f} s saved; --no-cache runs them")
    lines += _places(result, store)
    lines.append(f"execution {result.execution_id}: {result.status} after {result.seconds:.0f} s")
    return Group(*(Text(line) for line in lines))


def _places(result: ExecutionResult, store: Store) -> list[str]:
    """Where the outputs of this execution lie, below the folder that they have in common."""
    paths = {
        f"{step.name} {output}": path
        for step in result.steps.values()
        if step.status is Status.SUCCEEDED
        for output, uri in step.outputs.items()
        if (path := _folder(uri, store)) and path.is_dir()
    }
    if not paths:
        return []
    common = Path(os.path.commonpath(paths.values()))
    width = max(map(len, paths))
    return [
        f"outputs below {common}",
        *(f"  {name:{width}}  {path.relative_to(common)}" for name, path in paths.items()),
    ]


def _folder(uri: str, store: Store) -> Path | None:
    """Where an output lies; None for what a folder can't hold, as the step itself has said."""
    try:
        return store.folder(Location.parse(uri))
    except StoreError:
        return None
