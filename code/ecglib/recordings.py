"""Raw recordings as found below an input folder, and how their bytes are opened."""

import gzip
import hashlib
import os
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, cast
from zlib import error as ZlibError

from .errors import StepError

_SUFFIX = re.compile(r"\.csv(\.gz)?$", re.IGNORECASE)


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
        return f"{slug}-{hashlib.sha256(self.source.encode()).hexdigest()[:8]}"


def find(folder: str) -> list[Recording]:
    """Return the recordings (*.csv, *.csv.gz) at or below `folder`, sorted by relative path.

    Raises:
        StepError: two sources have the same id (such as a.csv and a.csv.gz).
    """
    root = Path(folder)
    files = [root] if root.is_file() else _walk(root)
    base = root.parent if root.is_file() else root
    found = distinct(folder, (named(path.relative_to(base).as_posix(), path) for path in files))
    return sorted(found, key=lambda recording: recording.source)


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


def _walk(root: Path) -> list[Path]:
    return sorted(
        Path(folder, name)
        for folder, _, names in os.walk(root, followlinks=True)
        for name in names
        if is_recording(name)
    )


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
    except (PermissionError, IsADirectoryError, FileNotFoundError) as error:
        if error.filename != str(recording.path):
            raise
        raise StepError(f"{recording.source}: cannot be read ({error.strerror})") from None
