"""S3 inputs: which objects an instance gets, and under which file names."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from pipelines.errors import InputError, UnsupportedError
from pipelines.local.store import Location, Store, StoredObject

Json = Any


@dataclass(frozen=True)
class Channel:
    """One processing input of a job, its objects listed once for all instances."""

    name: str
    local_path: str
    sharded: bool
    objects: tuple[tuple[str, Path], ...]  # file name below local_path, file in the store
    location: Location

    def shard(self, index: int, count: int) -> tuple[tuple[str, Path], ...]:
        """The objects of instance `index` of `count`.

        ShardedByS3Key gives every instance the same number of objects, give or take one, in an
        assignment that AWS does not document; here object i in key order goes to instance
        i modulo count.
        """
        return self.objects[index::count] if self.sharded else self.objects


def list_channels(inputs: Sequence[Mapping[str, Json]], store: Store) -> tuple[Channel, ...]:
    """List the objects of a job's inputs.

    Raises:
        InputError: an input without objects, or two objects with one file name.
        UnsupportedError: a form of input that this engine doesn't have.
    """
    return tuple(_channel(item, store) for item in inputs if not item.get("AppManaged"))


def file_name(key: str, prefix: str) -> str:
    """Where an object that a prefix matched lies below the input's local path.

    A prefix that names a folder or the object itself is stripped; one that ends within a name
    keeps that whole name (aws/sagemaker-python-sdk#3612, seen on the service).
    """
    if key == prefix:
        return PurePosixPath(key).name
    if prefix == "" or prefix.endswith("/"):
        return key[len(prefix) :]
    if key[len(prefix)] == "/":
        return key[len(prefix) + 1 :]
    return key[prefix.rfind("/") + 1 :]


def _channel(item: Mapping[str, Json], store: Store) -> Channel:
    name = item["InputName"]
    if "S3Input" not in item:
        raise UnsupportedError(f"input {name!r}: only S3Input can be read locally")
    source = item["S3Input"]
    for member, supported in (
        ("S3DataType", "S3Prefix"),
        ("S3InputMode", "File"),
        ("S3CompressionType", "None"),
    ):
        if (found := source.get(member, supported)) != supported:
            raise UnsupportedError(f"input {name!r}: {member} {found} cannot be run locally yet")
    location = Location.parse(source["S3Uri"])
    objects = store.list(location)
    if not objects:
        raise InputError(
            f"input {name!r}: no object under {location}; put files there, or name another "
            "bucket or prefix"
        )
    return Channel(
        name=name,
        local_path=source["LocalPath"],
        sharded=source.get("S3DataDistributionType") == "ShardedByS3Key",
        objects=_named(name, objects, location),
        location=location,
    )


def _named(
    name: str, objects: Sequence[StoredObject], location: Location
) -> tuple[tuple[str, Path], ...]:
    named: dict[str, StoredObject] = {}
    for item in objects:
        local = file_name(item.key, location.key)
        if local in named:
            raise InputError(
                f"input {name!r}: {named[local].key} and {item.key} would both be {local!r}; "
                f"end the prefix {location} with a slash"
            )
        named[local] = item
    return tuple((local, item.path) for local, item in named.items())


def stage(files: Sequence[tuple[str, Path]], folder: Path, *, link: bool) -> None:
    """Put an instance's objects below its folder for the input: linked, or copied where the
    script could otherwise write through the link."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, source in files:
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if link:
            target.symlink_to(source.resolve())
        else:
            shutil.copyfile(source, target)
