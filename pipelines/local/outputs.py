"""Outputs: what the instances of a job left in their output folders becomes objects."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipelines.errors import OutputCollisionError
from pipelines.local.store import Location, Store

Json = Any


@dataclass(frozen=True)
class OutputFolder:
    """One output of one instance: its folder, and the prefix that its files go under."""

    name: str
    host: str
    folder: Path
    location: Location


@dataclass(frozen=True)
class Produced:
    """One file that an instance produced and the key it will have."""

    output: OutputFolder
    path: Path
    location: Location


def find(folders: Sequence[OutputFolder], staged: Set[Path]) -> list[Produced]:
    """The files to publish, over all instances.

    Links are not followed, as on the service, but for links to `staged` inputs: those are files
    to the script, and a copy of such a link (`cp -r`) is a copy of the file.

    Raises:
        OutputCollisionError: two instances produced the same key, of which the service would
            silently keep one.
    """
    found: dict[Location, Produced] = {}
    for output in folders:
        for path in sorted(_files(output.folder, staged)):
            relative = path.relative_to(output.folder).as_posix()
            key = f"{output.location.key.rstrip('/')}/{relative}".lstrip("/")
            location = Location(output.location.bucket, key)
            other = found.get(location)
            if other is not None:
                raise OutputCollisionError(
                    f"output {output.name!r}: {other.output.host} and {output.host} both wrote "
                    f"{location}; on SageMaker one would overwrite the other. Put the host name "
                    "(current_host of /opt/ml/config/resourceconfig.json) into the file name"
                )
            found[location] = Produced(output, path, location)
    return list(found.values())


def publish(produced: Sequence[Produced], store: Store) -> Mapping[str, int]:
    """Move the files into the store, each whole or not at all; the count for each output."""
    counts: dict[str, int] = {}
    for item in produced:
        if item.path.is_symlink():
            store.put(item.location, item.path.read_bytes())
        else:
            store.move_in(item.path, item.location)
        counts[item.output.name] = counts.get(item.output.name, 0) + 1
    return counts


def _files(folder: Path, staged: Set[Path]) -> Iterator[Path]:
    for parent, _, names in os.walk(folder):
        for name in names:
            path = Path(parent, name)
            if not path.is_symlink() or path.resolve() in staged:
                yield path
