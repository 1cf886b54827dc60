"""The folder of code arrives whole, its requirements are installed, and the cache knows it."""

import json
from pathlib import Path

from pipelines.registry import TEAM

pytest_plugins = ["sagepipe.pytest_plugin"]

ROOT = Path(__file__).parents[1]
BUCKETS = {"ecg-recordings": ROOT / "data" / "recordings"}


def test_it_counts_once_and_is_in_the_cache_then(run_pipeline):
    first = run_pipeline(TEAM["counts"], buckets=BUCKETS)
    step = first.steps["Summarise"]
    assert first.succeeded, (first.reason, step.logs)
    counts = json.loads((step.outputs["counts"] / "rows.json").read_text())
    assert counts == {"p01.csv": 20, "p02.csv": 20, "p03.csv": 20}
    assert "Requirement already satisfied: numpy" in step.logs["algo-1"]

    again = run_pipeline(TEAM["counts"], buckets=BUCKETS)
    assert again.steps["Summarise"].reused == "cached"
