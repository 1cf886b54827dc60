"""A generated 12-lead sample, for whoever has no recordings at hand.

The signals are neurokit2's (McSharry et al., IEEE Trans. Biomed. Eng. 50(3), 2003, extended to 12
leads). A few blank cells, as a loose electrode leaves them, give the cleaning something to do.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from sagepipe.local.moving import PART

RECORDINGS = 12
SECONDS = 20
SAMPLING_RATE = 500  # Hz
ROWS_PER_PART = 10_000  # small enough that all 8 instances of Pca get parts of so small a sample


@dataclass(frozen=True)
class Recordings:
    """The sample; `parameters` fit it."""

    parameters: Mapping[str, str] = field(default_factory=dict)

    def make(self, folder: Path, progress: Callable[[int, int], None]) -> int:
        """See `ensure`."""
        return ensure(folder, progress)


def ensure(folder: Path, progress: Callable[[int, int], None]) -> int:
    """Generate the recordings that `folder` doesn't have yet; returns how many that were.

    `progress(done, total)` is called after each. The same files come out on every run.
    """
    missing = [n for n in range(RECORDINGS) if not _path(folder, n).exists()]
    if not missing:
        return 0
    folder.mkdir(parents=True, exist_ok=True)
    with ProcessPoolExecutor(min(len(missing), os.cpu_count() or 1)) as pool:
        for done, _ in enumerate(pool.map(_generate, [folder] * len(missing), missing), start=1):
            progress(done, len(missing))
    return len(missing)


def _path(folder: Path, number: int) -> Path:
    return folder / f"sample-{number + 1:02d}.csv"


def _generate(folder: Path, number: int) -> None:
    import neurokit2 as nk  # takes seconds, and only the generating processes need it
    import numpy as np

    leads = nk.ecg_simulate(
        duration=SECONDS,
        sampling_rate=SAMPLING_RATE,
        heart_rate=60 + 3 * number,
        noise=0.01,
        method="multileads",
        random_state=number,
        random_state_distort="spawn",
    ).round(4)
    leads.columns = leads.columns.str.lower()
    if number % 8 == 3:
        generator = np.random.default_rng(number)
        start = int(generator.integers(len(leads) - 20))
        leads.iloc[start : start + 20, int(generator.integers(12))] = np.nan
    leads.insert(0, "time", (np.arange(len(leads)) / SAMPLING_RATE).round(3))
    path = _path(folder, number)
    # another run may be making the same sample, and nobody is to see half a recording
    staged = path.with_name(f"{PART}{uuid.uuid4().hex}")
    leads.to_csv(staged, index=False)
    staged.replace(path)
