"""Scripts and definitions as public projects write them, which never heard of this project.

They are in public/, /opt/ml/processing paths written into them and all. churn.json is what version
2 of the SDK made of SKLearnProcessor, ScriptProcessor and a condition; fleet.json has the older
habits: hosts that find each other by name, inputs found through the job's configuration, a
failure told through /opt/ml/output/message.
"""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import json
import re
import tarfile
from collections import Counter
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
import pytest

import sagepipe
from sagepipe.language.validate import check
from sagepipe.local.events import Status
from sagepipe.local.launch import namespaces

Json = Any
PUBLIC = Path(__file__).with_name("public")
DEFAULT_BUCKET = "sagemaker-eu-west-1-123456789012"
ROWS = 200


@pytest.fixture(autouse=True)
def _namespaces() -> None:
    """The scripts have /opt/ml written into them."""
    if reason := namespaces.why_not():
        pytest.skip(f"no namespaces on this machine: {reason}")


def definition(name: str) -> dict[str, Json]:
    built: dict[str, Json] = json.loads((PUBLIC / name).read_text())
    check(built)  # the service would take it
    return built


def scripts(document: dict[str, Json]) -> dict[str, Path]:
    """Each script where its definition has it."""
    uris = re.findall(r'"(s3://[^"]*/input/code/([a-z_]+\.py))"', json.dumps(document))
    return {uri: PUBLIC / name for uri, name in uris}


def customers() -> pd.DataFrame:
    random = np.random.default_rng(4)
    table = pd.DataFrame(
        {
            "age": random.integers(18, 80, ROWS).astype(float),
            "visits": random.poisson(5, ROWS),
            "spent": random.gamma(2, 50, ROWS).round(2),
            "plan": random.choice(["basic", "plus", "family"], ROWS),
        }
    )
    table["left"] = (table["visits"] + random.normal(0, 2, ROWS) < 5).astype(int)
    table.loc[::17, "age"] = np.nan
    return table


def test_a_sklearn_pipeline_of_sdk_v2(tmp_path: Path) -> None:
    document = definition("churn.json")
    given = {"InputData": "s3://raw-data/churn/customers.csv"}
    table = customers()
    result = sagepipe.run(
        document,
        name="ChurnPipeline",
        store=tmp_path,
        parameters=given,
        objects={**scripts(document), given["InputData"]: table.to_csv(index=False)},
    )
    assert result.succeeded, (result.reason, {n: s.logs for n, s in result.steps.items()})

    # what the scripts were given and made
    split = result.steps["PreprocessData"].outputs
    train = pd.read_csv(split["train"] / "train_features.csv", header=None).to_numpy()
    test = pd.read_csv(split["test"] / "test_features.csv", header=None).to_numpy()
    assert (len(train), len(test)) == (ROWS * 3 // 4, ROWS // 4)
    np.testing.assert_allclose(train[:, :3].mean(axis=0), 0, atol=1e-12)
    np.testing.assert_allclose(train[:, :3].std(axis=0), 1, atol=1e-12)

    # the model and the report that the condition read
    uri = f"s3://{DEFAULT_BUCKET}/churn/{result.execution_id}/FitModel/model/model.tar.gz"
    with tarfile.open(fileobj=io.BytesIO(result.read(uri))) as tar:
        packed = tar.extractfile("model.joblib")
        assert packed is not None
        model = joblib.load(io.BytesIO(packed.read()))
    labels = pd.read_csv(split["test"] / "test_labels.csv", header=None)[0].to_numpy()
    report = json.loads(
        (result.steps["EvaluateModel"].outputs["evaluation"] / "evaluation.json").read_text()
    )
    accuracy = report["binary_classification_metrics"]["accuracy"]["value"]
    assert accuracy == (model.predict(test) == labels).mean()
    assert 0.6 <= accuracy < 0.99
    assert result.steps["AccuracyCondition"].outcome is True
    assert result.steps["TooInaccurate"].status is Status.NOT_RUN

    # the shell's package
    package = result.steps["Package"].outputs["package"]
    assert result.steps["Package"].logs["algo-1"] == "packed 3 files\n"
    sums = dict(
        reversed(line.split()) for line in (package / "SHA256SUMS").read_text().splitlines()
    )
    assert sums == {
        f"./{path}": hashlib.sha256((package / path).read_bytes()).hexdigest()
        for path in (
            "features/train_features.csv.gz",
            "features/train_labels.csv.gz",
            "model/model.tar.gz",
        )
    }
    packed_csv = gzip.decompress((package / "features/train_features.csv.gz").read_bytes())
    assert packed_csv == (split["train"] / "train_features.csv").read_bytes()

    # once more with a threshold that it misses: nothing is run again, and the Fail step ends it
    again = sagepipe.run(
        document,
        name="ChurnPipeline",
        store=tmp_path,
        parameters={**given, "AccuracyThreshold": 0.99},
    )
    assert again.status is Status.FAILED
    assert "Execution failed due to accuracy < 0.99" in again.reason
    assert [step.name for step in again.steps.values() if step.reused == "cached"] == [
        "PreprocessData",
        "FitModel",
        "EvaluateModel",
    ]
    assert again.steps["Package"].status is Status.NOT_RUN


def test_a_fleet_of_hosts_an_inventory_and_a_table_that_is_refused(tmp_path: Path) -> None:
    document = definition("fleet.json")
    books = {f"books/{n}/part {n}.txt": f"Wer reitet so spät? {'nein ' * n}" for n in range(7)}
    logs = {f"access-logs/2024/{m:02d}/day-1.log": "GET /\n" * m for m in (1, 2, 12)}
    table = "name,age\na,59\nb,61\nc,\nd,77\n"
    result = sagepipe.run(
        document,
        store=tmp_path,
        parameters={"Stage": "nightly"},
        objects={
            **scripts(document),
            **{f"s3://public-corpus/{key}": text for key, text in (books | logs).items()},
            "s3://public-corpus/customers/eu/table.csv": table,
        },
    )
    words = result.steps["CountWords"]
    assert words.status is Status.SUCCEEDED, (words.reason, words.logs)
    expected = Counter(" ".join(books.values()).lower().replace("?", "").split())
    with (words.outputs["total"] / "words.csv").open(newline="") as file:
        assert {word: int(count) for word, count in csv.reader(file)} == expected
    shares = [json.loads(path.read_text()) for path in sorted(words.outputs["shares"].iterdir())]
    assert [(share["host"], share["files"]) for share in shares] == [
        ("algo-1", 3),
        ("algo-2", 2),
        ("algo-3", 2),
    ]
    assert {share["of"] for share in shares} == {expected.total()}  # each was told the sum
    assert sum(share["words"] for share in shares) == expected.total()

    inventory = result.steps["Inventory"]
    assert inventory.status is Status.SUCCEEDED, (inventory.reason, inventory.logs)
    folder = inventory.outputs["inventory"]
    index = json.loads((folder / "index.json").read_text())
    environment = {"STAGE": "nightly", "CHANNEL": "logs", "LOG_LEVEL": "INFO"}
    assert index.pop("job").startswith(f"pipelines-{result.execution_id}-Inventory-")
    assert index.pop("image").endswith("sagemaker-scikit-learn:1.2-1-cpu-py3")
    assert index == {"environment": environment, "volume": 30, "limit": 3600, "files": 3}
    found = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("day-1.json"))
    assert found == [f"2024/{month}/summary/day-1.json" for month in ("01", "02", "12")]
    row = json.loads((folder / found[2]).read_text())
    content = logs["access-logs/2024/12/day-1.log"].encode()
    assert row == {
        "file": "day-1.log",
        "bytes": len(content),
        "lines": 12,
        "md5": hashlib.md5(content).hexdigest(),
        "stage": "nightly",
    }
    assert "INFO:inventory:" in inventory.logs["algo-1"]

    refused = result.steps["Expectations"]
    assert refused.status is Status.FAILED
    assert refused.reason == "AlgorithmError: , exit code: 255"
    assert refused.exit_message == "Expectations not met: table.csv: 2 of 4 ages above 60"
    assert refused.attempts == 1  # no retry policy is for a script's own failure
    assert "ValueError: table.csv" in refused.logs["algo-1"]
