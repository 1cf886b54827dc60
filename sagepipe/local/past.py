"""What earlier executions give to a new one: selective execution, and resuming.

Selective execution follows the service's rules (`sagepipe.language.selection`); what the selected
steps need from others is taken from a source execution, which must have succeeded or failed. Chosen
where the service isn't documented: the source's parameters hold unless others are given, and a
selected step of a branch needs a source that took this branch.

Resuming is the service's RetryPipelineExecution: the same execution, id, definition and parameters
go on; steps that succeeded aren't run again. One that succeeded, that is still running, or that a
Fail step ended can't be resumed. One whose engine was killed can.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from sagepipe.errors import LocalError
from sagepipe.language import selection as selective
from sagepipe.language.definition import Definition
from sagepipe.local import names, record
from sagepipe.local.channels import journal
from sagepipe.local.choices import Choices
from sagepipe.local.events import Status
from sagepipe.local.record import ExecutionResult, StepResult
from sagepipe.local.store import Store

Json = Any

LATEST = "latest"


@dataclass(frozen=True)
class Past:
    """What needn't run: `done` steps have their results, `left_out` ones aren't wanted, and
    `skipped` ones are skipped without waiting for any.

    `remarks` are sentences for the user. `resumed` is the execution that goes on, None for a new
    one; `source` the record that results and parameters come from.
    """

    done: Mapping[str, StepResult] = field(default_factory=dict)
    left_out: frozenset[str] = frozenset()
    skipped: frozenset[str] = frozenset()
    resumed: ExecutionResult | None = None
    source: ExecutionResult | None = None
    remarks: tuple[str, ...] = ()


def select(
    definition: Definition,
    choices: Choices,
    skipped: frozenset[str],
    pipeline: str,
    store: Store | None,
) -> Past:
    """What `--only` and `--from-step` leave out, and what stands in for it.

    Raises ExecutionError, LocalError.
    """
    if not choices.only and not choices.from_step:
        if choices.source:
            raise LocalError("--source needs --only or --from-step")
        return Past()
    selection = selective.select(
        definition, choices.only, choices.from_step, skipped=skipped, stubs=choices.stubs
    )
    selected, needs = set(selection.steps), selection.needs
    source, remarks = _source(choices.source, pipeline, store, needed=bool(needs))
    done = {}
    for name in sorted(needs):
        assert source is not None
        done[name] = _taken(name, definition, selected, source)
    stubbed = set(choices.stubs) & definition.ancestors(selected)
    running = definition.descendants(selected)
    return Past(
        done=done,
        left_out=frozenset(definition.steps.keys() - selected - needs - stubbed - skipped),
        skipped=skipped - running,
        source=source,
        remarks=remarks,
    )


def resumable(store: Store, execution_id: str) -> ExecutionResult:
    """The record of an execution that can go on. Raises LocalError: there is no such."""
    if execution_id == LATEST:
        latest = record.recent(store)
        if not latest:
            raise LocalError(f"the store {store.root} has no execution to resume")
        execution_id = latest[0].parent.name
    found = record.read(store, execution_id)
    if record.is_held(found.folder):
        raise LocalError(f"execution {execution_id} is still running; it can't be resumed")
    if found.status is Status.SUCCEEDED:
        raise LocalError(f"execution {execution_id} has succeeded; there is nothing to resume")
    for step in found.steps.values():
        if step.type == "Fail" and step.status is Status.FAILED:
            raise LocalError(
                f"execution {execution_id} can't be resumed: its Fail step {step.name} ended it; "
                "mend the cause and start a new one"
            )
    return found


def resume(past: Past, found: ExecutionResult) -> Past:
    """Add what the execution itself has done; `past` is that of its own selection."""
    done = dict(past.done)
    for name, step in found.steps.items():
        if step.status is Status.SUCCEEDED:
            done[name] = (
                step
                if step.reused
                else replace(
                    step, reused="kept", source=found.execution_id, saved_seconds=step.seconds
                )
            )
    return replace(past, done=done, resumed=found)


def chosen(found: ExecutionResult) -> Choices:
    """The choices of an execution that decide which steps run."""
    own = found.choices
    return Choices(own.skip, own.stubs, own.only, own.from_step, own.source)


def clear(found: ExecutionResult, store: Store) -> list[str]:
    """Remove what a killed engine left of unfinished steps: scratch, and half-published outputs.
    What of it can't be told any more, in sentences."""
    unclear = []
    for name, step in found.steps.items():
        folder = found.folder / names.as_step(name)
        if step.status is Status.SUCCEEDED or not folder.is_dir():
            continue
        unclear += journal.undo(folder, store)
        for place in (folder, *folder.glob("attempt-*")):
            for scratch in place.glob("algo-*"):
                if scratch.is_dir():
                    shutil.rmtree(scratch, ignore_errors=True)
    return unclear


def as_given(values: Mapping[str, Json]) -> dict[str, str]:
    """Parameter values of a record as they would be given again."""
    texts = {k: v if isinstance(v, str) else json.dumps(v) for k, v in values.items()}
    return {name: text for name, text in texts.items() if text}


def _source(
    wanted: str | None, pipeline: str, store: Store | None, *, needed: bool
) -> tuple[ExecutionResult | None, tuple[str, ...]]:
    if store is None:
        raise LocalError("a selective execution needs a store to take other results from")
    ended = (Status.SUCCEEDED, Status.FAILED)
    if wanted and wanted != LATEST:
        found = record.read(store, wanted)
        if found.status not in ended:
            raise LocalError(
                f"--source {wanted} is {found.status}; it must have succeeded or failed "
                "(--resume makes it go on)"
            )
        return found, ()
    damaged = []
    for path in record.recent(store):
        try:
            found = record.read(store, path.parent.name)
        except LocalError as error:
            damaged.append(f"{error}; it is stepped over")
            continue
        if found.pipeline == pipeline and found.status in ended:
            return found, tuple(damaged)
    if needed:
        raise LocalError(
            f"the selected steps need the results of others, and {pipeline} has no execution in "
            f"{store.root} that succeeded or failed; run all of it first"
        )
    return None, tuple(damaged)


def _taken(
    name: str, definition: Definition, selected: set[str], source: ExecutionResult
) -> StepResult:
    result = source.steps.get(name)
    if result is None or result.status is not Status.SUCCEEDED:
        raise LocalError(
            f"step {name} is needed, and in execution {source.execution_id} it is "
            f"{result.status.lower() if result else 'unknown'}; select it too, or name another "
            "--source"
        )
    for step in definition.steps.values():
        branch = step.branch
        if (
            step.name in selected
            and branch is not None
            and branch.condition == name
            and result.outcome is not branch.outcome
        ):
            raise LocalError(
                f"step {step.name} is in the branch of {name} that execution "
                f"{source.execution_id} didn't take; select {name} too"
            )
    where = result.source or source.execution_id
    saved = result.saved_seconds or result.seconds
    return replace(result, reused="selected", source=where, saved_seconds=saved)
