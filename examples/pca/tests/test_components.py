"""The components of each recording are scikit-learn's, whatever instance makes them."""

from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.decomposition import PCA

from pipelines import PROJECT

pytest_plugins = ["sagepipe.pytest_plugin"]

RECORDINGS = Path(__file__).parents[1] / "data" / "recordings"


def test_each_recording_has_its_components_up_to_sign(run_pipeline):
    result = run_pipeline(
        PROJECT["components"],
        parameters={"Instances": 3},
        buckets={"ecg-recordings": RECORDINGS},
    )
    assert result.succeeded, (result.reason, result.steps["Pca"].logs)
    shares = [int(log.splitlines()[-1].split()[0]) for log in result.steps["Pca"].logs.values()]
    assert sorted(shares) == [3, 3, 4]
    folder = result.steps["Pca"].outputs["components"]
    recordings = sorted(RECORDINGS.iterdir())
    assert sorted(path.name for path in folder.iterdir()) == [f"pca_{p.name}" for p in recordings]
    for recording in recordings:
        leads = pd.read_csv(recording, usecols=[1, 2, 3, 4], dtype=float).fillna(0.0)
        expected = PCA(n_components=4, svd_solver="full").fit_transform(leads.to_numpy())
        found = np.loadtxt(folder / f"pca_{recording.name}", delimiter=",")
        signs = np.sign((found * expected).sum(axis=0))
        np.testing.assert_allclose(found * signs, expected, atol=1e-9)
