"""Instances with mount and process-id namespaces of their own: each finds its files at /opt/ml."""

from __future__ import annotations

import functools
import random
import re
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from sagepipe.local.launch import launcher, process
from sagepipe.local.launch.instance import Instance

_NOT_ISOLATED = re.compile("cannot isolate the instance: ")  # as confine.py says it


class Namespaces(launcher.Machine):
    """Nothing is rewritten. Inputs may be links, since the folders that they lead to can't be
    written to, and instances reach each other by name."""

    links_inputs = True

    def __init__(self, program: launcher.Program, hosts_file: Path | None = None) -> None:
        super().__init__(program)
        self._hosts_file = hosts_file

    def seen(self, instance: Instance, text: str) -> str:
        """The text itself."""
        return text

    def spawn(
        self,
        instance: Instance,
        argv: Sequence[str],
        environment: Mapping[str, str],
        read_only: Sequence[Path],
    ) -> subprocess.Popen[bytes]:
        """Start a command in namespaces of its own."""
        scratch = instance.folder / "mounts"
        scratch.mkdir(parents=True, exist_ok=True)
        confined = process.Confined(
            own=instance.folder,
            opt_ml=instance.opt_ml,
            scratch=scratch,
            hosts_file=self._hosts_file,
            read_only=tuple(read_only),
        )
        return process.start(launcher.command(instance, argv, environment, confined), instance.log)

    def machine_fault(self, instance: Instance, code: int) -> str:
        """Namespaces may be refused at any time, when others have taken all there are."""
        if code == process.CANNOT_ISOLATE and any(map(_NOT_ISOLATED.match, instance.log_tail())):
            return "this machine could not isolate the instance"
        return ""


def write_hosts(path: Path, instances: Sequence[Instance]) -> Path:
    """An /etc/hosts in which each instance has a loopback address of its own."""
    network = f"127.{random.randint(1, 254)}.{random.randint(0, 254)}"
    lines = ["127.0.0.1 localhost", "::1 localhost"]
    lines += [f"{network}.{n} {i.host}" for n, i in enumerate(instances, start=1)]
    path.write_text("\n".join(lines) + "\n")
    return path


@functools.cache
def why_not() -> str | None:
    """Why this machine has no namespaces for us; None where they are to be had."""
    if sys.platform != "linux":
        return f"{sys.platform} has no mount namespaces"
    with tempfile.TemporaryDirectory() as folder:
        probe = Instance("probe", Path(folder))
        probe.opt_ml.mkdir(parents=True)
        started = Namespaces(launcher.Program("", ("true",), ())).start(probe, [])
        assert started is not None
        if started.wait() == 0:
            return None
        return "; ".join(probe.log_tail()) or f"exit code {started.returncode}"
