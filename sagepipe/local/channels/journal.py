"""What is being published, written down first, so that it can be taken back.

Every object appears whole, but a job has many: when publishing is cut short, by a full disk or by
the engine's end, some are there and some not, and their names may differ the next time. The list
of those that weren't there before is written before the first one is published and removed after
the last; whoever finds one removes these objects.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Sequence
from pathlib import Path

from sagepipe.language.s3 import Location
from sagepipe.local.store import Store

JOURNAL = "publishing.json"


@contextlib.contextmanager
def publishing(folder: Path, locations: Sequence[Location], store: Store) -> Iterator[None]:
    """Publish in this context; if it is left by an error, new objects are removed again."""
    new = [
        [location.bucket, location.key]
        for location in locations
        if not _file(location, store).exists()
    ]
    staged = folder / f"{JOURNAL}.tmp"
    try:
        staged.write_text(json.dumps(new))
        staged.replace(folder / JOURNAL)
    finally:
        staged.unlink(missing_ok=True)
    try:
        yield
    except BaseException:
        undo(folder, store)
        raise
    (folder / JOURNAL).unlink()


def undo(folder: Path, store: Store) -> int:
    """Take back what was published below a step's folder and never finished; how many objects."""
    removed = 0
    for journal in sorted(folder.rglob(JOURNAL)):
        for bucket, key in json.loads(journal.read_text()):
            path = _file(Location(bucket, key), store)
            if path.is_file():
                path.unlink()
                removed += 1
        journal.unlink()
    return removed


def _file(location: Location, store: Store) -> Path:
    return store.path(location)
