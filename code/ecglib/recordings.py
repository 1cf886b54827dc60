"""Raw recordings as found below an input folder, and how their bytes are opened."""

import gzip
import hashlib
import os
import re
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, cast
from zlib import error as ZlibError

from .errors import StepError

_SUFFIX = re.compile(r"\.csv(\.gz)?\Z", re.IGNORECASE)

_LONGEST_NAME = 200
"""Bytes of UTF-8: 255 are allowed, of which a prefix, a hash and suffixes need some."""


@dataclass(frozen=True)
class Recording:
    """One raw file: `source` is its path relative to the input, `id` that without suffix."""

    id: str
    source: str
    path: Path
    stream: BinaryIO | None = field(default=None, compare=False, repr=False)
    """Its bytes, where they are not the whole of `path`."""

    @property
    def file_stem(self) -> str:
        """A file name that no other recording has: readable part, then a hash of the source."""
        slug = re.sub(r"[^A-Za-z0-9._=-]+", "-", self.id).strip("-.")[:100] or "recording"
        return f"{slug}-{_mark(self.source)}"

    @property
    def flat_name(self) -> str:
        """The id as a file name that no other id has: "__" for "/".

        Where that does not read back as the id (a__b is no folder's), or is too long for a name,
        a hash of the id follows.
        """
        name = self.id.replace("/", "__")
        if name.replace("__", "/") == self.id and len(name.encode()) <= _LONGEST_NAME:
            return name
        return f"{name.encode()[:_LONGEST_NAME].decode('utf-8', 'ignore')}-{_mark(self.id)}"


def find(folder: str) -> list[Recording]:
    """Return the recordings (*.csv, *.csv.gz) at or below `folder`, sorted by relative path.

    A link counts as what it points to, a file or a folder, as if that lay in its place.

    Raises:
        StepError: two sources have the same id (such as a.csv and a.csv.gz), a name is not UTF-8,
            a recording is not a regular file, a folder cannot be listed, or lies within itself.
    """
    root = Path(folder)
    if root.is_dir():
        files = {path.relative_to(root).as_posix(): path for path in _walk(root)}
    else:
        files = {root.name: root} if os.path.lexists(root) else {}
    for source, path in files.items():
        _require_name(source)
        _require_regular(source, path)
    return distinct(folder, (named(source, path) for source, path in sorted(files.items())))


def is_recording(name: str) -> bool:
    """Whether a file of this name is one."""
    return _SUFFIX.search(name) is not None


def named(source: str, path: Path, stream: BinaryIO | None = None) -> Recording:
    """Return the recording of a source."""
    return Recording(_SUFFIX.sub("", source), source, path, stream)


def distinct(folder: str, recordings: Iterable[Recording]) -> list[Recording]:
    """Return the recordings in their order, none with the id of another.

    Raises:
        StepError: two sources have the same id (such as a.csv and a.csv.gz).
    """
    found: dict[str, Recording] = {}
    for recording in recordings:
        other = found.setdefault(recording.id, recording)
        if other is not recording:
            raise StepError(
                f"{folder}: {other.source} and {recording.source} are both recording "
                f"{recording.id!r}: keep one of them, or rename one"
            )
    return list(found.values())


def _walk(root: Path) -> Iterator[Path]:
    """Yield what has a recording's name at or below a folder, through links, in any order."""
    pending: list[tuple[Path, frozenset[tuple[int, int]]]] = [(root, frozenset())]
    while pending:
        folder, above = pending.pop()
        try:
            here = folder.stat()
            entries = list(os.scandir(folder))
        except OSError as error:
            raise StepError(
                f"{folder}: this folder cannot be listed ({error.strerror}): "
                "allow it, or move it elsewhere"
            ) from None
        same = (here.st_dev, here.st_ino)
        if same in above:
            raise StepError(
                f"{folder}: a link to a folder that it lies in, so that all there would be read "
                "for ever: remove the link"
            )
        for entry in entries:
            if _is_folder(entry):
                pending.append((folder / entry.name, above | {same}))
            elif is_recording(entry.name):
                yield folder / entry.name


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link to itself; if it has a recording's name, that is said
        return False


def _require_name(source: str) -> None:
    try:
        source.encode()
    except UnicodeEncodeError:
        shown = os.fsencode(source).decode("utf-8", "backslashreplace")
        raise StepError(
            f"{shown}: the name is not UTF-8, as names in S3 are: rename the file or its folder"
        ) from None


def _require_regular(source: str, path: Path) -> None:
    try:
        mode = path.stat().st_mode
    except OSError as error:
        raise StepError(f"{source}: cannot be read ({error.strerror})") from None
    if not stat.S_ISREG(mode):
        kinds = {stat.S_IFIFO: "a pipe", stat.S_IFSOCK: "a socket"}
        raise StepError(
            f"{source}: not a file but {kinds.get(stat.S_IFMT(mode), 'a device')}: remove it"
        )


def _mark(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:8]


@contextmanager
def opened(recording: Recording) -> Iterator[BinaryIO]:
    """Open a recording's decompressed bytes, naming the file in whatever goes wrong."""
    if recording.stream is not None:
        yield recording.stream
        return
    try:
        with open(recording.path, "rb") as raw:
            if recording.path.name.lower().endswith(".gz"):
                with gzip.GzipFile(fileobj=raw) as stream:
                    yield cast(BinaryIO, stream)
            else:
                yield raw
    except (EOFError, gzip.BadGzipFile, ZlibError) as error:
        raise StepError(
            f"{recording.source}: damaged gzip file ({error}): upload it again or remove it"
        ) from None
    except OSError as error:
        if error.filename != str(recording.path):
            raise
        raise StepError(f"{recording.source}: cannot be read ({error.strerror})") from None
