"""Scripts as artifacts that are named by their content.

A script's key holds the hash of its bytes: building twice gives the same definition, deploying
twice uploads nothing, an execution that is running never sees new code, and the step cache is
missed exactly when a script has changed. Nothing here talks to AWS; uploading is deployment.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sagepipe.errors import BundleError

SOURCE_DIR = "sourcedir.tar.gz"


@dataclass(frozen=True)
class Artifact:
    """A file to be uploaded once: `key` is `<prefix>/code/<sha256>/<name>`."""

    name: str
    key: str
    sha256: str
    data: bytes


class Bundle:
    """What the steps of one build use of a folder of code: asking for a file's URI puts it in.

    The bytes depend on the files' content alone: not on the folder, the time, the machine or the
    Python version.
    """

    def __init__(self, code: Path, bucket: str, prefix: str) -> None:
        self.bucket = bucket
        self._code, self._prefix = code, prefix
        self._artifacts: dict[str, Artifact] = {}

    @property
    def artifacts(self) -> tuple[Artifact, ...]:
        """All that was asked for, in the order in which it was."""
        return tuple(self._artifacts.values())

    def script(self, name: str) -> str:
        """The `s3://` URI of a file of the folder, a script or a jar.

        Raises `BundleError`: it is missing, empty or can't be read.
        """
        data = _read(self._code / name)
        if not data:
            raise BundleError(f"{self._code / name} is empty: a step runs it; restore it")
        return self.add(Path(name).name, data)

    def package(self, name: str) -> str:
        """The `s3://` URI of `<name>.zip`, a Python package of the folder with all its sources,
        which Python and Spark import from.

        Raises `BundleError`: it is missing or has no Python files.
        """
        return self.add(f"{name}.zip", _zip(self._code / name))

    def source_dir(self, name: str = ".") -> str:
        """The `s3://` URI of a folder of the code as the SDK's `sourcedir.tar.gz`.

        A FrameworkProcessor takes it as its `source_dir`, and so builds the same each time.

        Raises `BundleError`: it is missing or empty.
        """
        return self.add(SOURCE_DIR, _tar(self._code / name))

    def document(self, name: str, content: Any) -> str:
        """The `s3://` URI of `content` as a JSON file called `name`."""
        return self.add(name, json.dumps(content, indent=2, sort_keys=True).encode())

    def add(self, name: str, data: bytes) -> str:
        """The `s3://` URI of `data` as a file called `name`."""
        digest = hashlib.sha256(data).hexdigest()
        key = f"{self._prefix}/code/{digest}/{name}"
        self._artifacts[key] = Artifact(name, key, digest, data)
        return f"s3://{self.bucket}/{key}"


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise BundleError(f"{path} is missing: a step runs it; restore it") from None
    except OSError as error:
        raise BundleError(f"{path} can't be read: {error.strerror}") from error


def _zip(package: Path) -> bytes:
    """The package's sources, as a zip.

    Stored, not deflated: zlib's output differs between its versions, and the zip is small.
    """
    files = sorted(
        (path.relative_to(package.parent).as_posix(), path)
        for path in package.rglob("*")
        if path.is_file() and path.suffix in (".py", ".java")
    )
    if not any(name.endswith(".py") for name, _ in files):
        raise BundleError(f"{package} is missing or has no Python files; restore it")
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name, path in files:
            entry = zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))
            entry.create_system = 3  # Unix, whatever the machine, or the mode is not read
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, _read(path))
    return buffer.getvalue()


def _tar(folder: Path) -> bytes:
    """The folder's files but for hidden and compiled ones, as a tarball without compression."""
    files = [
        (path.relative_to(folder), path) for path in sorted(folder.rglob("*")) if path.is_file()
    ]
    kept = [
        (name.as_posix(), path)
        for name, path in files
        if not any(part.startswith(".") or part == "__pycache__" for part in name.parts)
    ]
    if not kept:
        raise BundleError(f"{folder} is missing or empty; restore it")
    packed = io.BytesIO()
    with (
        gzip.GzipFile(fileobj=packed, mode="wb", compresslevel=0, mtime=0) as compressed,
        tarfile.open(fileobj=compressed, mode="w", format=tarfile.USTAR_FORMAT) as archive,
    ):
        for name, path in kept:
            entry, data = tarfile.TarInfo(name), _read(path)
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    return packed.getvalue()
