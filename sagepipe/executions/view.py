"""How a remote execution is shown: a table that changes in a terminal, lines anywhere else."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from sagepipe.executions.jobs import Trace
from sagepipe.executions.remote import Execution, Step
from sagepipe.report.live import LiveDisplay

COLOURS = {
    "Starting": "cyan",
    "Executing": "cyan",
    "Stopping": "yellow",
    "Succeeded": "green",
    "Failed": "red",
    "CompletedWithFailures": "red",
    "Stopped": "yellow",
}


class View(LiveDisplay):
    """Shows an execution each time it is told of it; a context manager around the watching.

    `planned` has the names of all steps, to show what is still waiting; `instances` says how many
    instances a processing job has, or 0 if that isn't known.
    """

    def __init__(
        self, console: Console, planned: Sequence[str], instances: Callable[[str], int]
    ) -> None:
        self._planned = planned
        self._instances = instances
        self._told: dict[str, str] = {}
        self._latest: Execution | None = None
        super().__init__(console, refresh_per_second=2)

    def __call__(self, execution: Execution) -> None:
        """Show how it stands: the table anew, or a line for each step that has changed."""
        if self._latest is None:
            self.say(f"execution {execution.id}{_titles(execution)}")
        self._latest = execution
        if self.live:
            self.live.refresh()
            return
        for step in execution.steps:
            text = _line(step, self._instances)
            if self._told.get(step.name) != text:
                self._told[step.name] = text
                self.say(text)

    def render(self) -> RenderableType:
        """The table of what was told last."""
        return self.table(self._latest) if self._latest else ""

    def table(self, execution: Execution) -> Table:
        """The steps as they are now, those still waiting among them."""
        now = datetime.now(UTC)
        table = Table(box=None, pad_edge=False, header_style="bold")
        for heading in ("Step", "Status", "Instances", "Time", ""):
            right = heading in ("Instances", "Time")
            table.add_column(heading, justify="right" if right else "left")
        begun = {step.name: step for step in execution.steps}
        for name in [*self._planned, *(one for one in begun if one not in self._planned)]:
            if step := begun.get(name):
                count = self._instances(step.job) if step.job else 0
                table.add_row(
                    name,
                    Text(step.status, COLOURS.get(step.status, "")),
                    str(count or ""),
                    duration(step.seconds(now)) if step.started else "",
                    Text(remark(step), "dim"),
                )
            else:
                word = "not run" if execution.final else "waiting"
                table.add_row(name, Text(word, "dim"), "", "", "")
        return table


def ending(execution: Execution, traces: Mapping[str, Trace]) -> Iterator[str]:
    """The failures in words, each with what its job left (`traces`, by step), and the end."""
    for step in execution.steps:
        if step.status != "Failed":
            continue
        yield f"{step.name} failed: {step.reason or 'no reason was given'}"
        left = traces.get(step.name, Trace())
        if left.message:
            yield f"  its message: {left.message}"
        for host, lines in left.tails.items():
            yield f"  the last lines of {host} of {step.job}:"
            yield from (f"    {line}" for line in lines)
        if left.note:
            yield f"  {left.note}"
    if execution.created and execution.modified:
        took = f" after {duration((execution.modified - execution.created).total_seconds())}"
    else:
        took = ""
    reason = f": {execution.reason}" if execution.reason else ""
    yield f"execution {execution.id}: {execution.status}{took}{reason}"


def to_json(execution: Execution, instances: Callable[[str], int]) -> dict[str, Any]:
    """The execution for machines: times in ISO form, durations in seconds."""
    now = datetime.now(UTC)
    return {
        "arn": execution.arn,
        "status": execution.status,
        "reason": execution.reason,
        "display_name": execution.display_name,
        "version": execution.version,
        "created": execution.created.isoformat() if execution.created else None,
        "studio": execution.studio_link or None,
        "steps": [
            {
                "name": step.name,
                "kind": step.kind,
                "status": step.status,
                "seconds": round(step.seconds(now), 3) if step.started else None,
                "instances": instances(step.job) if step.job else 0,
                "attempts": step.attempts,
                "reason": step.reason,
                "cached_from": step.cached_from or None,
                "outcome": step.outcome or None,
                "job": step.job or None,
            }
            for step in execution.steps
        ],
    }


def remark(step: Step) -> str:
    """What is special about a step: a cache hit, a condition's outcome, a further attempt, and
    while that goes on, why there is one."""
    if step.cached_from:
        return f"cached from execution {step.cached_from.rpartition('/')[2]}"
    if step.outcome:
        return f"outcome {step.outcome.lower()}"
    parts = [f"attempt {step.attempts}"] if step.attempts > 1 else []
    if not step.ended and step.reason:
        parts.append(step.reason)
    return ": ".join(parts)


def duration(seconds: float) -> str:
    """Seconds in words: 42 s, 3 min 05 s, 2 h 10 min."""
    whole = round(max(0.0, seconds))
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02} min"


def _titles(execution: Execution) -> str:
    parts = [execution.display_name] if execution.display_name else []
    parts += [f"version {execution.version}"] if execution.version else []
    title = f" ({', '.join(parts)})" if parts else ""
    return title + (f"\n{execution.studio_link}" if execution.studio_link else "")


def _line(step: Step, instances: Callable[[str], int]) -> str:
    parts = [step.status.lower()]
    if step.job and (count := instances(step.job)):
        parts.append(f"on {count} instance{'s' if count > 1 else ''}")
    if step.ended and step.started:
        parts.append(f"after {duration((step.ended - step.started).total_seconds())}")
    if note := remark(step):
        parts.append(f"({note})")
    return f"{step.name}: {' '.join(parts)}"
