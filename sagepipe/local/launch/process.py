"""Starts and ends the processes of instances, each supervised by `confine.py`."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

CONFINE = Path(__file__).with_name("confine.py")
CANNOT_ISOLATE = 125  # confine.py's
END_ALL = signal.SIGUSR1  # to confine.py: end the script and all that it has started, at once
KILL_SECONDS = 5.0  # for confine.py to do so
POLL_SECONDS = 0.02


@dataclass(frozen=True)
class Confined:
    """The mounts of a process with namespaces of its own.

    `own` is a folder that stays writable whatever lies around it; `opt_ml`, in it, becomes
    /opt/ml, and `hosts_file` /etc/hosts; `scratch` is an empty folder to work with; the folders in
    `read_only` can't be written to.
    """

    own: Path
    opt_ml: Path
    scratch: Path
    hosts_file: Path | None = None
    read_only: tuple[Path, ...] = ()


@dataclass(frozen=True)
class Command:
    """A process to start; `environment` None is this process's own."""

    argv: tuple[str, ...]
    environment: Mapping[str, str] | None
    folder: Path
    confined: Confined | None = None


def start(command: Command, log: Path) -> subprocess.Popen[bytes]:
    """Start a process whose output is added to `log`. It ends when this process ends.

    What it needs to know goes through a pipe: an environment may hold secrets, and no file does.
    """
    spec = {
        "argv": command.argv,
        "env": None if command.environment is None else dict(command.environment),
        "cwd": command.folder,
        "parent": os.getpid(),
        "confined": dataclasses.asdict(command.confined) if command.confined else None,
    }
    with log.open("ab") as output:
        process = subprocess.Popen(
            # the folder is there for who looks at a list of processes
            [sys.executable, "-I", "-S", str(CONFINE), str(command.folder)],
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C in a terminal is for us; we end it then
        )
    assert process.stdin is not None
    with contextlib.suppress(BrokenPipeError), process.stdin as pipe:
        pipe.write(json.dumps(spec, default=str).encode())
    return process


def kill(process: subprocess.Popen[bytes]) -> None:
    """End a process and all that it started, at once."""
    if process.poll() is None:
        process.send_signal(END_ALL)
        try:
            process.wait(KILL_SECONDS)
        except subprocess.TimeoutExpired:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def stop(processes: Collection[subprocess.Popen[bytes]], grace: float) -> None:
    """Send the stop signal, which a script may handle, and wait for at most `grace` seconds."""
    for process in processes:
        if process.poll() is None:
            process.terminate()
    deadline = time.monotonic() + grace
    while any(p.poll() is None for p in processes) and time.monotonic() < deadline:
        time.sleep(POLL_SECONDS)
