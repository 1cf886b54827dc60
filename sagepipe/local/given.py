"""What callers give to `run` and `resume`, turned into what the engine takes."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Literal

from sagepipe.errors import ParameterError, SettingsError, StoreError
from sagepipe.language.s3 import Location
from sagepipe.local.events import Listener, Remark
from sagepipe.local.launch import namespaces
from sagepipe.local.launch.images import Image
from sagepipe.local.runtime import Isolation
from sagepipe.local.source import InputFolder, Source
from sagepipe.local.store import Mount, Store

Value = str | int | float | bool
Content = bytes | str | Path
IsolationChoice = Literal["auto", "namespaces", "paths"]

DEFAULT_STORE = Path("local-store")


def store(folder: str | Path | None, buckets: Mapping[str, str | Path] | None) -> Store:
    """The store with the buckets that are given as folders, and with earlier executions.

    Raises:
        SettingsError: it is a file, or a bucket's folder isn't one.
    """
    given = Path(DEFAULT_STORE if folder is None else folder).expanduser()
    root = given.resolve()
    if root.exists() and not root.is_dir():
        raise SettingsError(f"the store {given} is a file; name a folder")
    return Store(root, mounts(buckets))


def mounts(buckets: Mapping[str, str | Path] | None) -> tuple[Mount, ...]:
    """The folders that stand in for buckets. Raises SettingsError."""
    return tuple(Mount.parse(f"{name}={folder}") for name, folder in (buckets or {}).items())


def parameters(*given: Mapping[str, Value] | None) -> dict[str, str]:
    """Parameters as the API takes them, from several places.

    Raises:
        ParameterError: two places have one.
    """
    found: dict[str, str] = {}
    for values in given:
        for name, value in (values or {}).items():
            if name in found:
                raise ParameterError(f"parameter {name!r} is given twice")
            found[name] = value if isinstance(value, str) else json.dumps(value)
    return found


def images(given: Mapping[str, str] | None) -> tuple[Image, ...]:
    """What stands in for images. Raises ParameterError."""
    return tuple(Image.parse(f"{uri}={command}") for uri, command in (given or {}).items())


def isolation(choice: IsolationChoice, tell: Listener) -> Isolation:
    """How instances get their /opt/ml; where that differs from the service, it is told.

    Raises:
        SettingsError: namespaces are asked for, and not to be had.
    """
    if choice == "paths":
        return "paths"
    reason = namespaces.why_not()
    if reason is None:
        return "namespaces"
    if choice == "namespaces":
        raise SettingsError(f"--isolation namespaces: not to be had here: {reason}")
    tell(
        Remark(
            "no namespaces here: /opt/ml is rewritten in commands, environment and configuration, "
            f"inputs are copied, and instances share this machine's host names ({reason})"
        )
    )
    return "paths"


def input_folder(folder: str | Path | None, source: Source) -> Path | None:
    """The folder of the user's that is to be read.

    Raises:
        SettingsError: the pipeline has no place for one, or there are no files in it.
    """
    if folder is None:
        return None
    if source.input is None:
        raise SettingsError(
            f"--input {folder}: pipeline {source.name} doesn't say which of its parameters name "
            "its input; give a bucket's folder with --bucket NAME=DIR"
        )
    found = Path(folder).expanduser().resolve()
    if not found.is_dir():
        raise SettingsError(f"--input {folder} is not a folder")
    if not any(files for _, _, files in os.walk(found)):
        raise SettingsError(f"--input {folder} has no files; put the pipeline's input there")
    return found


def location(place: InputFolder, values: Mapping[str, object]) -> Location:
    """Where in S3 the pipeline looks for its input."""
    return Location(str(values[place.bucket_parameter]), str(values[place.prefix_parameter]))


def put_objects(place: Store, objects: Mapping[str, Content] | None) -> None:
    """Put what a caller gives into the store: bytes, text, a file, or a folder under a URI that
    ends in a slash. Raises StoreError."""
    for uri, content in (objects or {}).items():
        target = Location.parse(uri)
        if isinstance(content, str):
            place.put(target, content.encode())
        elif isinstance(content, bytes):
            place.put(target, content)
        elif content.is_dir():
            if not uri.endswith("/"):
                raise StoreError(f"{uri}: a folder goes under a URI that ends in a slash")
            for path in sorted(path for path in content.rglob("*") if path.is_file()):
                key = target.key + path.relative_to(content).as_posix()
                place.put(Location(target.bucket, key), _read(path, uri))
        else:
            place.put(target, _read(content, uri))


def paths(stubs: Mapping[str, str | Path] | None) -> dict[str, Path]:
    """Folders by step."""
    return {step: Path(folder) for step, folder in (stubs or {}).items()}


def names(given: Iterable[str], option: str) -> tuple[str, ...]:
    """Steps' names. Raises SettingsError: a lone text, which would be taken letter by letter."""
    if isinstance(given, str):
        raise SettingsError(f"{option} takes a list of steps, as in [{given!r}]")
    return tuple(given)


def _read(path: Path, uri: str) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise StoreError(f"{uri}: {path} can't be read: {error.strerror}") from error
