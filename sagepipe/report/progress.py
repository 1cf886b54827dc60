"""Live progress of an execution: a table that changes in a terminal, lines anywhere else."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field

from rich.console import Console
from rich.table import Table
from rich.text import Text

from sagepipe.local.events import (
    Event,
    ExecutionStarted,
    InstanceChanged,
    LogLine,
    Note,
    Remark,
    Retrying,
    Reused,
    Status,
    StepChanged,
)
from sagepipe.report.live import LiveDisplay

COLOURS = {
    Status.EXECUTING: "cyan",
    Status.SUCCEEDED: "green",
    Status.FAILED: "red",
    Status.STOPPED: "yellow",
    Status.NOT_RUN: "dim",
    Status.SKIPPED: "dim",
}


_WHY = {
    "cached": "cached",
    "kept": "done before",
    "selected": "not selected",
}


@dataclass
class _Line:
    """What is known of one step."""

    status: Status | None = None
    instances: int = 0
    running: set[str] = field(default_factory=set)
    ended: int = 0
    began: float = 0.0
    took: float = 0.0

    @property
    def seconds(self) -> float:
        return time.monotonic() - self.began if self.status is Status.EXECUTING else self.took


class Progress(LiveDisplay):
    """Shows an execution's events on a console, as a context manager around the run."""

    def __init__(self, console: Console) -> None:
        self._lines: dict[str, _Line] = {}
        self._lock = threading.Lock()  # instances of parallel steps report from threads
        self._notes: set[str] = set()
        super().__init__(console, refresh_per_second=8)

    def __call__(self, event: Event) -> None:
        """Show one event."""
        with self._lock:
            match event:
                case Remark():
                    self.say(event.text)
                case ExecutionStarted():
                    self._lines = {name: _Line() for name in event.steps}
                    self.say(f"execution {event.execution_id}; logs in {event.folder}")
                case StepChanged():
                    self._step_changed(event)
                case InstanceChanged():
                    self._instance_changed(event)
                case Note() if event.text not in self._notes:
                    self._notes.add(event.text)
                    self.say(f"{event.step}: {event.text}", style="dim")
                case Reused():
                    self._reused(event)
                case Retrying():
                    wait = f"in {event.wait:g} s" if event.wait else "at once"
                    self.say(
                        f"{event.step}: attempt {event.attempt} follows {wait} ({event.reason})"
                    )
                case LogLine():
                    self.say(f"{event.step} {event.host} | {event.text}")

    def _step_changed(self, event: StepChanged) -> None:
        line = self._lines[event.step]
        if line.status is Status.SUCCEEDED and event.status is Status.SUCCEEDED:
            return  # it was reused, which has been said
        line.status, line.instances = event.status, event.instances
        if event.status is Status.EXECUTING:
            line.began = time.monotonic()
            count = f" on {event.instances} instance{'s'[: event.instances > 1]}"
            text = f"{event.step}: started{count if event.instances else ''}"
        else:
            line.took = time.monotonic() - line.began if line.began else 0.0
            text = f"{event.step}: {event.status.lower()} after {line.took:.1f} s"
        if self.live is None:
            self.say(text)

    def _reused(self, event: Reused) -> None:
        line = self._lines[event.step]
        line.status = Status.SUCCEEDED
        detail = f"; {event.detail}" if event.detail else ""
        self.say(
            f"{event.step}: {_WHY[event.why]}; the result of execution {event.execution} is taken, "
            f"{event.saved:.1f} s saved{detail}"
        )

    def _instance_changed(self, event: InstanceChanged) -> None:
        line = self._lines[event.step]
        if event.status is Status.EXECUTING:
            line.running.add(event.host)
        else:
            line.running.discard(event.host)
            line.ended += 1

    def render(self) -> Table:
        """The steps as they are now."""
        table = Table.grid(padding=(0, 2))
        for name, line in self._lines.items():
            if line.status is None:
                table.add_row(Text(name), Text("waiting", "dim"))
                continue
            done = f"{line.ended} of {line.instances} instances ended" if line.instances else ""
            table.add_row(
                Text(name),
                Text(line.status, COLOURS[line.status]),
                done if line.status is Status.EXECUTING else "",
                f"{line.seconds:.1f} s",
            )
        return table
