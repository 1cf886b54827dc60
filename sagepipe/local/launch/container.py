"""Instances that a command of the user's, `docker run` say, puts into containers."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path

from sagepipe.local.launch import launcher, process
from sagepipe.local.launch.instance import Instance


class Container(launcher.Launcher):
    """The command gets the folder for /opt/ml and the user's own environment, as if the user had
    typed it; nothing is rewritten. A container sees no file but those in its folder, so inputs
    are copies. It ends by its client's doing, which needs time."""

    def __init__(self, program: launcher.Program) -> None:
        self._program = program

    def seen(self, instance: Instance, text: str) -> str:
        """The text itself."""
        return text

    def start(
        self, instance: Instance, read_only: Sequence[Path]
    ) -> subprocess.Popen[bytes] | None:
        """Start the command."""
        values = launcher.placeholders(self._program, instance, self._program.environment)
        folder = instance.folder / "cwd"
        folder.mkdir(parents=True, exist_ok=True)
        argv = tuple(self._program.argv(values))
        return process.start(process.Command(argv, None, folder), instance.log)

    def end(self, processes: Sequence[subprocess.Popen[bytes]], grace: float) -> None:
        """Ask the client to stop, so that it stops its container."""
        process.stop(processes, grace)
        super().end(processes, grace)
