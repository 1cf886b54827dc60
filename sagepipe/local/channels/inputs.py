"""S3 inputs: which objects an instance gets, and under which file names."""

from __future__ import annotations

import functools
import os
import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from sagepipe.errors import InputError, StoreError, UnsupportedError
from sagepipe.language.s3 import Location
from sagepipe.local.channels import manifest
from sagepipe.local.store import ESCAPE, Store

Json = Any

PROCESSING = PurePosixPath("/opt/ml/processing")
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
    """List the objects of a job's inputs. Those that are AppManaged are the script's business.

    Raises:
        InputError: an input without objects, two objects with one file name, or a request that
            the service refuses.
        UnsupportedError: a form of input that this engine doesn't have.
    """
    channels = tuple(_channel(item, store) for item in inputs if not item.get("AppManaged"))
    _require_own_folders(channels)
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
    pure = PurePosixPath(path)
    if PROCESSING in pure.parents and ".." not in pure.parts:
        return str(pure)
    raise InputError(f"{owner}: LocalPath {path!r} must be a folder below {PROCESSING}")


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


def _channel(item: Mapping[str, Json], store: Store) -> Channel:
    name = item["InputName"]
    if "S3Input" not in item:
        raise UnsupportedError(
            f"input {name!r}: a DatasetDefinition is a query on Athena or Redshift, which are not "
            "here; give its result as an S3Input"
        )
    source = item["S3Input"]
    for member in ("LocalPath", "S3InputMode"):
        if not source.get(member):
            raise InputError(
                f'input {name!r}: {member} is missing; SageMaker says: "Input {name} missing one '
                'or more required fields for SageMaker-managed S3Input"'
            )
    mode = _one_of(name, source, "S3InputMode", ("File", "Pipe"), "File")
    packed = _one_of(name, source, "S3CompressionType", ("None", "Gzip"), "None") == "Gzip"
    kind = _one_of(name, source, "S3DataType", ("S3Prefix", "ManifestFile"), "S3Prefix")
    distribution = _one_of(
        name,
        source,
        "S3DataDistributionType",
        ("FullyReplicated", "ShardedByS3Key"),
        "FullyReplicated",
    )
    if packed and mode == "File":
        raise InputError(
            f"input {name!r}: S3CompressionType Gzip works in Pipe mode only; use Pipe, or None "
            "and let the script unpack"
        )
    location = Location.parse(source["S3Uri"])
    listed = _of_manifest if kind == "ManifestFile" else _of_prefix
    return Channel(
        name=name,
        local_path=container_path(f"input {name!r}", source["LocalPath"]),
        sharded=distribution == "ShardedByS3Key",
        piped=mode == "Pipe",
        gzip=packed,
        items=listed(name, location, store),
        location=location,
    )


def _one_of(
    name: str, source: Mapping[str, Json], member: str, allowed: Sequence[str], default: str
) -> str:
    value = source.get(member, default)
    if value not in allowed:
        raise InputError(
            f"input {name!r}: {member} {value!r} is not one of {', '.join(allowed)}, which is all "
            "that processing jobs know"
        )
    return str(value)


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


def _require_own_folders(channels: Sequence[Channel]) -> None:
    """The service refuses two inputs with one folder; one folder inside another is fine."""
    owners: dict[PurePosixPath, str] = {}
    for channel in channels:
        other = owners.setdefault(PurePosixPath(channel.local_path), channel.name)
        if other != channel.name:
            raise InputError(
                f"inputs {other!r} and {channel.name!r} both have LocalPath {channel.local_path}, "
                "which the service refuses without saying why; give each a folder, which may lie "
                "inside the other's"
            )


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
