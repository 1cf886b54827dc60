"""The step cache: a step whose job has been run before takes that job's outputs.

The service's rules, as documented: caching is a step's own choice (CacheConfig); what is compared
is AppSpecification, Environment and ProcessingInputs, after evaluation, so resources, outputs,
role, network and limits don't count; only successful runs of the same step of the same pipeline
are looked at, the most recent one first, none older than ExpireAfter; the step then has the old
job's properties, old output URIs among them.

Safer than the service, and said when it makes a difference: the *content* of the inputs, and of
every s3:// URI in arguments and environment, must be the same too, and the old outputs must still
be there, untouched. What a script reads without naming an s3:// URI isn't seen.

Chosen where the service isn't documented: ExpireAfter counts from the end of the job; without
ExpireAfter a result doesn't expire; a step's success is enough, its execution may have failed.

An entry is one file, `<store>/.local/step-cache/<pipeline>/<step>/<key>/<execution>.json`; one
that is damaged is removed, which is said.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sagepipe.language.step import Step
from sagepipe.local import shape
from sagepipe.local.cache import fingerprint
from sagepipe.local.cache.fingerprint import Digest, Digests, Looks
from sagepipe.local.record import StepResult
from sagepipe.local.store import Store

Json = Any

_KEY_MEMBERS = ("AppSpecification", "Environment", "ProcessingInputs")
SCHEMA = 2


@dataclass(frozen=True)
class Entry:
    """A successful run of a step. `read` was taken before the job, `named` and `written` after;
    `cluster` has what the key leaves out and people care about."""

    execution: str
    ended: float
    seconds: float
    cluster: Mapping[str, Json]
    read: Digests
    named: Digests
    written: Looks
    result: StepResult
    schema: int = SCHEMA


@dataclass(frozen=True)
class Found:
    """What a look into the cache gave: an entry to take, or why the newest one can't be taken."""

    entry: Entry | None = None
    refused: str = ""


class StepCache:
    """The cache for one run of one step: look up before the job, keep after it.

    With `by_uri` the contents of inputs and outputs aren't looked at, as by the service. `note` is
    told of entries that had to be removed.
    """

    def __init__(
        self,
        store: Store,
        pipeline: str,
        step: Step,
        request: Json,
        by_uri: bool,
        note: Callable[[str], None],
    ) -> None:
        self._store, self._request, self._note = store, request, note
        self._by_uri = by_uri
        self._step_folder = (
            store.state / "step-cache" / _file_name(pipeline) / _file_name(step.name)
        )
        self._folder = self._step_folder / key(request)
        self._expires = step.cache.expires
        self._read = fingerprint.inputs(request, store)
        self._digests: Digests | None = None
        self._reader: threading.Thread | None = None

    def look_up(self) -> Found:
        """The most recent run that may stand in for this one."""
        refused = ""
        for entry in self._entries(self._folder):
            if self._expires is not None and time.time() - entry.ended > self._expires:
                break  # so are all that follow
            why = "" if self._by_uri else self._unfit(entry)
            if not why:
                return Found(entry)
            refused = refused or f"{why}, so execution {entry.execution} can't stand in for it"
        return Found(refused=refused)

    def start_reading(self) -> None:
        """Take the inputs' digests while the job runs."""
        if self._digests is None:
            self._reader = threading.Thread(target=self._take_digests, daemon=True)
            self._reader.start()

    def keep(self, execution: str, took: float, result: StepResult) -> None:
        """Keep a successful run, unless its inputs changed while it ran."""
        if self._reader is not None:
            self._reader.join()
        known = [d for digests in (self._digests or {}).values() for d in digests]
        named = fingerprint.digest(fingerprint.named(self._request, self._store), known)
        again = fingerprint.inputs(self._request, self._store)
        if self._digests is None or named is None or not fingerprint.same_files(self._read, again):
            return
        entry = Entry(
            execution=execution,
            ended=time.time(),
            seconds=took,
            cluster=cluster(self._request),
            read=self._digests,
            named=named,
            written=fingerprint.outputs(result.outputs.values(), self._store),
            result=result,
        )
        self._folder.mkdir(parents=True, exist_ok=True)
        staged = self._folder / f".{uuid.uuid4().hex}"
        staged.write_text(json.dumps(shape.write(entry)))
        staged.replace(self._folder / f"{execution}.json")

    def _unfit(self, entry: Entry) -> str:
        """Why an entry with the right key can't be taken; "" if it can."""
        self._take_digests([*_all(entry.read), *_all(entry.named)])
        if self._digests is None:
            return "its inputs are changing"
        if changed := fingerprint.difference(entry.read, self._digests):
            return f"the content of its inputs has changed ({changed}), which the service ignores"
        known = [*_all(entry.read), *_all(entry.named)]
        now = fingerprint.digest(fingerprint.named(self._request, self._store), known)
        if now is None:
            return "what its arguments name is changing"
        if changed := fingerprint.difference(entry.named, now):
            return (
                f"the content of what its arguments name has changed ({changed}), which the "
                "service ignores"
            )
        if not fingerprint.same_files(
            entry.written, fingerprint.outputs(entry.written, self._store)
        ):
            return "the outputs that it left are no longer as it left them"
        return ""

    def _take_digests(self, known: list[Digest] | None = None) -> None:
        if self._digests is None:
            if known is None:  # another run of this step may have read the same files
                newest = max(self._step_folder.glob("*/*.json"), key=_mtime, default=None)
                entry = self._load(newest) if newest else None
                known = _all(entry.read) if entry else []
            self._digests = fingerprint.digest(self._read, known)

    def _entries(self, folder: Path) -> Iterator[Entry]:
        entries = [entry for path in folder.glob("*.json") if (entry := self._load(path))]
        yield from sorted(entries, key=lambda entry: entry.ended, reverse=True)

    def _load(self, path: Path) -> Entry | None:
        try:
            document = json.loads(path.read_bytes())
            if isinstance(document, dict) and document.get("schema") != SCHEMA:
                return None  # of another version of this program
            return shape.read(Entry, document)
        except FileNotFoundError:
            return None
        except (OSError, ValueError, RecursionError) as error:
            self._note(f"a damaged entry of the step cache is dropped: {path}: {error}")
            with contextlib.suppress(OSError):
                path.unlink()
            return None


def key(request: Mapping[str, Json]) -> str:
    """The service's key of a job, as a digest."""
    compared = {name: request.get(name) or None for name in _KEY_MEMBERS}
    return hashlib.sha256(json.dumps(compared, sort_keys=True).encode()).hexdigest()[:32]


def cluster(request: Mapping[str, Json]) -> dict[str, Json]:
    """What the key leaves out and a user may have changed on purpose."""
    wanted = request["ProcessingResources"]["ClusterConfig"]
    return {name: wanted.get(name) for name in ("InstanceCount", "InstanceType")}


def _all(digests: Digests) -> list[Digest]:
    return [digest for found in digests.values() for digest in found]


def _mtime(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0


def _file_name(name: str) -> str:
    """A folder's name for a name; another one for every other name."""
    plain = re.sub(r"[^A-Za-z0-9_\-]", "_", name)[:100]
    digest = hashlib.sha256(name.encode(errors="replace")).hexdigest()[:8]
    return plain if plain == name != "" else f"{plain}.{digest}"
