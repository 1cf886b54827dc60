"""What `estimate` says of this project's pipelines."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from ecglib import workers

from benchmarks import throughput
from pipelines import PROJECT
from sagepipe.cli import frame
from sagepipe.report import prices
from sagepipe.report.throughput import load

ROOT = Path(__file__).resolve().parents[3]


def test_what_is_committed_was_measured_whole() -> None:
    assert not load(ROOT / "pipelines" / throughput.FILE).quick


def test_the_scripts_use_as_many_cores_as_the_table_says() -> None:
    assert workers.MOST == throughput.THREADS


@pytest.mark.parametrize("pipeline", [one.name for one in PROJECT if one.throughput])
def test_a_pipeline_that_names_the_table_can_be_estimated(
    pipeline: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    options = [pipeline, "--bytes", "10GB", "--prices", str(prices.SHIPPED)]
    assert frame.run_verb("estimate", options, project=PROJECT) == 0
    said = capsys.readouterr().out
    assert "the whole pipeline" in said
    assert pipeline in said


def test_a_hundred_terabytes_are_too_much_for_the_defaults_and_advice_knows(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    options = ["--bytes", "100TB", "--json", "--counts", "2,8,100", "--prices", str(prices.SHIPPED)]
    assert frame.run_verb("estimate", options, project=PROJECT) == 0
    found = json.loads(capsys.readouterr().out)
    spark = [one for one in found["estimates"] if one["step"] == "SparkTransform"]
    kinds = {one["count"]: [each["kind"] for each in one["obstacles"]] for one in spark}
    assert "limit" in kinds[2]
    assert "quota" in kinds[100]
    assert "SparkTransform" in found["totals"][0]["blocked"]
    assert found["totals"][0]["critical_path"] == ["Preprocess", "Pca", "SparkTransform"]


def test_its_help_starts_without_the_sdk() -> None:
    code = (
        "import sys; from sagepipe.cli import verbs; verbs.load('estimate')\n"
        "heavy = {'sagemaker', 'boto3', 'botocore', 'numpy', 'pyarrow', 'rich'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)
