"""Manifest files: an input's objects named one by one.

The form is documented for training's S3DataSource: a JSON array that starts with
`{"prefix": "s3://bucket/some/prefix"}` and goes on with strings; an object is the prefix followed
by one of them, as text. AWS does not say where such an object lies in a processing container;
here it is at its suffix, below the input's LocalPath.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

from sagepipe.errors import InputError, StoreError
from sagepipe.language.s3 import Location


@dataclass(frozen=True)
class Entry:
    """One object of a manifest."""

    suffix: str
    location: Location


def parse(content: bytes, where: str) -> list[Entry]:
    """Read a manifest's content; `where` starts every error.

    Raises:
        InputError: anything but the documented form, with at least one object and each but once.
    """
    try:
        document = json.loads(content.decode("utf-8-sig"))
    except ValueError as error:
        raise InputError(f"{where} is not JSON ({error})") from error
    form = 'a manifest is [{"prefix": "s3://bucket/prefix/"}, "suffix", …]'
    if not isinstance(document, list) or not document or not isinstance(document[0], dict):
        raise InputError(f"{where}: {form}")
    head, *suffixes = document
    prefix = head.get("prefix")
    if set(head) != {"prefix"} or not isinstance(prefix, str):
        raise InputError(f"{where}: its first element is {json.dumps(head)}; {form}")
    if not suffixes:
        raise InputError(f"{where} lists no objects")
    found: dict[str, Entry] = {}
    for suffix in suffixes:
        if not isinstance(suffix, str) or not suffix:
            raise InputError(f"{where}: {json.dumps(suffix)} is not the end of a key; {form}")
        if suffix in found:
            raise InputError(f"{where} lists {suffix!r} twice")
        found[suffix] = Entry(suffix, _joined(prefix, suffix, where))
    return list(found.values())


def _joined(prefix: str, suffix: str, where: str) -> Location:
    try:
        base, location = Location.parse(prefix), Location.parse(prefix + suffix)
    except StoreError as error:
        raise InputError(f"{where}: {error}") from error
    if location.bucket != base.bucket:
        raise InputError(
            f"{where}: {prefix!r} and {suffix!r} are joined as they are, which gives another "
            f"bucket, {location.bucket!r}; end the prefix with a slash"
        )
    return location
