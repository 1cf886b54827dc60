"""The managed Spark image's instances: the primary runs spark-submit, the workers nothing."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

from sagepipe.local.launch import launcher
from sagepipe.local.launch.instance import Instance
from sagepipe.local.spark import submit
from sagepipe.local.store import Store


class Spark(launcher.Launcher):
    """Spark's behaviour around a process of this machine.

    `hosts` are the job's, `cores` what Spark may use, `cache` a folder that outlives jobs; `note`
    is told what can't be honoured here.
    """

    def __init__(
        self,
        inner: launcher.Machine,
        *,
        job: str,
        hosts: Sequence[str],
        store: Store,
        cores: int,
        cache: Path,
        note: Callable[[str], None],
    ) -> None:
        self._inner, self._job, self._hosts = inner, job, hosts
        self._store, self._cores, self._cache, self._note = store, cores, cache, note
        self.links_inputs = inner.links_inputs

    def seen(self, instance: Instance, text: str) -> str:
        """As the process around it needs it."""
        return self._inner.seen(instance, text)

    def start(
        self, instance: Instance, read_only: Sequence[Path]
    ) -> subprocess.Popen[bytes] | None:
        """Start the driver; the image's workers only wait for it. Spark writes to the store
        itself, so that of the inputs' folders only those stay protected that nobody may write to.
        """
        if not submit.is_primary(instance.host, self._hosts):
            return None
        launch = submit.prepare(
            self._inner.argv(instance),
            opt_ml=instance.opt_ml,
            store=self._store,
            work=instance.folder / "spark",
            cache=self._cache,
            cores=self._cores,
            job=self._job,
        )
        for text in launch.ignored:
            self._note(text)
        environment = {**self._inner.environment(instance), **launch.env}
        folders = submit.only_read(self._store)
        return self._inner.spawn(instance, launch.argv, environment, folders)

    def end(self, processes: Sequence[subprocess.Popen[bytes]], grace: float) -> None:
        """As the process around it does."""
        self._inner.end(processes, grace)

    def machine_fault(self, instance: Instance, code: int) -> str:
        """As the process around it knows it."""
        return self._inner.machine_fault(instance, code)
