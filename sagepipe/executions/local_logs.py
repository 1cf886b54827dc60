"""What the instances of a local step wrote: `algo-<n>.log` in the folder of its last attempt."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from sagepipe.errors import ExecutionError
from sagepipe.executions.archive import WantedLog
from sagepipe.local import record
from sagepipe.local.events import Status
from sagepipe.local.record import ExecutionResult, StepResult

POLL_SECONDS = 0.2


def read(look: Callable[[], ExecutionResult], wanted: WantedLog) -> Iterator[tuple[str, str]]:
    """The lines that are wanted, as (instance, line). `look` reads the record as it is now.

    Raises:
        ExecutionError: there is no log, and why.
    """
    tails: dict[Path, _Tail] = {}
    first = True
    while True:
        execution = look()
        # Looked at before the files: what is written before the end is read after it.
        running = wanted.follow and _is_running(execution, wanted.step)
        for file in _files(execution, wanted, may_lack=running or not first):
            file = file.resolve()  # the record names it by another path once the step has ended
            lines: Iterable[str] = tails.setdefault(file, _Tail(file)).lines(whole=not running)
            if first and wanted.last is not None:
                lines = deque(lines, maxlen=wanted.last)
            for line in lines:
                yield file.stem, line
        if not running:
            return
        first = False
        time.sleep(POLL_SECONDS)


@dataclass
class _Tail:
    """A log and how far it was read; `rest` is the beginning of a line whose end isn't written."""

    file: Path
    at: int = 0
    rest: bytes = field(default=b"")

    def lines(self, *, whole: bool) -> Iterator[str]:
        """The new lines; a last one without its end only if nothing follows (`whole`)."""
        with self.file.open("rb") as opened:
            opened.seek(self.at)
            for line in opened:
                self.at += len(line)
                line, self.rest = self.rest + line, b""
                if whole or line.endswith(b"\n"):
                    yield line.decode(errors="replace").rstrip("\r\n")
                else:
                    self.rest = line


def _is_running(execution: ExecutionResult, step: str) -> bool:
    return execution.steps[step].status is Status.EXECUTING and record.is_held(execution.folder)


def _files(execution: ExecutionResult, wanted: WantedLog, *, may_lack: bool) -> list[Path]:
    step = execution.steps[wanted.step]
    files = sorted(
        _folder(execution, step).glob("algo-*.log"), key=lambda path: (len(path.name), path.name)
    )
    chosen = [file for file in files if wanted.host in (None, file.stem)]
    if chosen or may_lack:
        return chosen
    if files:
        there = ", ".join(file.stem for file in files)
        raise ExecutionError(f"step {step.name} has no instance {wanted.host}; there are {there}")
    raise ExecutionError(_why_none(execution, step))


def _folder(execution: ExecutionResult, step: StepResult) -> Path:
    """The folder of the last attempt, of the execution that ran the step.

    The record has it as a path; where the store has been moved since, it is found from here.
    """
    if step.logs is not None and step.logs.is_dir():
        return step.logs
    ran = execution.folder.with_name(step.source) if step.source else execution.folder
    folder = ran / step.name
    attempts = sorted(folder.glob("attempt-*"), key=lambda path: (len(path.name), path.name))
    return attempts[-1] if attempts else folder


def _why_none(execution: ExecutionResult, step: StepResult) -> str:
    identity = execution.execution_id
    if step.type != "Processing":
        return f"step {step.name} is a {step.type} step, which writes no log"
    if step.source not in ("", identity):
        return (
            f"step {step.name} wasn't run in execution {identity}: its result is that of "
            f"{step.source}, whose logs are gone"
        )
    if step.status in (Status.NOT_RUN, Status.SKIPPED) or step.reused:
        return f"step {step.name} wasn't run in execution {identity}, so it has no log"
    return f"step {step.name} of execution {identity} has no log: it was removed, or never began"
