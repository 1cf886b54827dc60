"""What moves while a job's instances run: pipes that are fed, outputs that are uploaded."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence, Set
from pathlib import Path

from sagepipe.local.channels.continuous import Uploader
from sagepipe.local.channels.inputs import Channel, staged_files
from sagepipe.local.channels.outputs import Claims, FileState, OutputFolder
from sagepipe.local.channels.pipes import Feeder, Pipe
from sagepipe.local.launch.instance import Instance
from sagepipe.local.store import Store


class Streams:
    """Follows a job's instances from their start to their end; nothing outlives `close`."""

    def __init__(
        self,
        channels: Sequence[Channel],
        instances: Sequence[Instance],
        folders: Sequence[OutputFolder],
        store: Store,
        claims: Claims,
    ) -> None:
        self._pipes = {
            instance.host: pipes_of(channels, instance, index, len(instances))
            for index, instance in enumerate(instances)
        }
        self._feeders: dict[str, list[Feeder]] = {}
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._failure: tuple[str, str] | None = None
        continuous = [folder for folder in folders if folder.continuous]
        self._uploader = Uploader(continuous, staged_files(channels), store, claims, self._alive)

    def started(self, host: str, process: subprocess.Popen[bytes]) -> None:
        """Feed the pipes of an instance whose process has been started, and watch its outputs."""
        self._processes[host] = process
        self._uploader.start()
        feeders = self._feeders[host] = []
        for pipe in self._pipes[host]:
            feeders.append(Feeder(pipe))
            feeders[-1].start()

    def ended(self, host: str) -> None:
        """Stop feeding an instance."""
        for feeder in self._feeders.pop(host, []):
            feeder.stop()
            if feeder.failure and self._failure is None:
                self._failure = (host, feeder.failure)

    def failure(self) -> tuple[str, str] | None:
        """The host and reason of the first thing that went wrong, if any has."""
        for host, feeders in self._feeders.items():
            for feeder in feeders:
                if feeder.failure and self._failure is None:
                    self._failure = (host, feeder.failure)
        return self._failure or self._uploader.failure

    def close(self) -> None:
        """End every thread."""
        self._uploader.stop()
        for host in list(self._feeders):
            self.ended(host)

    @property
    def uploaded(self) -> Mapping[Path, FileState]:
        """The files that have been uploaded, in the state they were in."""
        return self._uploader.uploaded

    @property
    def uploaded_from(self) -> Set[str]:
        """The names of the outputs that something has been uploaded from."""
        return self._uploader.outputs

    def _alive(self, host: str) -> bool:
        process = self._processes.get(host)
        return process is not None and process.poll() is None


def pipes_of(channels: Sequence[Channel], instance: Instance, index: int, count: int) -> list[Pipe]:
    """The piped inputs of instance `index` of `count`."""
    return [
        Pipe(
            channel.name,
            instance.real(channel.local_path),
            channel.shard(index, count),
            channel.gzip,
        )
        for channel in channels
        if channel.piped
    ]
