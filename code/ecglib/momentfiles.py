"""Moments on disk: one small JSON file for each recording, exact to the last bit."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from .columns import Floats
from .errors import StepError
from .messages import listed
from .moments import Moments

SCHEMA = 1


@dataclass(frozen=True)
class RecordedMoments:
    """The moments of one recording's rows; recording None and n = 0 where there are none."""

    recording: str | None
    split: str
    leads: tuple[str, ...]
    moments: Moments

    def text(self) -> str:
        """Return the file's content.

        Python writes floats with as many digits as it takes to read the same bits back. `factor`
        is the upper triangular R of `Moments`: the co-moment matrix is RᵀR.
        """
        content = {
            "schema": SCHEMA,
            "recording": self.recording,
            "split": self.split,
            "leads": list(self.leads),
            "n": self.moments.n,
            "mean": self.moments.mean.tolist(),
            "mean_low": self.moments.mean_low.tolist(),
            "factor": self.moments.factor.tolist(),
        }
        return json.dumps(content, ensure_ascii=False, allow_nan=False) + "\n"


def load(folder: str, split: str) -> Iterator[RecordedMoments]:
    """Yield the moments of one split's recordings, sorted by file name.

    File names come from the recordings alone, so the order is the same however they are spread
    over instances. Files of no rows are left out.

    Raises:
        StepError: a file is damaged, or two recordings have different leads.
    """
    first: RecordedMoments | None = None
    for path in sorted(Path(folder, split).glob("*.json"), key=lambda path: path.name):
        recorded = _read(path)
        if not recorded.moments.n:
            continue
        first = first or recorded
        if recorded.leads != first.leads:
            raise StepError(
                f"recordings {first.recording!r} and {recorded.recording!r} have different leads: "
                f"{listed(first.leads)} and {listed(recorded.leads)}. "
                "Choose common ones with Preprocess's --leads"
            )
        yield recorded


def _read(path: Path) -> RecordedMoments:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        leads, n, recording = content["leads"], content["n"], content["recording"]
        if not isinstance(leads, list) or not all(isinstance(lead, str) for lead in leads):
            raise TypeError(f"leads are {leads!r}")
        if type(n) is not int or not (0 <= n < 2**63):
            raise TypeError(f"n is {n!r}")
        if not isinstance(recording, str | None) or (n and recording is None):
            raise TypeError(f"recording is {recording!r}")
        size = len(leads)
        moments = Moments(
            n,
            _finite(content["mean"], (size,)),
            _finite(content["mean_low"], (size,)),
            _finite(content["factor"], (size, size)),
        )
        return RecordedMoments(recording, str(content["split"]), tuple(leads), moments)
    except (ValueError, KeyError, TypeError, OverflowError) as error:
        raise StepError(f"{path}: damaged moments ({error}): run Preprocess again") from None


def _finite(numbers: Any, shape: tuple[int, ...]) -> Floats:
    array = np.array(numbers, np.float64)
    if (array.size and array.shape != shape) or not np.isfinite(array).all():
        raise ValueError(f"not {' by '.join(map(str, shape))} finite numbers")
    return array.reshape(shape)  # an instance without recordings has no leads, and [] for all
