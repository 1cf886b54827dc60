"""The executions that ran on this machine: the records of a store."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sagepipe.errors import LocalError, StoreError
from sagepipe.executions import local_logs
from sagepipe.executions.archive import (
    KILLED,
    LATEST,
    Entry,
    Listing,
    Output,
    PastExecution,
    PastStep,
    WantedLog,
    as_text,
    step_of,
)
from sagepipe.language.definition import Definition
from sagepipe.language.s3 import Location
from sagepipe.local import record
from sagepipe.local.events import Status
from sagepipe.local.record import ExecutionResult, StepResult
from sagepipe.local.store import Mount, Store

Json = Any

_BEFORE = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True)
class LocalArchive:
    """The executions of one store."""

    store: Store

    def entries(self, limit: int | None) -> Listing:
        """The newest executions. A record that can't be read is named and stepped over."""
        found, damaged = [], []
        for path in record.recent(self.store):
            try:
                found.append(self._load(path.parent.name)[0])
            except LocalError as error:
                damaged.append(str(error))
        found.sort(key=lambda one: _time(one.started) or _BEFORE, reverse=True)
        shown = found if limit is None else found[:limit]
        entries = tuple(self._entry(one) for one in shown)
        return Listing(entries, len(found) - len(shown), tuple(damaged))

    def read(self, identity: str) -> PastExecution:
        """One execution, by id. Raises `LocalError`."""
        found, gone = self._load(self._identity(identity))
        store = Store(self.store.root, found.mounts)
        notes = [f"the folder {folder} that stood in for {place} is gone" for place, folder in gone]
        try:
            definition = self._definition(found.execution_id)
        except LocalError as error:  # what ran can be told without it
            definition = Definition.read({})
            notes.append(str(error))
        return PastExecution(
            entry=self._entry(found),
            reason=found.reason,
            values={name: as_text(value) for name, value in found.parameters.items()},
            steps={name: _step(step, store) for name, step in found.steps.items()},
            definition=definition,
            notes=tuple(notes),
        )

    def content(self, execution: PastExecution, uri: str) -> bytes:
        """An object of the store or of a mounted folder. Raises `StoreError`."""
        store = Store(self.store.root, self.mounts(execution.entry.id))
        return store.read(Location.parse(uri))

    def log(self, execution: PastExecution, wanted: WantedLog) -> Iterator[tuple[str, str]]:
        """What a step's instances wrote; of its last attempt. Raises `SagepipeError`."""
        step_of(execution, wanted.step)
        return local_logs.read(lambda: self._load(execution.entry.id)[0], wanted)

    def mounts(self, identity: str) -> tuple[Mount, ...]:
        """The folders of the user's that stood in for buckets and are still there."""
        return self._load(identity)[0].mounts

    def _identity(self, identity: str) -> str:
        if identity != LATEST:
            return identity
        latest = self.entries(1).entries
        if not latest:
            raise LocalError(f"the store {self.store.root} has no execution yet; see sagepipe run")
        return latest[0].id

    def _load(self, identity: str) -> tuple[ExecutionResult, list[tuple[str, str]]]:
        """A record, and the mounted folders of it that are gone, as (URI, folder).

        What ran can be told without them, so they don't make a record unreadable as for `resume`.
        Raises `LocalError`.
        """
        folder = record.folder_of(self.store, identity)
        path = folder / record.RECORD
        if not path.is_file():
            record.read(self.store, identity)  # says which executions there are
        try:
            document = json.loads(path.read_text())
            here = [mount for mount in document["mounts"] if Path(mount["directory"]).is_dir()]
            gone = [
                (f"s3://{mount['bucket']}/{mount['prefix']}", mount["directory"])
                for mount in document["mounts"]
                if mount not in here
            ]
            found = record.from_json({**document, "mounts": here}, folder)
            _time(found.started)
            return found, gone
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise LocalError(f"{path} can't be read: {error or type(error).__name__}") from error

    def _entry(self, found: ExecutionResult) -> Entry:
        status, seconds = str(found.status), found.seconds
        if found.status is Status.EXECUTING:
            if record.is_held(found.folder):
                seconds += time.time() - (found.folder / record.RECORD).stat().st_mtime
            else:
                status = KILLED
        return Entry(
            id=found.execution_id,
            pipeline=found.pipeline,
            status=status,
            started=_time(found.started),
            seconds=seconds,
            parameters=self._given(found),
        )

    def _definition(self, identity: str) -> Definition:
        return Definition.read(record.read_definition(self.store, identity))

    def _given(self, found: ExecutionResult) -> dict[str, str]:
        """The parameters that aren't their defaults; all of them if the definition is lost."""
        try:
            declared = self._definition(found.execution_id).parameters
        except LocalError:
            declared = {}
        return {
            name: as_text(value)
            for name, value in found.parameters.items()
            if name not in declared or declared[name].default != value
        }


def _step(step: StepResult, store: Store) -> PastStep:
    ran = step.status not in (Status.NOT_RUN, Status.SKIPPED) and not step.reused
    return PastStep(
        name=step.name,
        kind=step.type,
        status=str(step.status),
        seconds=step.seconds if ran else None,
        instances=step.instances,
        attempts=step.attempts,
        reason=step.reason,
        message=step.exit_message,
        outcome="" if step.outcome is None else str(step.outcome),
        reused=step.reused,
        source=step.source,
        outputs={name: Output(uri, _path(uri, store)) for name, uri in step.outputs.items()},
    )


def _path(uri: str, store: Store) -> str:
    """The folder that an output lies in, if it is there."""
    try:
        folder = store.folder(Location.parse(uri))
    except StoreError:
        return ""
    return str(folder) if folder.is_dir() else ""


def _time(text: str) -> datetime | None:
    when = datetime.fromisoformat(text) if text else None
    return when.replace(tzinfo=UTC) if when and when.tzinfo is None else when
