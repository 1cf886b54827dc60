"""Which instance of the job this is, from the service's resourceconfig.json."""

import json
import re
from dataclasses import dataclass
from pathlib import Path

from .errors import StepError


@dataclass(frozen=True)
class Hosts:
    """The instances of the job, naturally sorted (algo-2 before algo-10), and this one's name."""

    current: str
    names: tuple[str, ...]

    @property
    def alone(self) -> bool:
        """Whether the job has this instance only."""
        return len(self.names) == 1

    @property
    def is_first(self) -> bool:
        """Whether this instance writes what the job must write once."""
        return self.current == self.names[0]


def load(path: str) -> Hosts:
    """Read a resourceconfig.json; without one (outside a container) the job is one instance."""
    try:
        config = json.loads(Path(path).read_text(encoding="utf-8"))
        current, names = str(config["current_host"]), [str(name) for name in config["hosts"]]
    except FileNotFoundError:
        return Hosts("algo-1", ("algo-1",))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise StepError(
            f"{path}: not a resource configuration with current_host and hosts ({error})"
        ) from None
    if current not in names:
        raise StepError(f"{path}: current_host {current!r} is not among hosts {names}")
    return Hosts(current, tuple(sorted(names, key=_natural)))


def _natural(name: str) -> list[tuple[int, str]]:
    return [
        (int(piece), "") if piece.isdigit() else (0, piece) for piece in re.split(r"(\d+)", name)
    ]
