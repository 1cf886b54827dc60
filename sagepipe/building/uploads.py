"""What an SDK would upload while it writes a definition becomes an artifact of the build instead.

Left alone, the SDK names uploads by the time or by the step: building twice differs, the step cache
is missed, or a new file replaces the one that an execution is about to read. And it needs AWS.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, Any

from sagepipe.building.bundle import SOURCE_DIR, Bundle
from sagepipe.building.replacing import replaced
from sagepipe.errors import BundleError

Json = Any

_UPLOADERS = ("sagemaker.core.s3", "sagemaker.s3")  # of SDK v3 and v2
_SESSIONS = ("sagemaker.core.helper.session_helper", "sagemaker.session")
_MAKES_BUCKET = "_create_s3_bucket_if_it_does_not_exist"  # when asked for the default bucket


@contextmanager
def kept(code: Bundle) -> Iterator[dict[str, str]]:
    """Ask the SDK for the definition in here; yields what `named` needs. Not thread-safe."""
    moved: dict[str, str] = {}

    def upload(local_path: str, desired_s3_uri: str, *_: object, **__: object) -> str:
        path = Path(local_path)
        if not path.is_file():
            raise BundleError(
                f"{path}: the SDK would upload this folder under one name, whatever is in it; name "
                "its files with given.code.script, or pack it with given.code.package"
            )
        uri = f"{desired_s3_uri.rstrip('/')}/{path.name}"
        moved[uri] = code.add(path.name, path.read_bytes())
        return uri

    def upload_body(
        body: str | bytes | IO[bytes], desired_s3_uri: str, *_: object, **__: object
    ) -> str:
        name = desired_s3_uri.rpartition("/")[2]
        if name == SOURCE_DIR:
            raise BundleError(
                "a FrameworkProcessor has a local source_dir, which the SDK packs anew under "
                "another name each time; write source_dir=given.code.source_dir(…)"
            )
        content = body.encode() if isinstance(body, str) else body
        data = content if isinstance(content, bytes) else content.read()
        moved[desired_s3_uri] = code.add(name, data)
        return desired_s3_uri

    ours = {
        "upload": staticmethod(upload),
        "upload_string_as_file_body": staticmethod(upload_body),
    }
    with ExitStack() as stack:
        for module in filter(None, map(sys.modules.get, _UPLOADERS)):
            for name, function in ours.items():
                stack.enter_context(replaced(module.S3Uploader, name, function))
        for module in filter(None, map(sys.modules.get, _SESSIONS)):
            stack.enter_context(replaced(module.Session, _MAKES_BUCKET, _make_no_bucket))
        yield moved
    # The SDK mounts the folder of a tarball. Its object is all that there is in it, and naming that
    # shows that the artifact is in use.
    moved |= {
        f"s3://{code.bucket}/{one.key.removesuffix(one.name)}": f"s3://{code.bucket}/{one.key}"
        for one in code.artifacts
        if one.name == SOURCE_DIR
    }


def named(value: Json, moved: Mapping[str, str]) -> Json:
    """A definition's value with the artifacts' URIs in place of those that the SDK gave."""
    if isinstance(value, str):
        return moved.get(value, value)
    if isinstance(value, list):
        return [named(one, moved) for one in value]
    if isinstance(value, dict):
        return {name: named(one, moved) for name, one in value.items()}
    return value


def _make_no_bucket(*_: object, **__: object) -> None:
    pass
