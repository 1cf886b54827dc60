"""The place of one instance: its `/opt/ml`, its configuration files, its log."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sagepipe.errors import LocalError

Json = Any

OPT_ML = "/opt/ml"
MESSAGE_BYTES = 1024  # of /opt/ml/output/message


@dataclass(frozen=True)
class Instance:
    """The place of one instance: `<root>/<host>/`, with what it sees as /opt/ml in `ml`."""

    host: str
    root: Path

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

    def write_config(
        self, job: Mapping[str, Json], hosts: Sequence[str], seen: Callable[[str], str]
    ) -> None:
        """The two files of /opt/ml/config (the service's documented form); `seen` makes a text
        of the job's what the process needs it to be."""
        config = self.opt_ml / "config"
        config.mkdir(parents=True, exist_ok=True)
        resources = {"current_host": self.host, "hosts": list(hosts)}
        (config / "resourceconfig.json").write_text(json.dumps(resources))
        (config / "processingjobconfig.json").write_text(json.dumps(_mapped(job, seen)))
        (self.opt_ml / "output").mkdir(exist_ok=True)

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


def _mapped(value: Json, seen: Callable[[str], str]) -> Json:
    """JSON values with each text in them replaced; names of members stay."""
    if isinstance(value, str):
        return seen(value)
    if isinstance(value, Mapping):
        return {key: _mapped(item, seen) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_mapped(item, seen) for item in value]
    return value
