"""Removing local executions: which may go, what goes with each, and the removal itself.

A plan is frozen data that can be printed as well as carried out. An execution goes with its record,
logs and scratch; with its outputs only when that is asked for, and only those that lie under a key
with its id in it, in the store itself, and that no other execution refers to. A running execution
and a folder of the user's are never touched.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import stat
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sagepipe.errors import ExecutionError, LocalError, StoreError
from sagepipe.executions.archive import RUNNING, Entry
from sagepipe.executions.local_archive import LocalArchive
from sagepipe.language.s3 import Location
from sagepipe.local import record
from sagepipe.local.store import Store

Json = Any

_URI = re.compile(r"s3://[^\s\"',]+")
_REMOVED = "removed"  # what is on its way out, in the store's state folder


@dataclass(frozen=True)
class Rules:
    """What may go: executions older than `older_than`, those after the newest `keep`, and those
    after the newest that together have `max_bytes`. One that any rule names goes."""

    older_than: timedelta | None = None
    keep: int | None = None
    max_bytes: int | None = None

    def __post_init__(self) -> None:
        if self.older_than is None and self.keep is None and self.max_bytes is None:
            raise ExecutionError(
                "say what may go: --older-than DAYS, --keep N or --max-size SIZE, or several"
            )


@dataclass(frozen=True)
class Removal:
    """An execution that may go: its folder, the files of its outputs, and the bytes of both.

    `cached` are the entries of the step cache that its outputs are the results of; `left` has the
    outputs that stay, each with the reason.
    """

    entry: Entry
    folder: Path
    files: tuple[Path, ...]
    cached: tuple[Path, ...]
    bytes: int
    left: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Plan:
    """What would be removed, the newest first; `kept` counts the executions that stay, and
    `notes` says what was stepped over."""

    store: Store
    removals: tuple[Removal, ...]
    kept: int
    notes: tuple[str, ...]

    @property
    def bytes(self) -> int:
        """What all of it takes."""
        return sum(removal.bytes for removal in self.removals)


def plan(store: Store, rules: Rules, *, outputs: bool, now: datetime | None = None) -> Plan:
    """Which executions of a store may go. Changes nothing. Raises `LocalError`."""
    listing = LocalArchive(store).entries(None)
    uses = _Uses.read(store) if outputs else _Uses({}, {})
    whole = [_removal(entry, store, uses, outputs=outputs) for entry in listing.entries]
    running = [one for one in whole if one.entry.status in RUNNING]
    ended = [one for one in whole if one.entry.status not in RUNNING]
    going = _chosen(ended, rules, now or datetime.now(UTC))
    if outputs:
        # What only refers to each other goes together; what stays keeps what it refers to.
        staying = uses.without(one.entry.id for one in going)
        seen: set[Path] = set()  # two may have taken the same outputs
        going = [_removal(one.entry, store, staying, outputs=True, seen=seen) for one in going]
    notes = [f"{text}; left as it is" for text in listing.damaged]
    notes += [f"execution {one.entry.id} is running; left as it is" for one in running]
    return Plan(store, tuple(going), len(whole) - len(going), tuple(notes))


def carry_out(plan: Plan) -> tuple[Removal, ...]:
    """Remove what a plan says; returns what is gone.

    An execution that has been resumed since is left. Each goes whole: its outputs first, then its
    record under another name, so that what is cut short is finished by the next cleaning.

    Raises `LocalError`: something can't be removed.
    """
    removed = plan.store.state / _REMOVED
    shutil.rmtree(removed, ignore_errors=True)
    gone = []
    for removal in plan.removals:
        if record.is_held(removal.folder):
            continue
        try:
            _remove(removal, plan.store, removed)
        except OSError as error:
            raise LocalError(
                f"execution {removal.entry.id} can't be removed: {error.filename}: {error.strerror}"
            ) from error
        gone.append(removal)
    return tuple(gone)


def _remove(removal: Removal, store: Store, removed: Path) -> None:
    with record.held(removal.folder):
        for path in (*removal.cached, *removal.files):
            path.unlink(missing_ok=True)
        _prune(removal.files, store)
        removed.mkdir(parents=True, exist_ok=True)
        removal.folder.replace(removed / removal.folder.name)
    shutil.rmtree(removed / removal.folder.name)


@dataclass(frozen=True)
class _Uses:
    """The S3 URIs that each execution's record names, and the text of each damaged record."""

    uris: Mapping[str, frozenset[str]]
    damaged: Mapping[str, str]

    @classmethod
    def read(cls, store: Store) -> _Uses:
        """Of all records. Raises `LocalError`."""
        uris, damaged = {}, {}
        for path in (store.state / "executions").glob(f"*/{record.RECORD}"):
            try:
                text = path.read_text(errors="replace")
            except OSError as error:
                raise LocalError(f"{path} can't be read: {error.strerror}") from error
            try:
                uris[path.parent.name] = frozenset(_uris(json.loads(text)))
            except ValueError:
                damaged[path.parent.name] = text
        return cls(uris, damaged)

    def without(self, executions: Iterable[str]) -> _Uses:
        """Those of all the others."""
        gone = set(executions)
        return _Uses(
            {name: one for name, one in self.uris.items() if name not in gone}, self.damaged
        )

    def user(self, uri: str, own: str) -> str | None:
        """Another execution that names the URI, something below it, or something that holds it.

        A record that can't be read counts as using all of an execution whose id is in it.
        """
        wanted = uri.rstrip("/")
        for execution, uris in self.uris.items():
            if execution != own and any(
                f"{used}/".startswith(f"{wanted}/") or f"{wanted}/".startswith(f"{used}/")
                for used in uris
            ):
                return execution
        return next((name for name, text in self.damaged.items() if own in text), None)


def _uris(value: Json) -> Iterator[str]:
    """Every S3 URI in the strings of a JSON value, within a command line too."""
    if isinstance(value, str):
        yield from (uri.rstrip("/") for uri in _URI.findall(value))
    elif isinstance(value, Mapping):
        for one in value.values():
            yield from _uris(one)
    elif isinstance(value, list):
        for one in value:
            yield from _uris(one)


def _chosen(ended: Sequence[Removal], rules: Rules, now: datetime) -> list[Removal]:
    chosen, total = [], 0
    for position, one in enumerate(ended):
        total += one.bytes
        age = now - one.entry.started if one.entry.started else timedelta.max
        old = rules.older_than is not None and age > rules.older_than
        late = rules.keep is not None and position >= rules.keep
        large = rules.max_bytes is not None and total > rules.max_bytes
        if old or late or large:
            chosen.append(one)
    return chosen


def _removal(
    entry: Entry, store: Store, uses: _Uses, *, outputs: bool, seen: set[Path] | None = None
) -> Removal:
    """What goes with an execution, but for the files in `seen`, which this adds to."""
    folder = record.folder_of(store, entry.id)
    known: set[Path] = set() if seen is None else seen
    files: list[Path] = []
    cached: list[Path] = []
    left: list[tuple[str, str]] = []
    for owner, uri in _written(entry.id, store) if outputs else ():
        own, why = _own(uri, owner, entry.id, store, uses)
        files += [path for path in dict.fromkeys(own) if path not in known]
        known.update(own)
        if why:
            left.append((uri, why))
        else:  # a cached result stands for outputs that are there
            cached += (store.state / "step-cache").glob(f"*/*/*/{owner}.json")
    results = tuple(dict.fromkeys(cached)) if not left else ()
    size = sum(_size(path) for path in (*_below(folder), *files, *results))
    return Removal(entry, folder, tuple(files), results, size, tuple(left))


def _written(identity: str, store: Store) -> Iterator[tuple[str, str]]:
    """The outputs of the steps that the execution ran itself, each after the execution's id.

    With those that it took from one whose record is gone: nobody else answers for them any more.
    """
    for step in LocalArchive(store).read(identity).steps.values():
        owner = step.source if step.reused and step.source else identity
        if owner == identity or not record.folder_of(store, owner).exists():
            yield from dict.fromkeys((owner, output.uri) for output in step.outputs.values())


def _own(uri: str, owner: str, identity: str, store: Store, uses: _Uses) -> tuple[list[Path], str]:
    """The files of an output that may go, or why it stays."""
    try:
        location = Location.parse(uri)
    except StoreError as error:
        return [], str(error)
    if owner not in location.key.split("/"):
        return [], "its key doesn't have the execution's id: others may write there, too"
    if user := uses.user(uri, identity):
        return [], f"execution {user} refers to it"
    below = Location(location.bucket, f"{location.key.rstrip('/')}/")
    mounts = LocalArchive(store).mounts(identity)
    return [
        item.path
        for item in Store(store.root).list(below)
        if not any(mount.covers(Location(below.bucket, item.key)) for mount in mounts)
    ], ""


def _prune(files: Sequence[Path], store: Store) -> None:
    """Remove the folders that are empty now, up to the bucket's own."""
    for folder in {path.parent for path in files}:
        while len(folder.relative_to(store.root).parts) > 1:
            try:
                folder.rmdir()
            except OSError:
                break
            folder = folder.parent


def _below(folder: Path) -> Iterator[Path]:
    for parent, _, names in os.walk(folder):
        for name in names:
            yield Path(parent, name)


def _size(path: Path) -> int:
    """The bytes that a file takes; a link takes none of what it leads to."""
    try:
        found = path.lstat()
    except OSError:
        return 0
    return found.st_size if stat.S_ISREG(found.st_mode) else 0
