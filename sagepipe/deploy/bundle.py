"""code/ as artifacts that are named by their content.

A script's key holds the hash of its bytes: building twice gives the same definition, deploying
twice uploads nothing, an execution that is running never sees new code, and the step cache is
missed exactly when a script has changed. Nothing here talks to AWS; uploading is deployment.
"""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from dataclasses import dataclass
from pathlib import Path

from pipelines.spark_conf import CONFIGURATION
from sagepipe.errors import BundleError
from sagepipe.settings.facts import Settings

CODE = Path(__file__).resolve().parent.parent / "code"

SCRIPTS = ("preprocess.py", "pca.py", "spark_transform.py")
HELPERS = "ecglib"
HELPERS_ZIP = "ecglib.zip"
SOURCES = (".py", ".java")  # Java is compiled where it runs
SPARK_CONFIGURATION = "configuration.json"


@dataclass(frozen=True)
class Artifact:
    """A file to be uploaded once: `key` is `<prefix>/code/<sha256>/<name>`."""

    name: str
    key: str
    sha256: str
    data: bytes


@dataclass(frozen=True)
class Bundle:
    """All artifacts of one state of code/, and the bucket that they belong to."""

    bucket: str
    artifacts: tuple[Artifact, ...]

    def uri(self, name: str) -> str:
        """The `s3://` URI of the artifact called `name`. Raises `BundleError` for another name."""
        for artifact in self.artifacts:
            if artifact.name == name:
                return f"s3://{self.bucket}/{artifact.key}"
        known = ", ".join(artifact.name for artifact in self.artifacts)
        raise BundleError(f"no artifact is called {name!r}; there are {known}")


def bundle(settings: Settings, code: Path = CODE) -> Bundle:
    """Reads the scripts, zips the helpers and writes the Spark configuration, all in memory.

    The bytes depend on the files' content alone: not on the folder, the time, the machine or the
    Python version. Raises `BundleError` naming a file that is missing, empty or unreadable.
    """
    files = {name: _script(code / name) for name in SCRIPTS}
    files[HELPERS_ZIP] = _zip(code / HELPERS)
    files[SPARK_CONFIGURATION] = json.dumps(CONFIGURATION, indent=2, sort_keys=True).encode()
    return Bundle(
        settings.artifact_bucket,
        tuple(_artifact(settings.artifact_prefix, name, data) for name, data in files.items()),
    )


def _artifact(prefix: str, name: str, data: bytes) -> Artifact:
    digest = hashlib.sha256(data).hexdigest()
    return Artifact(name, f"{prefix}/code/{digest}/{name}", digest, data)


def _script(path: Path) -> bytes:
    data = _read(path)
    if not data:
        raise BundleError(f"{path} is empty: the pipeline's steps run it; restore it")
    return data


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise BundleError(f"{path} is missing: the pipeline's steps run it; restore it") from None
    except OSError as error:
        raise BundleError(f"{path} can't be read: {error.strerror}") from error


def _zip(package: Path) -> bytes:
    """The package's sources as a zip that Python and Spark import from.

    Stored, not deflated: zlib's output differs between its versions, and the zip is small.
    """
    files = sorted(
        (path.relative_to(package.parent).as_posix(), path)
        for path in package.rglob("*")
        if path.suffix in SOURCES and path.is_file()
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
