"""A folder that stands in for S3: `s3://<bucket>/<key>` is `<root>/<bucket>/<key>`.

Folders of the user's can be mounted under a bucket and prefix, read-only, so that recordings are
run where they lie. Whatever is written appears under its key whole or not at all.
"""

from __future__ import annotations

import errno
import os
import shutil
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pipelines.errors import StoreError

STATE_FOLDER = ".local"  # no bucket can have this name: bucket names start with a letter or digit


@dataclass(frozen=True)
class Location:
    """An S3 location. As a prefix it matches every key that starts with `key`, as in S3."""

    bucket: str
    key: str = ""

    @classmethod
    def parse(cls, uri: str) -> Location:
        """Read `s3://bucket/key`.

        Raises:
            StoreError: another scheme, or no bucket.
        """
        scheme, separator, rest = uri.partition("://")
        bucket, _, key = rest.partition("/")
        if scheme != "s3" or not separator or not bucket:
            raise StoreError(f"{uri!r} is not an S3 URI; write s3://bucket/key")
        return cls(bucket, key)

    def __str__(self) -> str:
        return f"s3://{self.bucket}/{self.key}"


@dataclass(frozen=True)
class StoredObject:
    """One object: its key, and the file that holds its bytes."""

    key: str
    path: Path


@dataclass(frozen=True)
class Mount:
    """A folder of the user's seen as `s3://bucket/prefix/…`; never written to."""

    bucket: str
    prefix: str
    directory: Path

    def __post_init__(self) -> None:
        if not self.directory.is_dir():
            raise StoreError(f"{self.directory} is not a folder")
        object.__setattr__(self, "prefix", self.prefix.strip("/"))

    def key(self, path: Path) -> str:
        """The key of a file in the folder."""
        relative = path.relative_to(self.directory).as_posix()
        return f"{self.prefix}/{relative}" if self.prefix else relative

    def covers(self, location: Location) -> bool:
        """Whether a location lies in this mount."""
        inside = not self.prefix or f"{location.key}/".startswith(f"{self.prefix}/")
        return location.bucket == self.bucket and inside


@dataclass(frozen=True)
class Store:
    """The local S3. `root` is made when first written to."""

    root: Path
    mounts: tuple[Mount, ...] = ()

    @property
    def state(self) -> Path:
        """Where executions keep their records, logs and scratch."""
        return self.root / STATE_FOLDER

    def bucket(self, name: str) -> Path:
        """The folder of a bucket (it may not exist yet)."""
        if not name or name.startswith(".") or "/" in name or "\\" in name:
            raise StoreError(f"{name!r} is not a bucket name")
        return self.root / name

    def path(self, location: Location) -> Path:
        """The file that holds, or would hold, an object of the store's own.

        Raises:
            StoreError: a key that no file below the bucket's folder can stand for.
        """
        if not _fits_a_file(location.key):
            raise StoreError(
                f"{location}: a local store cannot hold a key with empty, '.' or '..' segments"
            )
        return self.bucket(location.bucket).joinpath(location.key)

    def list(self, prefix: Location) -> list[StoredObject]:
        """Every object whose key starts with `prefix.key`, in the order of S3 (UTF-8 bytes)."""
        found: dict[str, Path] = {}
        bucket = self.bucket(prefix.bucket)
        folder = prefix.key.rpartition("/")[0]
        if not folder or _fits_a_file(folder):
            for path in _files(bucket / folder):
                found[path.relative_to(bucket).as_posix()] = path
        for mount in self.mounts:
            if mount.bucket == prefix.bucket:
                for path in _files(mount.directory):
                    found[mount.key(path)] = path
        keys = sorted((k for k in found if k.startswith(prefix.key)), key=str.encode)
        return [StoredObject(key, found[key]) for key in keys]

    def read(self, location: Location) -> bytes:
        """The bytes of one object.

        Raises:
            StoreError: there is no such object.
        """
        for mount in self.mounts:
            if mount.covers(location):
                relative = location.key[len(mount.prefix) :].strip("/")
                path = mount.directory / relative
                if path.is_file() and path.resolve().is_relative_to(mount.directory.resolve()):
                    return path.read_bytes()
        try:
            return self.path(location).read_bytes()
        except (FileNotFoundError, IsADirectoryError, NotADirectoryError) as error:
            raise StoreError(f"{location} does not exist in the store {self.root}") from error

    def put(self, location: Location, content: bytes) -> None:
        """Write one object, whole or not at all; unchanged content is left alone."""
        target = self._target(location)
        if target.is_file() and target.read_bytes() == content:
            return
        staged = self._staging()
        staged.write_bytes(content)
        self._publish(staged, target, location)

    def move_in(self, source: Path, location: Location) -> None:
        """Make a finished file an object; moved where the file system allows, else copied."""
        target = self._target(location)
        try:
            self._publish(source, target, location)
        except OSError as error:
            if error.errno != errno.EXDEV:
                raise
            staged = self._staging()
            shutil.copyfile(source, staged)
            self._publish(staged, target, location)
            source.unlink()

    def _target(self, location: Location) -> Path:
        for mount in self.mounts:
            if mount.covers(location):
                raise StoreError(f"{location} lies in {mount.directory}, which is only read")
        return self.path(location)

    def _staging(self) -> Path:
        folder = self.state / "staging"
        folder.mkdir(parents=True, exist_ok=True)
        return folder / uuid.uuid4().hex

    def _publish(self, source: Path, target: Path, location: Location) -> None:
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            if target.is_dir():
                raise IsADirectoryError(target)
            os.replace(source, target)
        except (NotADirectoryError, FileExistsError, IsADirectoryError) as error:
            raise StoreError(
                f"{location}: the store is a folder, and a folder cannot hold an object and keys "
                "below the same name; choose another key"
            ) from error


def _fits_a_file(key: str) -> bool:
    return all(s not in ("", ".", "..") and "\0" not in s for s in key.split("/"))


def _files(folder: Path) -> Iterator[Path]:
    """Files below a folder, hidden ones too, links to files followed, in no order."""
    for parent, _, names in os.walk(folder):
        for name in names:
            path = Path(parent, name)
            if path.is_file():
                yield path
