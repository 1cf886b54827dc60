"""The pipeline of SDK v2 as it is: its script, its property file, its condition."""

from pathlib import Path

import numpy as np
from toolkit import PROJECT

pytest_plugins = ["sagepipe.pytest_plugin"]

RECORDINGS = Path(__file__).parents[1] / "data" / "recordings"


def test_leads_are_normalised_unless_too_many_values_are_missing(run_pipeline):
    result = run_pipeline(PROJECT["recordings"], buckets={"ecg-recordings": RECORDINGS})
    step = result.steps["Normalise"]
    assert result.succeeded, (result.reason, step.logs)
    for path in RECORDINGS.iterdir():
        leads = np.loadtxt(step.outputs["leads"] / path.name, delimiter=",", skiprows=1)[:, 1:]
        there = np.genfromtxt(path, delimiter=",", skip_header=1)[:, 1:]
        kept = np.ma.masked_array(leads, np.isnan(there))
        np.testing.assert_allclose(kept.mean(axis=0), 0, atol=1e-6)
        np.testing.assert_allclose(kept.std(axis=0), 1, atol=1e-5)

    strict = run_pipeline(
        PROJECT["recordings"],
        parameters={"MostMissing": 0.001},
        buckets={"ecg-recordings": RECORDINGS},
    )
    assert not strict.succeeded
    assert "too many values are missing" in strict.reason
    assert strict.steps["EnoughValues"].outcome is False
