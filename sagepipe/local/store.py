"""A folder that stands in for S3: `s3://<bucket>/<key>` is `<root>/<bucket>/<key>`.

Any key can be held. A segment that no file can be named after (empty, `.` or `..`, so also a
leading, trailing or doubled slash) gets `%=` put before it on disk, and so does one that starts
with `%=` itself: whatever a key says, its file lies inside its bucket, and one file is one key.

Folders of the user's can be mounted as a bucket or below a prefix of one, so that data is used
where it lies; there, nothing is encoded and such keys are refused. Whatever is written appears
under its key whole or not at all.
"""

from __future__ import annotations

import os
import shutil
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from sagepipe.errors import SettingsError, StoreError
from sagepipe.language.s3 import Location
from sagepipe.local.moving import PART, move, told

STATE_FOLDER = ".local"  # no bucket can have this name: bucket names start with a letter or digit
ESCAPE = "%="
_STALE = 86_400.0  # seconds
MAX_NAME = 255  # bytes in the name of a file, on every usual file system


@dataclass(frozen=True)
class StoredObject:
    """One object: its key, and the file that holds its bytes."""

    key: str
    path: Path


@dataclass(frozen=True)
class Mount:
    """A folder of the user's seen as `s3://bucket/prefix/…`; only read unless `writable`."""

    bucket: str
    prefix: str
    directory: Path
    writable: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "prefix", self.prefix.strip("/"))

    @classmethod
    def parse(cls, text: str) -> Mount:
        """Read the command line's `NAME=DIR` (writable) or `NAME=DIR:ro`: a whole bucket.

        Raises:
            SettingsError: another form, or DIR is not a folder.
        """
        name, separator, folder = text.partition("=")
        if not separator or not name or not folder or not _is_bucket(name):
            raise SettingsError(f"--bucket {text}: write NAME=DIR, or NAME=DIR:ro to only read it")
        directory = Path(folder.removesuffix(":ro")).expanduser().absolute()
        if not directory.is_dir():
            raise SettingsError(f"--bucket {text}: {directory} is not a folder; make it first")
        return cls(name, "", directory, writable=not folder.endswith(":ro"))

    def covers(self, location: Location) -> bool:
        """Whether a location lies in this mount."""
        inside = not self.prefix or f"{location.key}/".startswith(f"{self.prefix}/")
        return location.bucket == self.bucket and inside


@dataclass(frozen=True)
class Store:
    """The local S3. `root` is made when first written to."""

    root: Path
    mounts: tuple[Mount, ...] = ()

    def __post_init__(self) -> None:
        for mount in self.mounts:
            if not mount.directory.is_dir():
                raise StoreError(f"bucket {mount.bucket}: {mount.directory} is not a folder")
            if self.root.resolve().is_relative_to(mount.directory.resolve()):
                raise StoreError(
                    f"the store {self.root} lies in {mount.directory}, whose files would be "
                    f"objects of bucket {mount.bucket}: name a --store outside of it"
                )

    @property
    def state(self) -> Path:
        """Where executions keep their records, logs and scratch."""
        return self.root / STATE_FOLDER

    def bucket(self, name: str) -> Path:
        """The folder of a bucket (it may not exist yet)."""
        if not _is_bucket(name):
            raise StoreError(f"{name!r} is not a bucket name")
        whole = [m.directory for m in self.mounts if m.bucket == name and not m.prefix]
        return whole[-1] if whole else self.root / name

    def path(self, location: Location) -> Path:
        """The file that holds, or would hold, an object.

        Raises:
            StoreError: a key that no object can have, or that a mounted folder can't hold.
        """
        self.bucket(location.bucket)
        mount = self._mount(location)
        segments = location.key.split("/")
        if mount is None:
            names = [_name(segment) for segment in segments]
            return self._usable(location, self.root / location.bucket, names)
        if any(_name(segment) != segment for segment in segments):
            raise StoreError(
                f"{location}: {mount.directory} is a folder of yours, and no file in it can be "
                "named so; use keys without empty, '.' or '..' segments there"
            )
        inside = segments[len(mount.prefix.split("/")) :] if mount.prefix else segments
        return self._usable(location, mount.directory, inside)

    def folder(self, prefix: Location) -> Path:
        """The folder of the objects below `prefix`, with or without its final slash."""
        key = prefix.key.removesuffix("/")
        return self.path(Location(prefix.bucket, key)) if key else self.bucket(prefix.bucket)

    def list(self, prefix: Location) -> list[StoredObject]:
        """Every object whose key starts with `prefix.key`, in the order of S3 (UTF-8 bytes).

        Below a mount, only its files are objects: what the store itself has there is hidden.
        """
        self.bucket(prefix.bucket)
        found: dict[str, Path] = {}
        for mount in (None, *(m for m in self.mounts if m.bucket == prefix.bucket)):
            for key, path in self._files(mount, prefix):
                shown = self._mount(Location(prefix.bucket, key)) == mount
                if shown and key.startswith(prefix.key):
                    found[key] = path
        return [StoredObject(key, found[key]) for key in sorted(found, key=str.encode)]

    def find(self, location: Location) -> Path:
        """The file of an object that is there.

        Raises:
            StoreError: there is no such object.
        """
        path = self.path(location) if location.key else self.root
        if not path.is_file():
            raise StoreError(f"{location} does not exist in the store {self.root}")
        return path

    def read(self, location: Location) -> bytes:
        """The bytes of one object.

        Raises:
            StoreError: there is no such object.
        """
        return self.find(location).read_bytes()

    def put(self, location: Location, content: bytes) -> None:
        """Write one object, whole or not at all; unchanged content is left alone."""
        target = self._target(location)
        if target.is_file() and target.read_bytes() == content:
            return
        with told(location):
            staged = self._staging()
        try:
            with told(location):
                staged.write_bytes(content)
            self._publish(staged, target, location)
        finally:
            staged.unlink(missing_ok=True)

    def move_in(
        self, source: Path, location: Location, copied: Callable[[Path], None] = lambda _: None
    ) -> None:
        """Make a finished file an object; moved where the file system allows, else copied:
        `copied` is then told the copy that is about to become the object."""
        self._publish(source, self._target(location), location, copied)

    def stage(self, source: Path, location: Location) -> Path:
        """A copy of a file in the store's staging folder, which `move_in` can make an object."""
        self._target(location)
        staged = self._staging()
        with told(location):
            shutil.copyfile(source, staged)
        return staged

    def copy_in(
        self, source: Path, location: Location, still_good: Callable[[], bool] = lambda: True
    ) -> bool:
        """Make a copy of a file an object, if `still_good()` once it is copied; whether it was."""
        target = self._target(location)
        staged = self._staging()
        try:
            with told(location):
                shutil.copyfile(source, staged)
            if not still_good():
                return False
            self._publish(staged, target, location)
            return True
        finally:
            staged.unlink(missing_ok=True)

    def sweep(self) -> None:
        """Remove what killed processes left half written: what is a day old, nobody writes."""
        before = time.time() - _STALE
        for path in (self.state / "staging").glob("*"):
            with suppress(FileNotFoundError):  # another engine sweeps, too
                if path.stat().st_mtime < before:
                    path.unlink()

    def _mount(self, location: Location) -> Mount | None:
        """The mount that a location lies in; of nested ones the innermost, of equal the last."""
        covering = [mount for mount in self.mounts if mount.covers(location)]
        return max(reversed(covering), key=lambda mount: len(mount.prefix), default=None)

    def _target(self, location: Location) -> Path:
        mount = self._mount(location)
        if mount is not None and not mount.writable:
            raise StoreError(f"{location} lies in {mount.directory}, which is only read")
        return self.path(location)

    def _usable(self, location: Location, folder: Path, names: Sequence[str]) -> Path:
        if not location.key or "\0" in f"{location}":
            raise StoreError(f"{location}: a local store cannot hold an empty key, or one with NUL")
        if long := [name for name in names if len(os.fsencode(name)) > MAX_NAME]:
            raise StoreError(
                f"{location}: a local store cannot hold a key with a segment of more than "
                f"{MAX_NAME} bytes, as {long[0][:20]!r}… is"
            )
        return folder.joinpath(*names)

    def _files(self, mount: Mount | None, prefix: Location) -> Iterator[tuple[str, Path]]:
        """Files of the store's own, or of a mount, with their keys; no more of them than the
        folders in the prefix make necessary."""
        top = mount.directory if mount else self.root / prefix.bucket
        base = f"{mount.prefix}/" if mount and mount.prefix else ""
        start, slash, _ = prefix.key.rpartition("/")
        if slash and f"{start}/".startswith(base):
            names = [*f"{start}/".removeprefix(base).split("/")][:-1]
            if mount is None:
                names = [_name(segment) for segment in names]
            elif any(_name(segment) != segment for segment in names):
                return  # a mounted folder has no such keys
        elif slash and not base.startswith(f"{start}/"):
            return
        else:
            names = []
        for path in _walk(str(top.joinpath(*names))):
            key = path[len(str(top)) + 1 :]
            if mount is None and ESCAPE in key:
                key = "/".join(map(_segment, key.split("/")))
            key = base + key
            try:
                key.encode()
            except UnicodeEncodeError as error:
                raise StoreError(
                    f"{os.fsencode(path)!r}: keys are UTF-8, and this file's name isn't; rename it"
                ) from error
            yield key, Path(path)

    def _staging(self) -> Path:
        folder = self.state / "staging"
        folder.mkdir(parents=True, exist_ok=True)
        return folder / uuid.uuid4().hex

    def _publish(
        self,
        source: Path,
        target: Path,
        location: Location,
        copied: Callable[[Path], None] = lambda _: None,
    ) -> None:
        try:
            with told(location):
                target.parent.mkdir(parents=True, exist_ok=True)
                if target.is_dir():
                    raise IsADirectoryError(target)
                move(source, target, copied)
        except (NotADirectoryError, FileExistsError, IsADirectoryError) as error:
            raise StoreError(
                f"{location}: the store is a folder, and a folder cannot hold an object and keys "
                "below the same name; choose another key"
            ) from error


def _is_bucket(name: str) -> bool:
    return bool(name) and not name.startswith(".") and "/" not in name and "\\" not in name


def _name(segment: str) -> str:
    """What a segment of a key is called on disk."""
    odd = segment in ("", ".", "..") or segment.startswith((ESCAPE, PART))
    return f"{ESCAPE}{segment}" if odd else segment


def _segment(name: str) -> str:
    return name.removeprefix(ESCAPE)


def _walk(folder: str) -> Iterator[str]:
    """Files below a folder, hidden ones too, links to files followed, in no order."""
    for parent, _, names in os.walk(folder):
        for name in names:
            path = f"{parent}/{name}"
            if not name.startswith(PART) and os.path.isfile(path):
                yield path
