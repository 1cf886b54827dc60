"""Spark's own history server over a folder of event logs, on loopback only."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import threading
import time
import urllib.request
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sagepipe.errors import LocalError, SettingsError
from sagepipe.local.launch import process
from sagepipe.local.spark import distribution

ADDRESS = "127.0.0.1"
START_SECONDS = 120.0  # on a laptop that does much else; usually it takes four
FIRST_LOOK_SECONDS = 10.0  # for logs that are large; it answers before it has read them
STOP_SECONDS = 5.0
POLL_SECONDS = 0.1
UPDATE_SECONDS = 5  # how often it looks at its folder
_MAIN = "org.apache.spark.deploy.history.HistoryServer"


@dataclass(frozen=True)
class HistoryServer:
    """A server's process and its address."""

    process: subprocess.Popen[bytes]
    port: int
    log: Path

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://{ADDRESS}:{self.port}"

    def applications(self) -> list[Any]:
        """What it shows now, as its REST interface tells it. Raises OSError while it can't."""
        with urllib.request.urlopen(f"{self.url}/api/v1/applications", timeout=10) as answer:
            found: list[Any] = json.load(answer)
        return found

    def check(self) -> None:
        """Raises LocalError, with the end of its log, if it has ended by itself."""
        code = self.process.poll()
        if code is not None:
            with self.log.open(encoding="utf-8", errors="replace") as file:
                tail = "".join(deque(file, maxlen=10)).rstrip()
            raise LocalError(f"the history server ended by itself, exit code {code}:\n{tail}")


def free_port(port: int) -> int:
    """`port` if it can be listened on, or any that can for 0. Raises SettingsError."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((ADDRESS, port))
        except OSError as error:
            raise SettingsError(
                f"--port {port}: {os.strerror(error.errno or 0).lower()}; name another, "
                "or 0 for any that is free"
            ) from None
        return int(probe.getsockname()[1])


@contextmanager
def serve(
    logs: Path, port: int, work: Path, stop: threading.Event
) -> Iterator[HistoryServer | None]:
    """Start a server over the logs in a folder; when this hands it out it answers, and has looked
    at the first of them.

    `work` is scratch, and `port` a free one. None is handed out if `stop` is set before it
    answers. At the end of the block the server has ended; if this process is killed, the kernel
    ends it (on Linux).

    Raises:
        LocalError: it doesn't start.
    """
    server = HistoryServer(_start(logs, port, work), port, work / "log")
    try:
        deadline = time.monotonic() + START_SECONDS
        answered: float | None = None
        while not stop.wait(POLL_SECONDS):
            server.check()
            with contextlib.suppress(OSError):
                if server.applications():
                    break
                answered = answered or time.monotonic()
            if answered and time.monotonic() - answered > FIRST_LOOK_SECONDS:
                break
            if time.monotonic() > deadline:
                raise LocalError(f"the history server did not answer within {START_SECONDS:g} s")
        yield None if stop.is_set() else server
    finally:
        server.process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            server.process.wait(STOP_SECONDS)
        process.kill(server.process)


def _start(logs: Path, port: int, work: Path) -> subprocess.Popen[bytes]:
    spark = distribution.find()
    settings = work / "history.conf"
    properties = {
        "spark.history.fs.logDirectory": f"file://{logs.absolute()}",
        "spark.history.fs.update.interval": f"{UPDATE_SECONDS}s",
        "spark.history.ui.port": str(port),
        # It would silently take the next port.
        "spark.port.maxRetries": "0",
    }
    settings.write_text("".join(f"{key} {value}\n" for key, value in properties.items()), "utf-8")
    command = process.Command(
        argv=(
            *(str(spark.java), *distribution.JAVA_OPTIONS),
            *(f"-Xmx{distribution.usual_memory() // 2**20}m", f"-Djava.io.tmpdir={work}"),
            *("-cp", str(spark.spark_home / "jars" / "*")),
            *(_MAIN, "--properties-file", str(settings)),
        ),
        environment={
            "PATH": os.environ.get("PATH", os.defpath),
            "LANG": "C.UTF-8",
            # Without these it listens on every interface, and resolves this machine's name.
            "SPARK_LOCAL_IP": ADDRESS,
            "SPARK_LOCAL_HOSTNAME": "localhost",
        },
        folder=work,
    )
    return process.start(command, work / "log")
