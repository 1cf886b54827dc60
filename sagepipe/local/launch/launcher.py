"""The one interface to what makes an instance of a job a process with an /opt/ml of its own.

    Launcher
    ├── Machine             the process runs on this machine, in its file system
    │   ├── Namespaces      /opt/ml is a mount that this process alone sees
    │   └── RewrittenPaths  /opt/ml is rewritten in what the process is told
    ├── Container           a command of the user's (`docker run`) puts it at /opt/ml
    └── Spark               a Machine's process, for the first host alone: spark-submit

`choose` picks one for each job. A further one is a module with a subclass, and a line in `choose`.
"""

from __future__ import annotations

import os
import subprocess
import sys
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from sagepipe.local.launch import images, interpreter, process
from sagepipe.local.launch.instance import Instance
from sagepipe.local.spark.command import is_spark_submit

Json = Any


@dataclass(frozen=True)
class Program:
    """What a job runs on each instance: the definition's command, and what stands in for its
    image. Every text is as the definition has it, with /opt/ml where it says so."""

    uri: str
    entrypoint: tuple[str, ...]
    arguments: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)
    image: images.Image | None = None

    @classmethod
    def of(
        cls,
        request: Mapping[str, Json],
        known: Sequence[images.Image],
        environment: Mapping[str, str],
    ) -> Program:
        """That of a CreateProcessingJob request; its own environment wins."""
        specification = request["AppSpecification"]
        return cls(
            uri=specification["ImageUri"],
            entrypoint=tuple(specification.get("ContainerEntrypoint") or ()),
            arguments=tuple(specification.get("ContainerArguments") or ()),
            environment={**environment, **request.get("Environment", {})},
            image=images.find(known, specification["ImageUri"]),
        )

    def argv(self, values: Mapping[str, str] | None = None) -> list[str]:
        """The command, with `values` for the image's placeholders. Raises UnsupportedError."""
        return images.command(self.image, self.uri, self.entrypoint, self.arguments, values or {})

    def told(self, seen: Callable[[str], str]) -> Program:
        """The program with each of its texts as a process needs it."""
        image = self.image and replace(self.image, words=tuple(map(seen, self.image.words)))
        return replace(
            self,
            entrypoint=tuple(map(seen, self.entrypoint)),
            arguments=tuple(map(seen, self.arguments)),
            environment={name: seen(value) for name, value in self.environment.items()},
            image=image,
        )

    @property
    def is_spark(self) -> bool:
        """Whether it is the managed Spark image's. Raises UnsupportedError, as `argv` does."""
        return is_spark_submit(self.argv())


class Launcher(ABC):
    """How the instances of one job become processes.

    `links_inputs`: an input may be a link to the file in the store; else it must be a copy.
    """

    links_inputs: bool = False

    @abstractmethod
    def seen(self, instance: Instance, text: str) -> str:
        """A text of the definition (a word, a variable, a value of the configuration) as the
        instance's process needs it."""

    @abstractmethod
    def start(
        self, instance: Instance, read_only: Sequence[Path]
    ) -> subprocess.Popen[bytes] | None:
        """Start an instance's process, whose output goes to its log; None if this instance has
        nothing to run. It should not be able to write to the folders in `read_only`.

        Raises:
            LocalError: the program can't be run here.
            OSError: this machine refuses.
        """

    def end(self, processes: Sequence[subprocess.Popen[bytes]], grace: float) -> None:
        """End processes and all that they have started; within `grace` seconds where only the
        program itself can do so."""
        for running in processes:
            process.kill(running)

    def machine_fault(self, instance: Instance, code: int) -> str:
        """Why this machine, not the script, is to blame for an exit code; "" if it isn't."""
        return ""


class Machine(Launcher):
    """A process on this machine, with this machine's files and the engine's Python."""

    def __init__(self, program: Program) -> None:
        self.program = program

    def start(
        self, instance: Instance, read_only: Sequence[Path]
    ) -> subprocess.Popen[bytes] | None:
        """Start the program as it is."""
        return self.spawn(instance, self.argv(instance), self.environment(instance), read_only)

    @abstractmethod
    def spawn(
        self,
        instance: Instance,
        argv: Sequence[str],
        environment: Mapping[str, str],
        read_only: Sequence[Path],
    ) -> subprocess.Popen[bytes]:
        """Start a command whose texts are as the process needs them. Raises OSError."""

    def argv(self, instance: Instance) -> list[str]:
        """The program's command as the process needs it."""
        values = placeholders(self.program, instance, self.environment(instance))
        return self.program.told(lambda text: self.seen(instance, text)).argv(values)

    def environment(self, instance: Instance) -> dict[str, str]:
        """The job's variables as the process needs them."""
        return dict(self.program.told(lambda text: self.seen(instance, text)).environment)


def command(
    instance: Instance,
    argv: Sequence[str],
    environment: Mapping[str, str],
    confined: process.Confined | None = None,
) -> process.Command:
    """A command in an instance's scratch folder, with a Python and a home of the instance's."""
    scratch = {name: instance.folder / name for name in ("cwd", "home", "tmp")}
    for folder in scratch.values():
        folder.mkdir(parents=True, exist_ok=True)
    # `python3` is the Python we run on, and its other commands are there too
    path = [interpreter.make(instance.folder / "python"), Path(sys.executable).parent]
    variables = {
        "PATH": os.pathsep.join([*map(str, path), os.environ.get("PATH", os.defpath)]),
        "HOME": str(scratch["home"]),
        "TMPDIR": str(scratch["tmp"]),
        "LANG": "C.UTF-8",
        "PYTHONUNBUFFERED": "1",
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",  # it would ask the network
        **environment,
    }
    return process.Command(tuple(argv), variables, scratch["cwd"], confined)


def placeholders(
    program: Program, instance: Instance, environment: Mapping[str, str]
) -> dict[str, str]:
    """What the placeholders of an image's command stand for. The file of variables is made only
    for a command that names it, for its owner alone: there may be secrets in it."""
    variables = instance.folder / "environment"
    if program.image is not None and program.image.names_environment:
        descriptor = os.open(variables, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with open(descriptor, "w", encoding="utf-8") as file:
            file.writelines(f"{key}={value}\n" for key, value in environment.items())
    return {
        "host": instance.host,
        "opt_ml": str(instance.opt_ml),
        "environment": str(variables),
    }
