"""The estimate: its arithmetic, its advice, and what happens when something is missing."""

import json
from pathlib import Path
from typing import Any

import pytest

from sagepipe.aws import boto
from sagepipe.cli import estimate
from sagepipe.report import costs
from sagepipe.report.costs import Assumptions, Instance, Measured, Work

ROOT = Path(__file__).resolve().parents[3]
RATES = {"Preprocess": 50e6, "Pca": 200e6, "SparkTransform": 25e6}
GAINS = {"Preprocess": 2.0, "Pca": 2.0, "SparkTransform": 2.0}
MEASURED = Measured(RATES, GAINS, 1.2, "a machine", quick=False)
TYPE = Instance("ml.test.large", 4, 16.0, 8.0, 0.5)
ASSUMED = Assumptions(startup=100.0, vcpu=0.5, network=1.0)


def results(**changes: Any) -> dict[str, Any]:
    speed = {
        "preprocess_bytes_per_cpu_second": 50e6,
        "pca_bytes_per_cpu_second": 200e6,
        "raw_bytes": 1e9,
        "part_bytes": 1.2e9,
    }
    large = {"preprocess_gain_of_2_cores": 1.8, "pca_gain_of_2_cores": 1.5}
    spark = {"spark_bytes_per_core_second": 25e6}
    measured = {"processor": "a processor, 2.5 GHz"}
    named = {"speed": speed, "large": large, "pipeline": spark}
    scenarios = {
        name: {"figures": figures, "measured": measured, "quick": False}
        for name, figures in named.items()
    }
    return {"schema": 1, "scenarios": {**scenarios, **changes}}


@pytest.fixture
def measurements(tmp_path: Path) -> list[str]:
    path = tmp_path / "results.json"
    path.write_text(json.dumps(results()))
    return ["--measurements", str(path)]


def of(step: str, work: Work, count: int, measured: Measured = MEASURED) -> costs.Estimate:
    return costs.estimate(step, work, TYPE, count, measured, ASSUMED)


def test_preprocess_reads_computes_and_writes_one_after_the_other() -> None:
    one = of("Preprocess", Work(100e9, [25e9] * 4), 2)
    # 50 GB each at 1 GB/s in and 60 GB out; 4 vCPUs are 2 cores of 50 MB/s
    assert one.startup == 100
    assert one.transfer == pytest.approx(110)
    assert one.compute == pytest.approx(500)
    assert one.wall == pytest.approx(710)
    assert one.instance_hours == pytest.approx(2 * 710 / 3600)
    assert one.cost == pytest.approx(710 / 3600)
    assert one.volume_gb == pytest.approx(110)


def test_the_instance_with_most_bytes_sets_the_time_of_preprocess_alone() -> None:
    work = Work(100e9, [70e9, 10e9, 10e9, 10e9])
    assert work.unevenness(2) == pytest.approx(1.6)
    even = Work(100e9, [25e9] * 4)
    assert of("Preprocess", work, 2).compute == pytest.approx(800)
    assert of("Pca", work, 2) == of("Pca", even, 2)


def test_spark_transfers_while_it_computes() -> None:
    one = of("SparkTransform", Work(100e9, [100e9]), 2)
    assert one.compute == pytest.approx(1000)
    assert one.transfer == 0


def test_cores_help_as_far_as_the_second_one_did() -> None:
    def compute(gain: float, vcpus: int) -> float:
        type_ = Instance("t", vcpus, 1.0, 8.0, 1.0)
        measured = Measured(RATES, {**GAINS, "Pca": gain}, 1.2, "", quick=False)
        return costs.estimate("Pca", Work(100e9, [1.0]), type_, 1, measured, ASSUMED).compute

    assert compute(2.0, 8) == pytest.approx(500 / 4)
    assert compute(1.6, 8) == pytest.approx(500 * (0.25 + 0.75 / 4))
    assert compute(0.9, 8) == pytest.approx(500)
    assert compute(2.0, 64) == pytest.approx(500 / 8)  # the scripts use no more than 8 cores
    assert compute(2.0, 1) == pytest.approx(1000)


def test_lognormal_sizes_add_up_and_are_the_same_each_time() -> None:
    work = costs.lognormal(1e12, 1000)
    assert sum(work.sizes) == pytest.approx(1e12)
    assert work == costs.lognormal(1e12, 1000)
    assert 1.05 < work.unevenness(8) < 1.6


@pytest.mark.parametrize(
    ("text", "expected"),
    [("1TB", 1e12), ("300 gb", 300e9), ("2GiB", 2 * 2**30), ("1.5m", 1.5e6), ("5", 5.0)],
)
def test_sizes(text: str, expected: float) -> None:
    assert estimate.size(text) == expected


@pytest.mark.parametrize("text", ["", "big", "0GB", "-1TB", "1XB"])
def test_a_size_that_is_none_is_a_wrong_command_line(
    text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stopped:
        estimate.main([f"--bytes={text}"])
    assert stopped.value.code == 2
    assert "write a size such as 1TB" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("seconds", "text"), [(45, "45 s"), (750, "12 min"), (9000, "2.5 h"), (99.4, "99 s")]
)
def test_durations(seconds: float, text: str) -> None:
    assert estimate.duration(seconds) == text


def test_report_has_steps_advice_assumptions_and_measurements(
    measurements: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert estimate.main(["--bytes", "100GB", *measurements]) == 0
    said = capsys.readouterr().out
    for expected in (
        "Preprocess\n",
        "8 x ml.m5.large",
        "startup is more than half of the time",
        "Preprocess 50, Pca 200, SparkTransform 25",
        "a processor, 2.5 GHz",
        "240 s until a job's script runs",
        "examples (replace them with --prices)",
    ):
        assert expected in said
    assert "NOTE" not in said


def test_more_instances_pay_until_startup_dominates(
    measurements: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    def pays(size: str) -> int:
        options = ["--bytes", size, "--json", "--counts", "1,2,4,8,16,32,64", *measurements]
        assert estimate.main(options) == 0
        advice = json.loads(capsys.readouterr().out)["advice"]["Pca"][0]
        return int(advice.split("up to ")[1].split()[0])

    assert pays("1GB") == 1
    assert 1 < pays("100GB") < pays("3TB")


def test_prices_are_replaceable(
    measurements: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = tmp_path / "mine.toml"
    table.write_text(
        'as_of = "today"\ncurrency = "EUR"\n[instances]\n'
        '"ml.own" = { vcpus = 4, memory = 8, gbit = 10, hour = 7200 }\n'
    )
    options = ["--bytes", "1GB", "--prices", str(table), "--json", *measurements]
    assert estimate.main([*options, "--types", "ml.own", "--counts", "1"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["prices"] == {"as_of": "today", "currency": "EUR"}
    for one in found["estimates"]:
        assert one["cost"] == pytest.approx(2 * one["wall_seconds"])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (None, "No such file"),
        ("as_of = 3", "'instances' is missing"),
        ("[instances", "not a price table"),
        ('as_of="a"\ncurrency="b"\n[instances]\nx={vcpus=0,memory=1,gbit=1,hour=1}', "above 0"),
        ('as_of="a"\ncurrency="b"\n[instances]\nx={vcpus=1,memory=1,gbit=1}', "'hour' is missing"),
    ],
)
def test_a_wrong_price_table_is_one_line(
    measurements: list[str],
    tmp_path: Path,
    text: str | None,
    expected: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    table = tmp_path / "prices.toml"
    if text is not None:
        table.write_text(text)
    assert estimate.main(["--bytes", "1GB", "--prices", str(table), *measurements]) == 1
    said = capsys.readouterr().err
    assert said.startswith("error: --prices")
    assert expected in said
    assert len(said.splitlines()) == 1


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (None, "run python -m benchmarks"),
        ("{", "not results"),
        (json.dumps({"scenarios": {}}), "has no 'speed'"),
    ],
)
def test_without_measurements_it_says_how_to_make_them(
    tmp_path: Path, content: str | None, expected: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "results.json"
    if content is not None:
        path.write_text(content)
    assert estimate.main(["--bytes", "1GB", "--measurements", str(path)]) == 1
    said = capsys.readouterr().err
    assert expected in said
    assert len(said.splitlines()) == 1


def test_an_unknown_type_is_named_with_those_that_are_known(
    measurements: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert estimate.main(["--bytes", "1GB", "--types", "ml.nope", *measurements]) == 1
    said = capsys.readouterr().err
    assert "no 'ml.nope'" in said
    assert "ml.m5.xlarge" in said


class Listing:
    """An S3 client that lists."""

    def __init__(self, sizes: dict[str, int]) -> None:
        self.sizes = sizes
        self.asked: dict[str, str] = {}

    def get_paginator(self, name: str) -> "Listing":
        assert name == "list_objects_v2"
        return self

    def paginate(self, **asked: str) -> list[dict[str, Any]]:
        self.asked = asked
        found = [{"Key": key, "Size": size} for key, size in sorted(self.sizes.items())]
        return [{"Contents": found[:1]}, {"Contents": found[1:]}, {}]


def test_the_sizes_of_an_input_are_listed_and_divided_as_they_are(
    measurements: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    listing = Listing({"raw/": 0, "raw/a.csv": 70_000, "raw/b.csv": 30_000})
    monkeypatch.setattr(boto, "client", lambda service, region: listing)
    options = ["--input", "s3://bucket/raw", "--region", "eu-west-1", "--json", *measurements]
    assert estimate.main([*options, "--counts", "1,2"]) == 0
    assert listing.asked == {"Bucket": "bucket", "Prefix": "raw/"}
    found = json.loads(capsys.readouterr().out)
    assert (found["bytes"], found["recordings"]) == (100_000, 2)
    alone, two = (one["compute_seconds"] for one in found["estimates"][:2])
    assert two / alone == pytest.approx(0.7)


def test_an_empty_input_is_an_error(
    measurements: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(boto, "client", lambda service, region: Listing({}))
    options = ["--region", "eu-west-1", *measurements]
    assert estimate.main(["--input", "s3://bucket/raw", *options]) == 1
    assert "no objects there" in capsys.readouterr().err
    assert estimate.main(["--input", "bucket/raw", *options]) == 1
    assert "write s3://bucket/prefix" in capsys.readouterr().err


def test_the_default_types_have_prices() -> None:
    prices = costs.load_prices(estimate.PRICES)
    assert set(estimate._types([], prices)) == set(costs.STEPS)
    assert "example" in prices.as_of
