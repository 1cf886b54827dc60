"""Runs the processes of a job's instances, from the first start to the last end."""

from __future__ import annotations

import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from sagepipe.local import failure
from sagepipe.local.channels.streams import Streams
from sagepipe.local.events import Status
from sagepipe.local.failure import Failure
from sagepipe.local.launch import process
from sagepipe.local.launch.instance import Instance
from sagepipe.local.launch.launcher import Launcher

Changed = Callable[[Instance, Status], None]


@dataclass(frozen=True)
class Limits:
    """What bounds a job: `seconds` until its processes get the stop signal, `grace` more until
    they are killed, at most `at_once` of them at the same time (None for all)."""

    seconds: float
    grace: float
    at_once: int | None = None


def run(
    instances: Sequence[Instance],
    launcher: Launcher,
    streams: Streams,
    limits: Limits,
    read_only: Sequence[Path],
    stop: threading.Event,
    changed: Changed,
) -> Failure | None:
    """Run all processes; the first that fails, the time limit or `stop` ends the others.

    `changed` is told when an instance starts and how it ends.

    Raises:
        LocalError, OSError: as `Launcher.start`.
    """
    deadline = time.monotonic() + limits.seconds
    waiting = list(reversed(instances))
    running: dict[Instance, subprocess.Popen[bytes]] = {}
    failed: Failure | None = None
    try:
        while (waiting or running) and failed is None and not stop.is_set():
            while waiting and len(running) < (limits.at_once or len(instances)):
                instance = waiting.pop()
                started = launcher.start(instance, read_only)
                if started is not None:
                    running[instance] = started
                    streams.started(instance.host, started)
                    changed(instance, Status.EXECUTING)
            for instance, code in _ended(running):
                del running[instance]
                streams.ended(instance.host)
                changed(instance, Status.SUCCEEDED if code == 0 else Status.FAILED)
                if code != 0 and failed is None and not stop.is_set():
                    failed = _of_exit(launcher, instance, code)
            if not stop.is_set():  # from then on, what goes wrong is the stop's doing
                failed = failed or _of_streams(streams)
            if running and failed is None and time.monotonic() > deadline:
                process.stop(running.values(), limits.grace)
                failed = _timed_out(next(iter(running)), limits)
            time.sleep(process.POLL_SECONDS)
    finally:
        launcher.end(list(running.values()), limits.grace)
        for instance in running:
            changed(instance, Status.STOPPED)
        streams.close()
    return failed if failed or stop.is_set() else _of_streams(streams)


def _ended(
    running: dict[Instance, subprocess.Popen[bytes]],
) -> list[tuple[Instance, int]]:
    codes = [(instance, started.poll()) for instance, started in running.items()]
    return [(instance, code) for instance, code in codes if code is not None]


def _of_exit(launcher: Launcher, instance: Instance, code: int) -> Failure:
    if fault := launcher.machine_fault(instance, code):
        return failure.of_machine(fault, instance.host)
    return failure.of_exit(instance.host, code)


def _of_streams(streams: Streams) -> Failure | None:
    broken = streams.failure()
    return failure.of_client(broken[1], broken[0]) if broken else None


def _timed_out(instance: Instance, limits: Limits) -> Failure:
    return Failure(
        instance.host,
        f"ClientError: the job was stopped after MaxRuntimeInSeconds ({limits.seconds:g} s)",
        timed_out=True,
    )
