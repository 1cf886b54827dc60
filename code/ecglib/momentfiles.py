"""Moments on disk: one small JSON file for each recording, exact to the last bit."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

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
        leads = tuple(str(lead) for lead in content["leads"])
        size = len(leads)
        moments = Moments(
            int(content["n"]),
            np.array(content["mean"], np.float64).reshape(size),
            np.array(content["mean_low"], np.float64).reshape(size),
            np.array(content["factor"], np.float64).reshape(size, size),
        )
        recording = content["recording"]
        return RecordedMoments(recording, str(content["split"]), leads, moments)
    except (ValueError, KeyError, TypeError) as error:
        raise StepError(f"{path}: damaged moments ({error}): run Preprocess again") from None
