"""Chooses how a job's instances are launched: here, once, and nowhere else."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from sagepipe.local.launch.container import Container
from sagepipe.local.launch.instance import Instance
from sagepipe.local.launch.launcher import Launcher, Machine, Program
from sagepipe.local.launch.namespaces import Namespaces, write_hosts
from sagepipe.local.launch.rewritten import RewrittenPaths
from sagepipe.local.runtime import Runtime


def choose(
    program: Program,
    instances: Sequence[Instance],
    runtime: Runtime,
    *,
    job: str,
    folder: Path,
    note: Callable[[str], None],
) -> Launcher:
    """The launcher of the job named `job`, whose files go into `folder`.

    Raises:
        UnsupportedError: only the image knows what to run, and nothing stands in for it.
    """
    if program.image is not None and program.image.contains:
        return Container(program)
    machine: Machine
    if runtime.isolation == "namespaces":
        machine = Namespaces(program, write_hosts(folder / "hosts", instances))
    else:
        machine = RewrittenPaths(program)
    if not program.is_spark:
        return machine
    from sagepipe.local.launch.spark import Spark  # a tenth of a second that only Spark's jobs pay

    return Spark(
        machine,
        job=job,
        hosts=[instance.host for instance in instances],
        store=runtime.store,
        cores=runtime.cores,
        cache=runtime.cache,
        note=note,
    )
