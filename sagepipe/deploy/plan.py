"""Wanted against deployed: the actions that make the one of the other, as frozen data.

A plan only describes. Whether it is printed or carried out is another module's choice, and what
an interrupted deployment left half done is simply what the next plan finds missing.

The order of the actions is what makes an interruption harmless: scripts first, as nobody reads
them yet; then the pipeline, in one call; then what names and points at the new version.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from sagepipe.building.bundle import Artifact
from sagepipe.deploy.deployed import Deployed, Script
from sagepipe.language import diff
from sagepipe.language.definition import Definition
from sagepipe.language.diff import Change
from sagepipe.schedule import schedules
from sagepipe.schedule.schedules import Schedule

_NAME_DIGITS = 12


@dataclass(frozen=True)
class Wanted:
    """What should be deployed.

    `made_from` says in words where the definition comes from, for the version's description;
    `suffix` follows the content hash in the version's display name. `schedule` None leaves
    schedules alone, as `alias` None leaves aliases.
    """

    name: str
    definition: str
    role_arn: str
    description: str
    max_parallel_steps: int | None
    tags: tuple[tuple[str, str], ...] = ()
    alias: str | None = None
    suffix: str = ""
    made_from: str = ""
    artifacts: tuple[Artifact, ...] = field(default=(), repr=False)
    schedule: Schedule | None = None

    @property
    def content(self) -> str:
        """The SHA-256 of the definition, in which the scripts' own hashes are."""
        return content_of(self.definition)

    @property
    def version_name(self) -> str:
        """The version's display name: content hash and revision; at most 82 characters."""
        return self.content[:_NAME_DIGITS] + (f"-{self.suffix}" if self.suffix else "")


@dataclass(frozen=True)
class State:
    """What is there: the pipeline, the wanted scripts that aren't, the schedule."""

    pipeline: Deployed | None
    missing: tuple[Script, ...] = ()
    schedule: Schedule | None = None

    @property
    def basis(self) -> str:
        """Changes when anybody changes what a plan rests on. Scripts only ever get added."""
        members = [self.pipeline, self.schedule]
        return _hash([one and dataclasses.asdict(one) for one in members])


@dataclass(frozen=True)
class Upload:
    """Put a script where its content says that it belongs."""

    script: Script
    data: bytes = field(repr=False)


@dataclass(frozen=True)
class SetTags:
    """Set tags of the pipeline, and remove those that it had from us and are no longer wanted."""

    set: tuple[tuple[str, str], ...]
    remove: tuple[str, ...]


@dataclass(frozen=True)
class Publish:
    """Create the pipeline or update it, in one call. `changes` is what that changes."""

    wanted: Wanted
    create: bool
    changes: tuple[Change, ...]


@dataclass(frozen=True)
class RemoveAlias:
    """Take the alias from the version that has it; a version gets it only when none has."""

    alias: str
    version: int


@dataclass(frozen=True)
class NameVersion:
    """Name a version, and give it the alias. `version` None is the one just published."""

    version: int | None
    name: str
    description: str
    alias: str | None


@dataclass(frozen=True)
class PutSchedule:
    """Create or replace the schedule."""

    schedule: Schedule
    deployed: Schedule | None

    @property
    def changes(self) -> tuple[Change, ...]:
        """What differs, by field."""
        return tuple(
            Change(f"schedule {self.schedule.name}", name, _word(before), _word(after))
            for name, before, after in schedules.changes(self.deployed, self.schedule)
            if self.deployed or _word(after)
        )


Action = Upload | SetTags | Publish | RemoveAlias | NameVersion | PutSchedule


@dataclass(frozen=True)
class Plan:
    """What will be done, to what, and what it rests on. No actions: nothing changes."""

    wanted: Wanted
    state: State
    actions: tuple[Action, ...]
    notes: tuple[str, ...] = ()

    @property
    def id(self) -> str:
        """The same for the same actions on the same state."""
        return _hash([self.state.basis, [_identity(action) for action in self.actions]])[:16]


def make(wanted: Wanted, state: State, notes: tuple[str, ...] = ()) -> Plan:
    """The plan that makes `wanted` of `state`."""
    data = {artifact.key: artifact.data for artifact in wanted.artifacts}
    actions: list[Action] = [Upload(script, data[script.key]) for script in state.missing]
    there = state.pipeline
    changes = _publication(wanted, there)
    if there is None:
        actions.append(Publish(wanted, True, changes))
    else:
        actions += _tags(wanted, there)
        if changes:
            actions.append(Publish(wanted, False, changes))
    new = there is None or content_of(there.definition) != wanted.content
    actions += _naming(wanted, there, new=new)
    if wanted.schedule is not None:
        declared = schedules.keep_state(wanted.schedule, state.schedule)
        if declared != state.schedule:
            actions.append(PutSchedule(declared, state.schedule))
    return Plan(wanted, state, tuple(actions), notes)


def identity(plans: Sequence[Plan]) -> str:
    """What stands for all these plans together: the same for the same actions on the same state."""
    return plans[0].id if len(plans) == 1 else _hash([plan.id for plan in plans])[:16]


def content_of(definition: str) -> str:
    """The SHA-256 of a definition's canonical form: how the service keeps it doesn't matter."""
    return hashlib.sha256(diff.canonical(json.loads(definition)).encode()).hexdigest()


def _publication(wanted: Wanted, there: Deployed | None) -> tuple[Change, ...]:
    """What goes into one CreatePipeline or UpdatePipeline."""
    before = json.loads(there.definition) if there else {}
    changes = list(diff.diff(before, json.loads(wanted.definition)))
    facts = [
        ("role", there and there.role_arn, wanted.role_arn),
        ("description", there and there.description, wanted.description),
        ("steps at the same time", there and there.max_parallel_steps, wanted.max_parallel_steps),
    ]
    if there is None:
        facts += [(f"tag {key}", None, value) for key, value in wanted.tags]
    changes += [
        Change("pipeline", name, _word(old), _word(new)) for name, old, new in facts if old != new
    ]
    # The pipeline's own facts in one block.
    return tuple(sorted(changes, key=lambda change: change.subject != "pipeline"))


def _tags(wanted: Wanted, there: Deployed) -> list[Action]:
    """Others tag pipelines too, so only tags that an earlier deployment set are removed.

    Which those are is told by the deployed definition, whose jobs have the same tags; therefore
    they go before the definition does.
    """
    deployed, declared = dict(there.tags), dict(wanted.tags)
    put = tuple((key, value) for key, value in wanted.tags if deployed.get(key) != value)
    ours = {
        key for step in Definition.read(json.loads(there.definition)).written for key in step.tags
    }
    remove = tuple(key for key in deployed if key in ours and key not in declared)
    return [SetTags(put, remove)] if put or remove else []


def _naming(wanted: Wanted, there: Deployed | None, *, new: bool) -> list[Action]:
    """Names the version that has the wanted definition, and moves the alias to it.

    A name that begins with the content hash stays: it tells the commit that first deployed it.
    """
    latest = None if new or there is None else there.latest
    named = latest is not None and latest.name.startswith(wanted.content[:_NAME_DIGITS])
    holder = there.alias_of if there else None
    placed = wanted.alias is None or (latest is not None and holder == latest.number)
    if named and placed:
        return []
    actions: list[Action] = []
    if not placed and holder is not None and wanted.alias is not None:
        actions.append(RemoveAlias(wanted.alias, holder))
    keep = latest if named else None
    actions.append(
        NameVersion(
            latest.number if latest else None,
            keep.name if keep else wanted.version_name,
            keep.description if keep else _description(wanted),
            None if placed else wanted.alias,
        )
    )
    return actions


def _description(wanted: Wanted) -> str:
    return f"definition {wanted.content}" + (f"; {wanted.made_from}" if wanted.made_from else "")


def _word(value: object) -> str | None:
    if value is None or value == () or value == "":
        return None
    if isinstance(value, tuple):
        return ", ".join("=".join(one) if isinstance(one, tuple) else str(one) for one in value)
    return str(value)


def _identity(action: Action) -> Any:
    if isinstance(action, Upload):
        return ["Upload", action.script.uri]
    if isinstance(action, Publish):
        changes = [dataclasses.asdict(change) for change in action.changes]
        return ["Publish", action.create, action.wanted.content, changes]
    return [type(action).__name__, dataclasses.asdict(action)]


def _hash(value: Any) -> str:
    text = json.dumps(value, sort_keys=True, default=lambda one: repr(one))
    return hashlib.sha256(text.encode()).hexdigest()
