"""One "container": its `/opt/ml`, its configuration files and its process."""

from __future__ import annotations

import contextlib
import functools
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sagepipe.errors import LocalError
from sagepipe.local.launch import interpreter

Json = Any

CONFINE = Path(__file__).with_name("confine.py")
CANNOT_ISOLATE = 125  # confine.py's
OPT_ML = "/opt/ml"
MESSAGE_BYTES = 1024  # of /opt/ml/output/message


@dataclass(frozen=True)
class Instance:
    """The place of one instance: `<root>/<host>/`, with what it sees as /opt/ml in `ml`.

    When `isolated`, the process has namespaces of its own and finds its files at /opt/ml.
    Otherwise every `/opt/ml` in its command, environment and configuration is rewritten. When
    `contained`, its command (`docker run`, say) puts `ml` at /opt/ml itself: nothing is rewritten,
    and the command has the user's own environment.
    """

    host: str
    root: Path
    isolated: bool
    contained: bool = False

    @property
    def folder(self) -> Path:
        """Everything of this instance; removed when the job ends."""
        return self.root / self.host

    @property
    def opt_ml(self) -> Path:
        """What the process sees as /opt/ml."""
        return self.folder / "ml"

    @property
    def log(self) -> Path:
        """Standard output and error of the process; kept."""
        return self.root / f"{self.host}.log"

    def real(self, path: str) -> Path:
        """The folder that a path below /opt/ml stands for."""
        return self.opt_ml / Path(path).relative_to(OPT_ML)

    def seen(self, text: str) -> str:
        """A text as the process needs it: unchanged, or with /opt/ml rewritten."""
        if self.isolated or self.contained:
            return text
        return text.replace(OPT_ML, str(self.opt_ml))

    def write_config(self, job: Mapping[str, Json], hosts: Sequence[str]) -> None:
        """The two files of /opt/ml/config (the service's documented form)."""
        config = self.opt_ml / "config"
        config.mkdir(parents=True, exist_ok=True)
        resources = {"current_host": self.host, "hosts": list(hosts)}
        (config / "resourceconfig.json").write_text(json.dumps(resources))
        (config / "processingjobconfig.json").write_text(self.seen(json.dumps(job)))
        (self.opt_ml / "output").mkdir(exist_ok=True)

    def start(
        self,
        command: Sequence[str],
        environment: Mapping[str, str],
        *,
        hosts_file: Path | None,
        read_only: Sequence[Path],
    ) -> subprocess.Popen[bytes]:
        """Start the process; its output goes to `log`. It ends when this process ends."""
        scratch = {name: self.folder / name for name in ("cwd", "home", "tmp", "mounts")}
        for folder in scratch.values():
            folder.mkdir(parents=True, exist_ok=True)
        # `python3` is the Python we run on, and its other commands are there too
        path = [interpreter.make(self.folder / "python"), Path(sys.executable).parent]
        env = {
            "PATH": os.pathsep.join([*map(str, path), os.environ.get("PATH", os.defpath)]),
            "HOME": str(scratch["home"]),
            "TMPDIR": str(scratch["tmp"]),
            "LANG": "C.UTF-8",
            "PYTHONUNBUFFERED": "1",
            "PIP_DISABLE_PIP_VERSION_CHECK": "1",  # it would ask the network
            **{key: self.seen(value) for key, value in environment.items()},
        }
        if self.contained:
            env = dict(os.environ)
        spec = {
            "argv": [self.seen(part) for part in command],
            "env": env,
            "cwd": str(scratch["cwd"]),
            "parent": os.getpid(),
            "isolate": self.isolated and not self.contained,
            "opt_ml": str(self.opt_ml),
            "scratch": str(scratch["mounts"]),
            "hosts_file": str(hosts_file) if hosts_file else None,
            "read_only": [str(path) for path in read_only],
        }
        spec_file = self.folder / "process.json"
        spec_file.write_text(json.dumps(spec))
        with self.log.open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-I", "-S", str(CONFINE), str(spec_file)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def exit_message(self) -> str:
        """What the script left in /opt/ml/output/message, as the service cuts it.

        Raises:
            LocalError: it is not UTF-8, for which the service fails the job.
        """
        try:
            content = (self.opt_ml / "output" / "message").read_bytes()
        except OSError:
            return ""
        try:
            text = content.decode()
        except UnicodeDecodeError as error:
            raise LocalError(f"{self.host}: /opt/ml/output/message is not UTF-8") from error
        return text.encode()[:MESSAGE_BYTES].decode(errors="ignore")

    def log_tail(self, lines: int = 15) -> list[str]:
        """The last lines of the log."""
        try:
            with self.log.open(encoding="utf-8", errors="replace") as log:
                return [line.rstrip("\n") for line in deque(log, maxlen=lines)]
        except OSError:
            return []


def kill(process: subprocess.Popen[bytes]) -> None:
    """End a process and all that it started, at once."""
    if process.poll() is None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def ask_to_stop(process: subprocess.Popen[bytes]) -> None:
    """Send the stop signal, which a script may handle."""
    if process.poll() is None:
        process.terminate()


@functools.cache
def can_isolate() -> str | None:
    """None where namespaces are to be had, else why not."""
    if sys.platform != "linux":
        return f"{sys.platform} has no mount namespaces"
    with tempfile.TemporaryDirectory() as folder:
        probe = Instance("probe", Path(folder), isolated=True)
        probe.opt_ml.mkdir(parents=True)
        process = probe.start(["true"], {}, hosts_file=None, read_only=[])
        if process.wait() == 0:
            return None
        return "; ".join(probe.log_tail()) or f"exit code {process.returncode}"
