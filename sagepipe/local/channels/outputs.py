"""Outputs: what the instances of a job left in their output folders becomes objects."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sagepipe.errors import OutputCollisionError, StoreError
from sagepipe.language.request.evaluated import S3Output, managed
from sagepipe.language.s3 import Location
from sagepipe.local.channels.inputs import container_path
from sagepipe.local.launch.instance import Instance

Json = Any


@dataclass(frozen=True)
class OutputFolder:
    """One output of one instance: its folder, and the prefix that its files go under.

    `top` is the instance's /opt/ml, which the folder lies in; `continuous`: its files are
    uploaded while the job runs.
    """

    name: str
    host: str
    top: Path
    folder: Path
    location: Location
    continuous: bool


@dataclass(frozen=True)
class Produced:
    """One file that an instance produced and the key it will have."""

    output: OutputFolder
    path: Path
    location: Location


@dataclass(frozen=True)
class FileState:
    """A file's content as far as it can be told without reading it."""

    inode: int
    size: int
    modified: int  # ns

    @classmethod
    def of(cls, path: Path) -> FileState | None:
        """The state of a regular file; None if there is none (any more)."""
        try:
            found = path.lstat()
        except OSError:
            return None
        return cls(found.st_ino, found.st_size, found.st_mtime_ns)


class Claims:
    """Which output of which instance each key belongs to.

    The service does not say what becomes of a key that several instances write; by the nature of
    S3 the last upload wins, unnoticed. Here that is an error, or with `last_wins` counted and
    said: of files collected at the end, that of the last host in order is kept.
    """

    def __init__(self, *, last_wins: bool) -> None:
        self._last_wins = last_wins
        self._owners: dict[Location, OutputFolder] = {}
        self._lost: list[str] = []

    def take(self, location: Location, output: OutputFolder) -> None:
        """Claim a key.

        Raises:
            OutputCollisionError: another instance, or another output of this one, has it.
        """
        other = self._owners.get(location, output)
        self._owners[location] = output
        if (other.host, other.name) == (output.host, output.name):
            return
        if other.host == output.host:
            who, remedy = (
                f"outputs {other.name!r} and {output.name!r} of {output.host}",
                "Give each output an S3Uri of its own",
            )
        else:
            who, remedy = (
                f"{other.host} and {output.host}",
                "Put the host name (current_host of /opt/ml/config/resourceconfig.json) into the "
                "file name, or take the last with --on-collision last",
            )
        if not self._last_wins:
            raise OutputCollisionError(
                f"output {output.name!r}: {who} both wrote {location}; on SageMaker one would "
                f"overwrite the other. {remedy}"
            )
        self._lost.append(f"{who} both wrote {location}; {output.host}'s was kept")

    def note(self) -> str:
        """What was overwritten, for people; "" if nothing was."""
        if not self._lost:
            return ""
        more = f" (and {len(self._lost) - 1} more such files)" if len(self._lost) > 1 else ""
        return f"{self._lost[-1]}{more}"


def folders(
    declared: Sequence[Mapping[str, Json]], instances: Sequence[Instance]
) -> list[OutputFolder]:
    """The output folders of a job that the service moves (not those that are AppManaged).

    Raises:
        InputError: a path outside of /opt/ml/processing.
    """
    found = []
    for asked in map(S3Output.read, managed(declared)):
        path = container_path(f"output {asked.name!r}", asked.local_path)
        for instance in instances:
            found.append(
                OutputFolder(
                    name=asked.name,
                    host=instance.host,
                    top=instance.opt_ml,
                    folder=instance.real(path),
                    location=Location.parse(asked.uri),
                    continuous=asked.continuous,
                )
            )
    return found


def find(
    found_in: Sequence[OutputFolder],
    staged: Set[Path],
    claims: Claims,
    uploaded: Mapping[Path, FileState],
) -> list[Produced]:
    """The files to publish, over all instances, without those that are `uploaded` as they are.

    Raises:
        OutputCollisionError: see `Claims`.
        StoreError: a file's name can't be part of a key.
    """
    found: dict[Location, Produced] = {}
    for output in found_in:
        for path in sorted(files(output, staged)):
            if output.continuous and uploaded.get(path) == FileState.of(path):
                continue
            location = key(output, path)
            claims.take(location, output)
            found[location] = Produced(output, path, location)
    return list(found.values())


def key(output: OutputFolder, path: Path) -> Location:
    """The key of a file in an output's folder.

    Raises:
        StoreError: its name is not UTF-8.
    """
    relative = path.relative_to(output.folder).as_posix()
    try:
        relative.encode()
    except UnicodeEncodeError as error:
        raise StoreError(
            f"output {output.name!r}: {output.host} wrote a file named {os.fsencode(relative)!r}; "
            "keys are UTF-8, so it can't be uploaded"
        ) from error
    return output.location.below(relative)


class Interrupted(Exception):
    """Publishing was asked to stop before its end."""


def files(output: OutputFolder, staged: Set[Path]) -> Iterator[Path]:
    """The files in an output's folder.

    Links are not followed, as on the service, nor is the folder itself if the script has put a
    link in its place; but links to `staged` inputs are files to the script, and a copy of such a
    link (`cp -r`) is a copy of the file. Pipes and sockets are left out.
    """
    inside = output.folder.relative_to(output.top)
    if output.folder.resolve() != output.top.resolve() / inside:
        return
    for parent, _, names in os.walk(output.folder):
        for name in names:
            path = Path(parent, name)
            try:
                mode = path.lstat().st_mode
            except OSError:
                continue  # the script has removed it
            if stat.S_ISREG(mode) or (stat.S_ISLNK(mode) and path.resolve() in staged):
                yield path
