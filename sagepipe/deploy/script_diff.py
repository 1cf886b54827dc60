"""What differs between the scripts of two definitions, line by line.

A definition names scripts by their content, so two of them say which scripts differ, and the
bucket still has both.
"""

from __future__ import annotations

import difflib
import hashlib
import io
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import zip_longest
from typing import TYPE_CHECKING, Any

from sagepipe.aws import boto
from sagepipe.deploy import deployed
from sagepipe.deploy.deployed import Script
from sagepipe.errors import AwsError, DeploymentError

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


@dataclass(frozen=True)
class Changed:
    """A file that differs. `before` or `after` is None where there was, or is, none; a file that
    is no text has its size in words."""

    name: str
    before: str | None
    after: str | None

    def lines(self) -> Iterator[str]:
        """The difference as `diff -u` writes it."""
        names = ("/dev/null" if text is None else self.name for text in (self.before, self.after))
        before, after = ((text or "").splitlines() for text in (self.before, self.after))
        yield from difflib.unified_diff(before, after, next(names), next(names), lineterm="")


def changed(s3: S3Client, before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Changed]:
    """The files that differ between two definitions; those in a zip each for itself.

    Raises `AwsError`; `DeploymentError`: a script is gone, or isn't what its name says.
    """
    sides = [set(deployed.scripts(one)) for one in (before, after)]
    names = sorted({script.name for script in sides[0] ^ sides[1]})
    found = []
    for name in names:
        # Two documents may have one name; those that both definitions have are paired already.
        gone, new = (
            sorted(one for one in side if one.name == name and one.sha256 not in there)
            for side, there in zip(sides, _contents(sides), strict=True)
        )
        for old, current in zip_longest(gone, new):
            left, right = (_files(s3, one) if one else {} for one in (old, current))
            found += [
                Changed(path, left.get(path), right.get(path))
                for path in sorted(left.keys() | right.keys())
                if left.get(path) != right.get(path)
            ]
    return found


def _contents(sides: list[set[Script]]) -> tuple[set[str], set[str]]:
    """The contents on the other side: a script that only moved is none that changed."""
    left, right = ({script.sha256 for script in side} for side in sides)
    return right, left


def _files(s3: S3Client, script: Script) -> dict[str, str]:
    data = _read(s3, script)
    if not script.name.endswith(".zip"):
        return {script.name: _text(data)}
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {f"{script.name}/{name}": _text(archive.read(name)) for name in archive.namelist()}


def _read(s3: S3Client, script: Script) -> bytes:
    try:
        with boto.calls(f"read {script.uri}"):
            answer = s3.get_object(Bucket=script.bucket, Key=script.key)
            data: bytes = answer["Body"].read()
    except AwsError as error:
        if error.code in ("NoSuchKey", "404"):
            raise DeploymentError(
                f"{script.uri} is gone, so its lines can't be compared; leave out --code"
            ) from error
        raise
    if hashlib.sha256(data).hexdigest() != script.sha256:
        raise DeploymentError(
            f"{script.uri} has another content than its name says; whoever wrote it has changed "
            "what deployed versions run"
        )
    return data


def _text(data: bytes) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return f"({len(data)} bytes that are no text)"
