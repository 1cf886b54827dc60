"""What is in the objects that a job reads, as one digest for each.

A file is read once: as long as its size, time of change and inode stay what they were when its
digest was taken, the digest stays good. As in git, that isn't trusted for a file that had just
been written then, since a second change within the clock's resolution would go unseen.
"""

from __future__ import annotations

import hashlib
import json
import re
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sagepipe.errors import LocalError
from sagepipe.language.s3 import Location
from sagepipe.local.store import Store, StoredObject

Json = Any

_FRESH = 2.0  # seconds
_URI = re.compile(r"s3a?://[^\s,;\"'|]+")


@dataclass(frozen=True)
class Look:
    """An object at one moment, its bytes not read."""

    key: str
    path: Path
    size: int
    mtime: int  # ns
    inode: int

    def same_file(self, other: Look) -> bool:
        """Whether both looks saw the same, unchanged file."""
        return (self.size, self.mtime, self.inode) == (other.size, other.mtime, other.inode)


@dataclass(frozen=True)
class Digest:
    """An object with the digest of its bytes, taken at `when` (seconds)."""

    look: Look
    sha256: str
    when: float

    @property
    def lasting(self) -> bool:
        """Whether it may be taken over as long as the file looks the same."""
        return self.look.mtime / 1e9 < self.when - _FRESH


Looks = Mapping[str, tuple[Look, ...]]  # by URI
Digests = Mapping[str, tuple[Digest, ...]]


def inputs(request: Mapping[str, Json], store: Store) -> Looks:
    """The objects of a job's ProcessingInputs; a manifest's are the manifest and all it lists."""
    found: dict[str, tuple[Look, ...]] = {}
    for item in request.get("ProcessingInputs", []):
        source = item.get("S3Input")
        if source is not None:
            found[f"{source['S3Uri']} ({item['InputName']})"] = _look(
                _objects(source["S3Uri"], source.get("S3DataType"), store)
            )
    return found


def named(request: Mapping[str, Json], store: Store) -> Looks:
    """The objects under each s3:// URI in a job's arguments and environment, which its script may
    read or write by itself, as Spark does."""
    specification = request["AppSpecification"]
    texts = [
        *(specification.get("ContainerEntrypoint") or []),
        *(specification.get("ContainerArguments") or []),
        *request.get("Environment", {}).values(),
    ]
    uris = {uri for text in texts for uri in _URI.findall(str(text))}
    return {uri: _look(_objects(uri, None, store)) for uri in sorted(uris)}


def outputs(uris: Iterable[str], store: Store) -> Looks:
    """The objects under the URIs of outputs."""
    return {
        uri: _look(_objects(str(Location.parse(uri).below("")), None, store))
        for uri in sorted(set(uris))
    }


def digest(looks: Looks, known: Iterable[Digest]) -> Digests | None:
    """Read what isn't known yet; None if a file changed meanwhile."""
    memo = {item.look.path: item for item in known if item.lasting}
    found: dict[str, tuple[Digest, ...]] = {}
    for uri, objects in looks.items():
        digests = []
        for look in objects:
            old = memo.get(look.path)
            if old is None or not old.look.same_file(look):
                try:
                    old = _read(look)
                except OSError:
                    return None
                if old is None:
                    return None
                memo[look.path] = old
            digests.append(Digest(look, old.sha256, old.when))
        found[uri] = tuple(digests)
    return found


def difference(before: Digests, now: Digests) -> str:
    """How the content differs, for people; "" if it doesn't."""
    for uri in sorted({*before, *now}):
        old = {d.look.key: d.sha256 for d in before.get(uri, ())}
        new = {d.look.key: d.sha256 for d in now.get(uri, ())}
        if old != new:
            changed = sorted(key for key in {*old, *new} if old.get(key) != new.get(key))
            first = f"s3://{Location.parse(_plain(uri)).bucket}/{changed[0]}"
            more = f" and {len(changed) - 1} more" if len(changed) > 1 else ""
            return f"{first}{more}"
    return ""


def same_files(before: Looks, now: Looks) -> bool:
    """Whether two looks saw the same objects, unchanged, without reading them."""

    def seen(looks: Looks) -> dict[str, list[tuple[str, int, int]]]:
        return {uri: [(o.key, o.size, o.mtime) for o in found] for uri, found in looks.items()}

    return seen(before) == seen(now)


def _read(look: Look) -> Digest | None:
    now = time.time()
    with look.path.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    again = _look([StoredObject(look.key, look.path)])
    return Digest(look, sha256, now) if again and again[0].same_file(look) else None


def _look(objects: Iterable[StoredObject]) -> tuple[Look, ...]:
    found = []
    for item in objects:
        try:
            stat = item.path.stat()
        except OSError:
            continue  # gone since it was listed
        found.append(Look(item.key, item.path, stat.st_size, stat.st_mtime_ns, stat.st_ino))
    return tuple(found)


def _objects(uri: str, kind: str | None, store: Store) -> list[StoredObject]:
    """What is under a URI; nothing where the URI is none, which the job itself will say."""
    try:
        location = Location.parse(_plain(uri))
        found = store.list(location)
        if kind != "ManifestFile":
            return found
        first, *rest = json.loads(store.read(location))
        for suffix in rest:
            target = Location.parse(f"{first['prefix']}{suffix}")
            found += [item for item in store.list(target) if item.key == target.key]
        return found
    except (LocalError, ValueError, TypeError, KeyError):
        return []


def _plain(uri: str) -> str:
    return uri.replace("s3a://", "s3://", 1)
