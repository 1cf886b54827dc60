"""Names that become paths, checked where they do, whatever has been validated before."""

from __future__ import annotations

from sagepipe.errors import LocalError
from sagepipe.local.store import MAX_NAME

MARGIN = 32  # bytes, for what is put before or after a name


def as_file(what: str, name: object) -> str:
    """A name that is to be a file's or a folder's, or a part of one.

    Raises:
        LocalError: it would be a path, is too long, or isn't a text.
    """
    if not isinstance(name, str):
        raise LocalError(f"{what} {name!r} is no text")
    try:
        length = len(name.encode())
    except UnicodeEncodeError:
        raise LocalError(f"{what} {name!r} is no text in UTF-8") from None
    if name in ("", ".", "..") or "/" in name or "\0" in name:
        raise LocalError(
            f"{what} {name!r} can't be the name of a file: it would lead elsewhere; use letters, "
            "digits and hyphens"
        )
    if length > MAX_NAME - MARGIN:
        raise LocalError(f"{what} {name[:20]!r}… is too long for the name of a file")
    return name


def as_step(name: object) -> str:
    """A step's name, which is that of a folder beside the record's own files.

    Raises:
        LocalError: as `as_file`; or it has a dot, as those files have.
    """
    text = as_file("step", name)
    if "." in text:
        raise LocalError(f"step {text!r}: a step's name has no dot, on the service either")
    return text
