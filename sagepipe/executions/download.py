"""Copying objects from S3: what an execution wrote, to a folder."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sagepipe.aws.boto import calls
from sagepipe.errors import ExecutionError
from sagepipe.executions.archive import PastExecution
from sagepipe.language.s3 import Location

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

BLOCK = 2**20


@dataclass(frozen=True)
class Copied:
    """One output, copied: where it lies, how many files it has and their bytes."""

    step: str
    output: str
    folder: Path
    files: int
    bytes: int


def outputs(
    s3: S3Client, execution: PastExecution, folder: Path, tell: Callable[[Copied], None]
) -> None:
    """Copy each output of the steps that succeeded to `folder/<step>/<output>/`.

    A file appears under its name whole; one that is there already with the same size is left.

    Raises `AwsError`; `ExecutionError` if a file can't be written or a key leads out of the folder.
    """
    for step in execution.steps.values():
        if step.status != "Succeeded":
            continue
        for name, output in step.outputs.items():
            place = folder / step.name / name
            prefix = Location.parse(f"{output.uri.rstrip('/')}/")
            with calls(f"read {prefix}"):
                sizes = [_copy(s3, prefix, item, place) for item in objects(s3, prefix)]
            tell(Copied(step.name, name, place, len(sizes), sum(sizes)))


def objects(s3: S3Client, prefix: Location) -> Iterator[Any]:
    """Every object whose key starts with the prefix's. For use in `calls`."""
    pages = s3.get_paginator("list_objects_v2")
    for page in pages.paginate(Bucket=prefix.bucket, Prefix=prefix.key):
        yield from page.get("Contents", ())


def blocks(s3: S3Client, bucket: str, key: str) -> Iterator[bytes]:
    """An object's content, a mebibyte at a time. For use in `calls`."""
    yield from s3.get_object(Bucket=bucket, Key=key)["Body"].iter_chunks(BLOCK)


def _copy(s3: S3Client, prefix: Location, item: Any, place: Path) -> int:
    names = item["Key"].removeprefix(prefix.key).split("/")
    size = int(item["Size"])
    if names[-1] == "":  # a folder's mark, as consoles make them
        return 0
    if {"", ".", ".."} & set(names):
        raise ExecutionError(
            f"s3://{prefix.bucket}/{item['Key']} can't be copied: no file can be named so"
        )
    target = place.joinpath(*names)
    if target.is_file() and target.stat().st_size == size:
        return size
    part = target.with_name(f"{target.name}.part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with part.open("wb") as file:
            for block in blocks(s3, prefix.bucket, item["Key"]):
                file.write(block)
        part.replace(target)
    except OSError as error:
        raise ExecutionError(f"{target} can't be written: {error.strerror}") from error
    finally:
        part.unlink(missing_ok=True)
    return size
