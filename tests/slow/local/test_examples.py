"""examples/: each definition is what its define.py builds, and runs as its docstring says."""

from __future__ import annotations

import importlib.util
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.decomposition import PCA

import sagepipe
from sagepipe.local.launch import namespaces
from sagepipe.local.store import Store

Json = Any
EXAMPLES = Path(__file__).resolve().parents[3] / "examples"
SEEDS = EXAMPLES.parents[1] / "shared" / "seeds"


@pytest.fixture(autouse=True)
def _namespaces() -> None:
    """The scripts have /opt/ml written into them, as most that people have."""
    if reason := namespaces.why_not():
        pytest.skip(f"no namespaces on this machine: {reason}")


def define(folder: str, *arguments: Any) -> dict[str, Json]:
    """What an example's define.py builds."""
    path = EXAMPLES / folder / "define.py"
    spec = importlib.util.spec_from_file_location(f"define_{folder}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    built: dict[str, Json] = module.definitions(*arguments)
    return built


def buckets(folder: str) -> dict[str, Path]:
    here = EXAMPLES / folder
    return {"example-code": here / "code", "example-data": here / "data"}


@pytest.fixture
def run_example(tmp_path: Path) -> Callable[..., sagepipe.Result]:
    def run(folder: str, file: str, **options: Any) -> sagepipe.Result:
        options.setdefault("buckets", buckets(folder))
        return sagepipe.run(EXAMPLES / folder / file, store=tmp_path / "store", **options)

    return run


Run = Callable[..., sagepipe.Result]


@pytest.mark.parametrize("folder", ["processors", "pca"])
def test_the_definitions_are_what_the_sdk_builds(folder: str) -> None:
    for name, definition in define(folder).items():
        assert json.loads((EXAMPLES / folder / name).read_text()) == definition


def test_three_processors_run_one_script_to_the_same_end(run_example: Run) -> None:
    result = run_example("processors", "processors.json")
    assert result.succeeded, result.reason
    outputs = {}
    for step, processor in (
        ("BaseProcessor", "base"),
        ("ScriptProcessor", "script"),
        ("SklearnImage", "sklearn"),
    ):
        assert f"{processor}: p01.csv: 16 rows for train" in result.steps[step].logs["algo-1"]
        outputs[step] = {
            (split, path.name): path.read_text()
            for split, folder in result.steps[step].outputs.items()
            for path in folder.iterdir()
        }
    assert len(outputs["BaseProcessor"]) == 9
    assert outputs["BaseProcessor"] == outputs["ScriptProcessor"] == outputs["SklearnImage"]


def expected_components(path: Path) -> Any:
    leads = pd.read_csv(path, usecols=[1, 2, 3, 4], dtype=float).fillna(0.0)
    return PCA(n_components=4, svd_solver="full").fit_transform(leads.to_numpy())


def check_components(folder: Path, recordings: Path) -> None:
    """Each recording has its components, up to sign."""
    files = sorted(recordings.glob("*.csv"))
    assert sorted(p.name for p in folder.iterdir()) == [f"pca_{p.name}" for p in files]
    for path in files:
        ours = np.loadtxt(folder / f"pca_{path.name}", delimiter=",")
        expected = expected_components(path)
        signs = np.sign((ours * expected).sum(axis=0))
        np.testing.assert_allclose(ours * signs, expected, atol=1e-9)


def test_pca_on_eight_instances(run_example: Run) -> None:
    result = run_example("pca", "pca.json")
    assert result.succeeded, result.reason
    shares = [log.splitlines()[-1] for log in result.steps["Pca"].logs.values()]
    assert sorted(shares) == ["1 recordings"] * 6 + ["2 recordings"] * 2
    check_components(result.steps["Pca"].outputs["components"], EXAMPLES / "pca/data/recordings")


def test_a_framework_processor_as_the_sdk_ships_it(tmp_path: Path, run_example: Run) -> None:
    store = tmp_path / "store"
    built = define("framework", Store(store))["framework.json"]
    assert json.loads((EXAMPLES / "framework" / "framework.json").read_text()) == built
    data = {"example-data": EXAMPLES / "pca" / "data"}
    result = run_example("framework", "framework.json", buckets=data)
    assert result.succeeded, result.steps["Summarise"].logs
    counts = json.loads((result.steps["Summarise"].outputs["counts"] / "rows.json").read_text())
    assert counts == {f"p{n:02d}.csv": 24 for n in range(1, 11)}
    assert "Requirement already satisfied: numpy" in result.steps["Summarise"].logs["algo-1"]


def test_the_usual_pca_script_runs_unmodified(tmp_path: Path, run_example: Run) -> None:
    """As it was published, byte for byte, on eight instances."""
    texts = [path.read_text() for path in sorted(SEEDS.glob("*.txt"))]
    blocks = [block for text in texts for block in re.findall(r"```py\n(.*?)```", text, re.DOTALL)]
    scripts = [block for block in blocks if "pca.fit_transform(ecg)" in block]
    if not scripts:
        pytest.skip("the published scripts aren't beside this checkout")
    definition = json.loads((EXAMPLES / "pca" / "pca.json").read_text())
    request = definition["Steps"][0]["Arguments"]
    entrypoint = request["AppSpecification"]["ContainerEntrypoint"]
    entrypoint[:] = ["python", "/opt/ml/processing/script/pca-ecg.py", "--bucket=any"]
    request["ProcessingInputs"][1]["S3Input"]["S3Uri"] = "s3://scripts/pca-ecg.py"
    result = sagepipe.run(
        definition,
        store=tmp_path / "store",
        buckets=buckets("pca"),
        objects={"s3://scripts/pca-ecg.py": scripts[0]},
        at_once=4,
    )
    assert result.succeeded, (result.reason, result.steps["Pca"].logs)
    check_components(result.steps["Pca"].outputs["components"], EXAMPLES / "pca/data/recordings")
