"""Moves a finished file to where it is to be seen, whole or not at all."""

from __future__ import annotations

import errno
import os
import shutil
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from sagepipe.errors import StoreError

PART = ".%=part-"  # what is being copied in; hidden from listings, and from Spark by its dot


def move(source: Path, target: Path, copied: Callable[[Path], None]) -> None:
    """Rename, or where a file system ends between the two, copy beside the target and rename:
    `copied` is then told the copy before it has the target's name. Raises OSError."""
    try:
        os.replace(source, target)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        part = target.with_name(f"{PART}{uuid.uuid4().hex}")
        try:
            shutil.copyfile(source, part)
            copied(part)
            os.replace(part, target)
        finally:
            part.unlink(missing_ok=True)
        source.unlink()


@contextmanager
def told(what: object) -> Iterator[None]:
    """Turn an operating system's error (a full disk, no permission) into one of the store's."""
    try:
        yield
    except (NotADirectoryError, FileExistsError, IsADirectoryError):
        raise
    except OSError as error:
        raise StoreError(f"{what} cannot be written: {error.strerror}") from error
