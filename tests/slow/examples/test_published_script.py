"""The usual PCA script as it was published, byte for byte, in the definition of examples/pca."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from environments import Environment
from sklearn.decomposition import PCA

import sagepipe
from sagepipe.local.launch import namespaces

ROOT = Path(__file__).resolve().parents[3]
RECORDINGS = ROOT / "examples" / "pca" / "data" / "recordings"
SEEDS = ROOT.parent / "shared" / "seeds"


def test_it_runs_unmodified_on_eight_instances(
    tmp_path: Path,
    installed: Environment,
    copied: Callable[[str], Path],
    variables: Callable[[Environment], dict[str, str]],
) -> None:
    if reason := namespaces.why_not():
        pytest.skip(f"no namespaces on this machine: {reason}")
    texts = [path.read_text() for path in sorted(SEEDS.glob("*.txt"))]
    blocks = [block for text in texts for block in re.findall(r"```py\n(.*?)```", text, re.DOTALL)]
    scripts = [block for block in blocks if "pca.fit_transform(ecg)" in block]
    if not scripts:
        pytest.skip("the published scripts aren't beside this checkout")
    printed = subprocess.run(
        [installed.program("sagepipe"), "definition"],
        cwd=copied("pca"),
        env=variables(installed),
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    definition = json.loads(printed)
    request = definition["Steps"][0]["Arguments"]
    request["AppSpecification"]["ContainerEntrypoint"] = [
        *("python", "/opt/ml/processing/script/pca-ecg.py", "--bucket=any")
    ]
    request["ProcessingInputs"][1]["S3Input"]["S3Uri"] = "s3://scripts/pca-ecg.py"
    result = sagepipe.run(
        definition,
        store=tmp_path / "store",
        buckets={"ecg-recordings": RECORDINGS},
        objects={"s3://scripts/pca-ecg.py": scripts[0]},
        at_once=4,
    )
    assert result.succeeded, (result.reason, result.steps["Pca"].logs)
    folder = result.steps["Pca"].outputs["components"]
    files = sorted(RECORDINGS.glob("*.csv"))
    assert sorted(path.name for path in folder.iterdir()) == [f"pca_{path.name}" for path in files]
    for path in files:
        leads = pd.read_csv(path, usecols=[1, 2, 3, 4], dtype=float).fillna(0.0)
        expected = PCA(n_components=4, svd_solver="full").fit_transform(leads.to_numpy())
        ours = np.loadtxt(folder / f"pca_{path.name}", delimiter=",")
        signs = np.sign((ours * expected).sum(axis=0))
        np.testing.assert_allclose(ours * signs, expected, atol=1e-9)
