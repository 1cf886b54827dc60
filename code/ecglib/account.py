"""The row account: what became of every row of every recording, as JSON lines."""

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from .errors import StepError
from .split import SPLITS

SCHEMA = 1

_TIME = (int, float, type(None))
_KINDS: dict[str, Any] = {
    "recording": str, "source": str, "split": str, "read": int, "written": int, "filled": int,
    "filled_by_lead": dict, "rejected": dict, "first_time": _TIME, "last_time": _TIME,
}  # fmt: skip


@dataclass(frozen=True)
class RecordingAccount:
    """One recording's rows: read = written + rejected. `filled` counts cells of written rows."""

    recording: str
    source: str
    split: str
    read: int
    written: int
    filled: int
    filled_by_lead: dict[str, int]
    rejected: dict[str, int]
    first_time: float | None = None
    last_time: float | None = None

    def __post_init__(self) -> None:
        """Fail, as a bug of ours, if a row is unaccounted for."""
        if self.read != self.written + sum(self.rejected.values()):
            raise AssertionError(
                f"{self.source}: {self.read} rows read, but {self.written} written and "
                f"{self.rejected} rejected"
            )

    def line(self) -> str:
        """Return the account as one line of JSON."""
        return _line({"schema": SCHEMA, "kind": "recording", **asdict(self)})


@dataclass
class Totals:
    """Sums over many recordings."""

    recordings: int = 0
    read: int = 0
    written: int = 0
    filled: int = 0
    filled_by_lead: Counter[str] = field(default_factory=Counter)
    rejected: Counter[str] = field(default_factory=Counter)

    def add(self, account: RecordingAccount) -> None:
        """Add one recording."""
        self.recordings += 1
        self.read += account.read
        self.written += account.written
        self.filled += account.filled
        self.filled_by_lead.update(account.filled_by_lead)
        self.rejected.update(account.rejected)


def instance_line(
    host: str, recordings: int, leads: tuple[str, ...], options: Mapping[str, Any]
) -> str:
    """Return an account's first line, which says what ran."""
    head = {"schema": SCHEMA, "kind": "instance", "host": host, "recordings": recordings}
    return _line({**head, "leads": list(leads), **options})


def reasons(rejected: Mapping[str, int]) -> str:
    """Return counts by reason in words, such as "3 non_numeric, 1 infinite"."""
    return ", ".join(f"{count} {reason}" for reason, count in sorted(rejected.items())) or "none"


def load(folder: str) -> list[RecordingAccount]:
    """Read all instances' accounts at or below `folder`, sorted by recording.

    Raises:
        StepError: none is there, one is damaged, or a recording is in two of them.
    """
    files = sorted(Path(folder).rglob("*.jsonl"))
    if not files:
        raise StepError(f"{folder}: no row account (*.jsonl): give Preprocess's account output")
    found: dict[str, RecordingAccount] = {}
    for file in files:
        for account in _read(file):
            other = found.setdefault(account.recording, account)
            if other is not account:
                raise StepError(
                    f"{file.name}: recording {account.recording!r} comes from both "
                    f"{other.source} and {account.source}: each recording must have one source "
                    "over all instances, so rename or remove one"
                )
    return [found[recording] for recording in sorted(found)]


def _read(file: Path) -> list[RecordingAccount]:
    try:
        # `splitlines` would also split at U+2028 and its like, which a name may hold.
        text = file.read_text(encoding="utf-8")
        lines = [json.loads(line) for line in text.split("\n") if line]
        return [_recording(line) for line in lines if line["kind"] == "recording"]
    except (ValueError, KeyError, TypeError, AssertionError) as error:
        raise StepError(f"{file}: damaged row account ({error}): run Preprocess again") from None


def _recording(line: Mapping[str, Any]) -> RecordingAccount:
    """Return what a line says, where each value is of its kind."""
    for name, kind in _KINDS.items():
        if not isinstance(line[name], kind) or isinstance(line[name], bool):
            raise TypeError(f"{name} is {line[name]!r}")
    for name in ("filled_by_lead", "rejected"):
        if not all(type(count) is int for count in line[name].values()):
            raise TypeError(f"{name} is {line[name]!r}")
    if line["split"] not in SPLITS:
        raise ValueError(f"split is {line['split']!r}")
    return RecordingAccount(**{name: line[name] for name in _KINDS})


def _line(content: Mapping[str, Any]) -> str:
    return json.dumps(content, ensure_ascii=False, allow_nan=False) + "\n"
