"""Executions for people and for machines: the list, one whole, two compared, what may go."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from sagepipe.executions.archive import Entry, Listing, PastExecution, PastStep
from sagepipe.executions.cleaning import Plan, Removal
from sagepipe.executions.comparison import Comparison, Pair
from sagepipe.executions.view import COLOURS, duration
from sagepipe.language import diff

Json = Any

_REUSED = {
    "cached": "cached from execution {source}",
    "kept": "done before",
    "selected": "not selected; from execution {source}",
    "stub": "stub",
}


def show_list(listing: Listing, console: Console, *, hint: str) -> None:
    """The executions, a line each and below it what was given; how to see more of them."""
    rows = [("execution", "status", "started", "took", "pipeline")]
    rows += [
        (
            entry.id,
            entry.status,
            _moment(entry.started),
            _took(entry.seconds),
            entry.pipeline + (f", version {entry.version}" if entry.version else ""),
        )
        for entry in listing.entries
    ]
    *widths, _ = (max(map(len, column)) for column in zip(*rows, strict=True))
    widths.append(0)  # nothing stands behind the last column
    for row, entry in zip(rows, (None, *listing.entries), strict=True):
        cells = [Text(f"{cell:{width}}") for cell, width in zip(row, widths, strict=True)]
        if entry is None:
            cells = [Text(cell.plain, "bold") for cell in cells]
        else:
            cells[1].stylize(COLOURS.get(entry.status, ""))
        console.print(Text("  ").join(cells), soft_wrap=True)
        if entry is not None and (about := _about(entry)):
            console.print(Text(f"    {about}", "dim"), soft_wrap=True)
    if listing.more != 0:
        count = "more" if listing.more is None else f"{listing.more} more"
        _say(console, f"and {count}: {hint}")


def show(execution: PastExecution, console: Console) -> None:
    """One execution, whole."""
    entry = execution.entry
    title = f" ({entry.display_name})" if entry.display_name else ""
    version = f", version {entry.version}" if entry.version else ""
    _say(console, f"execution {entry.id}{title} of {entry.pipeline}{version}")
    if entry.arn:
        _say(console, entry.arn)
    reason = f": {execution.reason}" if execution.reason else ""
    began = f", started {_moment(entry.started)}" if entry.started else ""
    after = f" after {_took(entry.seconds)}" if entry.seconds is not None else ""
    _say(console, f"{entry.status}{after}{began}{reason}")
    table = _table("Step", "Status", ">Instances", ">Time", "")
    for step in execution.steps.values():
        table.add_row(
            Text(step.name),
            _status(step.status),
            str(step.instances or ""),
            _took(step.seconds),
            Text(_remark(step), "dim"),
        )
    console.print(table)
    for line in _details(execution):
        _say(console, line)


def show_comparison(found: Comparison, console: Console) -> None:
    """What differs between two executions."""
    one, two = found.before, found.after
    _say(console, f"{one.id} ({one.status}) → {two.id} ({two.status})")
    _section(console, "parameters", (_arrow(pair) for pair in found.parameters))
    _section(console, "code and definition", diff.lines(found.code))
    table = _table("Step", one.id, ">Time", two.id, ">Time", ">Change")
    for pair in found.steps:
        cells = [Text(pair.name)]
        for step in (pair.before, pair.after):
            took = _took(step.seconds if step else None)
            cells += [_status(step.status if step else "-"), Text(took)]
        table.add_row(*cells, _change(pair.before, pair.after))
    console.print(table)
    if found.metrics:
        changed = [_arrow(pair) for pair in found.metrics if pair.before != pair.after]
        same = len(found.metrics) - len(changed)
        _section(console, "metrics", [*changed, *([f"{same} are the same"] if same else [])])


def show_plan(plan: Plan, console: Console, *, outputs: bool) -> None:
    """What a cleaning would remove."""
    for note in plan.notes:
        _say(console, note)
    for removal in plan.removals:
        entry = removal.entry
        _say(
            console,
            f"- {entry.id}  {entry.status}, {_moment(entry.started)}, {size(removal.bytes)}"
            + (f", {_files(len(removal.files))}" if outputs else ""),
        )
        for uri, why in removal.left:
            _say(console, f"    {uri} stays: {why}")


def entry_to_json(entry: Entry) -> dict[str, Json]:
    """An execution of the list."""
    return dataclasses.asdict(entry) | {"started": _iso(entry.started)}


def listing_to_json(listing: Listing) -> dict[str, Json]:
    """The list; `more` is null where there are more but nobody counted them."""
    return {
        "executions": [entry_to_json(entry) for entry in listing.entries],
        "more": listing.more,
        "damaged": list(listing.damaged),
    }


def to_json(execution: PastExecution) -> dict[str, Json]:
    """An execution, whole, but for its definition."""
    return {
        **entry_to_json(execution.entry),
        "given": dict(execution.entry.parameters),
        "parameters": dict(execution.values),
        "reason": execution.reason,
        "steps": {name: _step_to_json(step) for name, step in execution.steps.items()},
        "notes": list(execution.notes),
    }


def comparison_to_json(found: Comparison) -> dict[str, Json]:
    """A comparison."""
    return {
        "before": entry_to_json(found.before),
        "after": entry_to_json(found.after),
        "parameters": [dataclasses.asdict(pair) for pair in found.parameters],
        "code": [dataclasses.asdict(change) for change in found.code],
        "steps": [
            {
                "name": pair.name,
                "before": _step_to_json(pair.before) if pair.before else None,
                "after": _step_to_json(pair.after) if pair.after else None,
            }
            for pair in found.steps
        ],
        "metrics": [dataclasses.asdict(pair) for pair in found.metrics],
    }


def total(plan: Plan, removed: Sequence[Removal], *, deleted: bool) -> str:
    """What a cleaning comes to, in a line."""
    if not plan.removals:
        return f"nothing to remove; {_stay(plan.kept)}"
    if not deleted:
        return (
            f"{_executions(len(plan.removals))}, {size(plan.bytes)}, would be removed with "
            f"--delete; {_stay(plan.kept)}"
        )
    freed = sum(one.bytes for one in removed)
    return f"removed {_executions(len(removed))}, {size(freed)}; {_stay(plan.kept)}"


def plan_to_json(plan: Plan, removed: Sequence[Removal]) -> dict[str, Json]:
    """What a cleaning would remove, and what of that it has removed."""
    gone = {one.entry.id for one in removed}
    return {
        "bytes": plan.bytes,
        "kept": plan.kept,
        "notes": list(plan.notes),
        "executions": [
            {
                "id": one.entry.id,
                "status": one.entry.status,
                "started": _iso(one.entry.started),
                "bytes": one.bytes,
                "folder": str(one.folder),
                "files": [str(path) for path in one.files],
                "left": dict(one.left),
                "removed": one.entry.id in gone,
            }
            for one in plan.removals
        ],
    }


def size(count: int) -> str:
    """Bytes in words: 512 bytes, 3.4 MB."""
    if count < 1000:
        return f"{count} bytes"
    amount = float(count)
    for unit in ("kB", "MB", "GB"):
        amount /= 1000
        if amount < 1000:
            return f"{amount:.1f} {unit}"
    return f"{amount / 1000:.1f} TB"


def _stay(count: int) -> str:
    return f"{_executions(count)} stay{'s' if count == 1 else ''}"


def _files(count: int) -> str:
    return "one output file" if count == 1 else f"{count} output files"


def _executions(count: int) -> str:
    return "one execution" if count == 1 else f"{count} executions"


def _about(entry: Entry) -> str:
    given = [f"{name}={value}" for name, value in entry.parameters.items()]
    return "  ".join([entry.display_name] * bool(entry.display_name) + given)


def _details(execution: PastExecution) -> Iterator[str]:
    for step in execution.steps.values():
        if step.reason:
            yield f"{step.name}: {step.reason}"
        if step.message:
            yield f"  its message: {step.message}"
    if execution.values:
        yield "parameters (* given)"
        width = max(map(len, execution.values))
        for name, value in execution.values.items():
            mark = "*" if name in execution.entry.parameters else " "
            yield f"{mark} {name:{width}}  {value}"
    yield from output_lines(execution)
    yield from execution.notes


def output_lines(execution: PastExecution) -> Iterator[str]:
    """What the steps that succeeded wrote, and where it is."""
    written = {
        f"{step.name} {name}": output
        for step in execution.steps.values()
        for name, output in step.outputs.items()
        if step.status == "Succeeded"
    }
    if written:
        yield "outputs"
        width = max(map(len, written))
        for name, output in written.items():
            yield f"  {name:{width}}  {_relative(output.path) or output.uri}"


def _relative(path: str) -> str:
    """A path as short as it can be said from here."""
    if path and Path(path).is_relative_to(Path.cwd()):
        return str(Path(path).relative_to(Path.cwd()))
    return path


def _remark(step: PastStep) -> str:
    if step.reused:
        return _REUSED[step.reused].format(source=step.source)
    if step.outcome:
        return f"outcome {step.outcome.lower()}"
    return f"{step.attempts} attempts" if step.attempts > 1 else ""


def _change(before: PastStep | None, after: PastStep | None) -> str:
    if before is None or after is None or not before.seconds or after.seconds is None:
        return ""
    return f"{(after.seconds - before.seconds) / before.seconds:+.0%}"


def _arrow(pair: Pair) -> str:
    old, new = ("-" if one is None else str(one) for one in (pair.before, pair.after))
    numbers = (pair.before, pair.after)
    both = all(isinstance(one, int | float) and not isinstance(one, bool) for one in numbers)
    moved = f" ({pair.after - pair.before:+.6g})" if both else ""
    return f"{pair.name}: {old} → {new}{moved}"


def _section(console: Console, title: str, lines: Iterable[str]) -> None:
    found = list(lines)
    _say(console, title if found else f"{title}: the same")
    for line in found:
        _say(console, f"  {line}")


def _step_to_json(step: PastStep) -> dict[str, Json]:
    return dataclasses.asdict(step) | {"started": _iso(step.started)}


def _table(*headings: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in headings:
        right = heading.startswith(">")
        table.add_column(
            Text(heading.removeprefix(">")),
            justify="right" if right else "left",
        )
    return table


def _status(status: str) -> Text:
    return Text(status, COLOURS.get(status, ""))


def _took(seconds: float | None) -> str:
    if seconds is None:
        return ""
    return f"{seconds:.1f} s" if seconds < 10 else duration(seconds)


def _moment(when: datetime | None) -> str:
    return when.astimezone().strftime("%Y-%m-%d %H:%M") if when else ""


def _iso(when: datetime | None) -> str | None:
    return when.isoformat() if when else None


def _say(console: Console, text: str) -> None:
    console.print(Text(text), soft_wrap=True)
