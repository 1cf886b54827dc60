"""S3 inputs: which objects an instance gets, and under which file names."""

from __future__ import annotations

import functools
import os
import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sagepipe.errors import InputError, StoreError, UnsupportedError
from sagepipe.language.request.channels import ROOT, folder
from sagepipe.language.request.evaluated import S3Input, managed
from sagepipe.language.s3 import Location
from sagepipe.local.channels import manifest
from sagepipe.local.names import as_file
from sagepipe.local.store import ESCAPE, Store

Json = Any

COPIED = 1 << 18  # bytes; a smaller file is copied, since that costs no more than a link does


@dataclass(frozen=True)
class Item:
    """One object of an input: its file name below the input's folder, its key, its file."""

    name: str
    location: Location
    path: Path


@dataclass(frozen=True)
class Channel:
    """One processing input of a job, its objects listed once for all instances.

    `piped`: the objects are streamed through FIFOs; `gzip`: unpacked on the way.
    """

    name: str
    local_path: str
    sharded: bool
    piped: bool
    gzip: bool
    items: tuple[Item, ...]
    location: Location

    def shard(self, index: int, count: int) -> tuple[Item, ...]:
        """The objects of instance `index` of `count`.

        ShardedByS3Key gives every instance the same number of objects, give or take one, in an
        assignment that AWS does not document; here object i in key order (in a manifest, in its
        order) goes to instance i modulo count.
        """
        return self.items[index::count] if self.sharded else self.items


def list_channels(inputs: Sequence[Mapping[str, Json]], store: Store) -> tuple[Channel, ...]:
    """List the objects of a job's inputs, which `request.check` has found right. Those that are
    AppManaged are the script's business.

    Raises:
        InputError: an input without objects, or two objects with one file name.
        UnsupportedError: a form of input that this engine doesn't have.
    """
    channels = tuple(_channel(entry, store) for entry in managed(inputs))
    _require_own_files(channels)
    return channels


def file_name(key: str, prefix: str) -> str:
    """Where an object that a prefix matched lies below the input's local path.

    A prefix that names a folder or the object itself is stripped; one that ends within a name
    keeps that whole name (aws/sagemaker-python-sdk#3612, seen on the service).
    """
    if key == prefix:
        name = key.rpartition("/")[2]
    elif prefix == "" or prefix.endswith("/"):
        name = key[len(prefix) :]
    elif key[len(prefix)] == "/":
        name = key[len(prefix) + 1 :]
    else:
        name = key[prefix.rfind("/") + 1 :]
    return inside(name)


def inside(name: str) -> str:
    """A file name that stays below its folder: doubled slashes and `.` count for nothing, as
    in any path, and a `..` gets the store's escape before it."""
    segments = [segment for segment in name.split("/") if segment not in ("", ".")]
    return "/".join(
        f"{ESCAPE}{segment}" if segment == ".." or segment.startswith(ESCAPE) else segment
        for segment in segments
    )


def container_path(owner: str, path: str) -> str:
    """A LocalPath without doubled or final slashes.

    Raises:
        InputError: it isn't a folder below /opt/ml/processing, as the service wants it.
    """
    if inside := folder(path):
        return inside
    raise InputError(f"{owner}: LocalPath {path!r} must be a folder below {ROOT}")


def stage(items: Sequence[Item], folder: Path, *, link: bool) -> None:
    """Put an instance's objects below its folder for the input: linked, or copied where the
    script could otherwise write through the link.

    Small files are copied always. Among them are scripts, which must be files of their own: for
    a link, Python would look for the modules beside it in the store.

    Raises:
        InputError: the disk refuses it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    made = {str(folder)}
    for item in items:
        target = f"{folder}/{item.name}"
        parent = target.rpartition("/")[0]
        try:
            if parent not in made:
                os.makedirs(parent, exist_ok=True)
                made.add(parent)
            if link and os.stat(item.path).st_size > COPIED:
                os.symlink(item.path.resolve(), target)
            else:
                shutil.copyfile(item.path, target)
        except OSError as error:
            raise InputError(
                f"{item.location} cannot be brought to the instance: {error.strerror}"
            ) from error


def staged_files(channels: Sequence[Channel]) -> set[Path]:
    """The files that a link in an instance may lead to."""
    resolve = functools.cache(Path.resolve)  # of folders: there are fewer of them
    return {
        path.resolve() if path.is_symlink() else resolve(path.parent) / path.name
        for path in {item.path for channel in channels for item in channel.items}
    }


def source_folders(channels: Sequence[Channel], store: Store) -> list[Path]:
    """The folders that linked inputs lie in, for the script to be kept from writing there."""
    buckets = {item.location.bucket for channel in channels for item in channel.items}
    folders = {store.bucket(name) for name in buckets}
    folders.update(mount.directory for mount in store.mounts)
    found = {folder.resolve() for folder in folders if folder.is_dir()}
    # a link in a folder of the user's may lead anywhere
    for parent in {path.parent for path in staged_files(channels)}:
        if not any(parent.is_relative_to(folder) for folder in found):
            found.add(parent)
    return sorted(found)


def _channel(entry: Mapping[str, Json], store: Store) -> Channel:
    asked = S3Input.read(entry)
    if asked is None:
        raise UnsupportedError(
            f"input {entry['InputName']!r}: a DatasetDefinition is a query on Athena or Redshift, "
            "which are not here; give its result as an S3Input"
        )
    if asked.piped:
        as_file("input", asked.name)  # the pipes are called by it
    location = Location.parse(asked.uri)
    listed = _of_manifest if asked.manifest else _of_prefix
    return Channel(
        name=asked.name,
        local_path=container_path(f"input {asked.name!r}", asked.local_path),
        sharded=asked.sharded,
        piped=asked.piped,
        gzip=asked.gzip,
        items=listed(asked.name, location, store),
        location=location,
    )


def _of_prefix(name: str, location: Location, store: Store) -> tuple[Item, ...]:
    items = []
    for found in store.list(location):
        local = file_name(found.key, location.key)
        if found.key.endswith("/") or not local:
            # what the S3 console makes for a folder: no data, and no file can be named so
            if found.path.stat().st_size:
                raise InputError(
                    f"input {name!r}: s3://{location.bucket}/{found.key} has content, but no file "
                    "can be named after it; give it another key"
                )
            continue
        items.append(Item(local, Location(location.bucket, found.key), found.path))
    if not items:
        raise InputError(
            f"input {name!r}: no object under {location}; put files there, or name another "
            "bucket or prefix"
        )
    return tuple(items)


def _of_manifest(name: str, location: Location, store: Store) -> tuple[Item, ...]:
    try:
        content = store.read(location)
    except StoreError as error:
        raise InputError(f"input {name!r}: its manifest {error}") from error
    entries = manifest.parse(content, f"input {name!r}: manifest {location}")
    items = []
    for entry in entries:
        local = inside(entry.suffix)
        if not local or entry.suffix.endswith("/"):
            raise InputError(
                f"input {name!r}: manifest {location}: {entry.suffix!r} names a folder; list "
                "objects"
            )
        try:
            path = store.find(entry.location)
        except StoreError as error:
            raise InputError(f"input {name!r}: manifest {location}: {error}") from error
        items.append(Item(local, entry.location, path))
    return tuple(items)


def _require_own_files(channels: Sequence[Channel]) -> None:
    """Each object needs a file that is no other's, and that no other needs as its folder."""
    owners: dict[str, tuple[Channel, str]] = {}
    for channel in channels:
        for local, origin in _names(channel):
            path = f"{channel.local_path}/{local}"
            if path in owners:
                other, key = owners[path]
                raise InputError(_clash(other, key, channel, origin, local))
            owners[path] = (channel, origin)
    parents = {folder for path in owners for folder in _parents(path)}
    for path in sorted(parents & owners.keys()):
        other, key = owners[path]
        raise InputError(
            f"input {other.name!r}: {key} would be the file {path}, but other objects need that "
            "as their folder; end the prefix with a slash or rename one"
        )


def _names(channel: Channel) -> Iterable[tuple[str, str]]:
    if channel.piped:
        return [(f"{channel.name}{end}", channel.name) for end in ("-manifest", "_0", "_1")]
    return [(item.name, item.location.key) for item in channel.items]


def _clash(one: Channel, key: str, two: Channel, origin: str, local: str) -> str:
    if one is two:
        return (
            f"input {one.name!r}: {key} and {origin} would both be {local!r}; "
            f"end the prefix {one.location} with a slash"
        )
    return (
        f"inputs {one.name!r} and {two.name!r}: {key} and {origin} would both be "
        f"{os.path.join(two.local_path, local)}; give one another LocalPath"
    )


def _parents(path: str) -> Iterable[str]:
    position = path.rfind("/")
    while position > 0:
        path = path[:position]
        yield path
        position = path.rfind("/")
