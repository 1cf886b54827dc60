"""The verb `estimate`: its options, its sources, its errors."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import NoCredentialsError
from estimated import PRICES, project
from pytest_mock import MockerFixture

from sagepipe.aws import boto
from sagepipe.cli import estimate_options, frame
from sagepipe.report import prices

Estimate = Callable[..., int]


@pytest.fixture(autouse=True)
def surroundings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No settings, no profile and no cache of whoever runs the tests."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    for name in ("PIPELINE_REGION", "PIPELINE_CONFIG", "PIPELINE_ENV"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def estimate(tmp_path: Path) -> Estimate:
    table = tmp_path / "prices.toml"
    table.write_text(PRICES)

    def call(*options: str, throughput: bool = True, mine: bool = True) -> int:
        given = ["--prices", str(table)] if mine else []
        made = project(tmp_path, throughput=throughput)
        return frame.run_verb("estimate", [*options, *given], prefix="sagepipe", project=made)

    return call


@pytest.mark.parametrize(
    ("text", "expected"),
    [("1TB", 1e12), ("300 gb", 300e9), ("2GiB", 2 * 2**30), ("1.5m", 1.5e6), ("5", 5.0)],
)
def test_sizes(text: str, expected: float) -> None:
    assert estimate_options.size(text) == expected


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        *([[f"--bytes={text}"], "write a size such as 1TB"] for text in ("", "big", "0GB", "1XB")),
        (["--bytes=1GB", "--counts=0,1"], "write numbers of instances"),
        (["--bytes=1GB", "--counts=a"], "write numbers of instances"),
        (["--bytes=1GB", "--vcpu=2"], "must be above 0 and at most 1"),
        (["--bytes=1GB", "--startup=-1"], "must be seconds"),
        (["--bytes=1GB", "--quota=0"], "must be at least 1"),
        (["--bytes=1GB", "--refresh-prices"], "not allowed with"),
        ([], "one of the arguments --bytes --input --refresh-prices is required"),
    ],
)
def test_a_wrong_command_line_exits_with_2(
    estimate: Estimate, options: list[str], expected: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stopped:
        estimate(*options)
    assert stopped.value.code == 2
    assert expected in capsys.readouterr().err


def test_text_and_json(estimate: Estimate, capsys: pytest.CaptureFixture[str]) -> None:
    assert estimate("--bytes", "100GB") == 0
    said = capsys.readouterr().out
    assert "flow: 1,667 objects, whose sizes are assumed to lie lognormal" in said
    assert "20 x ml.m5.large" in said
    assert estimate("--bytes", "100GB", "--json", "--objects", "40") == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["pipeline"], found["objects"]) == ("flow", 40)
    assert found["bytes"] == 100e9
    assert max(one["count"] for one in found["estimates"]) == 20
    assert all("quota" not in str(one["obstacles"]) for one in found["estimates"])


def test_parameters_of_the_command_line_come_before_those_of_the_settings(
    estimate: Estimate, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "pipeline.toml").write_text(
        "[pipelines.flow.parameters]\nCleanCount = 5\nJoinType = 'ml.m5.large'\n"
    )
    assert estimate("--bytes", "1GB", "--json", "-p", "CleanCount=9") == 0
    found = json.loads(capsys.readouterr().out)["estimates"]
    own = {one["step"]: one for one in found if one["as_defined"]}
    assert own["Clean"]["count"] == 9
    assert own["Join"]["instance_type"] == "ml.m5.large"


def test_without_a_table_it_says_what_is_missing_and_how_to_give_it(
    estimate: Estimate, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert estimate("--bytes", "1GB", throughput=False) == 1
    said = capsys.readouterr().err
    assert said.startswith("error: pipeline flow has no throughput table")
    assert "--throughput FILE" in said
    assert len(said.splitlines()) == 1
    given = str(tmp_path / "throughput.toml")
    assert estimate("--bytes", "1GB", "--throughput", given, throughput=False) == 0


def test_a_definition_that_the_service_would_refuse_is_not_estimated(
    estimate: Estimate, capsys: pytest.CaptureFixture[str]
) -> None:
    assert estimate("--bytes", "1GB", "-p", "CleanCount=many") == 1
    assert "CleanCount" in capsys.readouterr().err


class Listing:
    """An S3 client that lists."""

    def __init__(self, sizes: dict[str, int]) -> None:
        self.sizes = sizes
        self.asked: dict[str, str] = {}

    def get_paginator(self, name: str) -> Listing:
        assert name == "list_objects_v2"
        return self

    def paginate(self, **asked: str) -> list[dict[str, Any]]:
        self.asked = asked
        found = [{"Key": key, "Size": size} for key, size in sorted(self.sizes.items())]
        return [{"Contents": found[:1]}, {"Contents": found[1:]}, {}]


@pytest.mark.parametrize(
    ("options", "region"), [([], "ap-south-1"), (["--region", "eu-west-1"], "eu-west-1")]
)
def test_an_input_is_listed_in_the_region_of_the_settings_and_divided_as_it_is(
    estimate: Estimate,
    mocker: MockerFixture,
    monkeypatch: pytest.MonkeyPatch,
    options: list[str],
    region: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("AWS_REGION", "ap-south-1")
    listing = Listing({"raw/": 0, "raw/a.csv": 70_000, "raw/b.csv": 30_000})
    client = mocker.patch.object(boto, "client", return_value=listing)
    assert estimate("--input", "s3://bucket/raw", "--json", "--counts", "1,4", *options) == 0
    client.assert_called_once_with("s3", region)
    assert listing.asked == {"Bucket": "bucket", "Prefix": "raw/"}
    found = json.loads(capsys.readouterr().out)
    assert (found["bytes"], found["objects"]) == (100_000, 2)
    own, alone, four = (one["compute_seconds"] for one in found["estimates"][:3])
    assert own / alone == four / alone == pytest.approx(0.7)


def test_without_a_region_an_input_cannot_be_listed(
    estimate: Estimate,
    mocker: MockerFixture,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.delenv("AWS_REGION")
    monkeypatch.delenv("AWS_DEFAULT_REGION", raising=False)
    mocker.patch.object(boto, "profile_region", return_value=None)
    assert estimate("--input", "s3://bucket/raw") == 1
    assert "region is missing" in capsys.readouterr().err


def test_an_empty_input_is_an_error(
    estimate: Estimate, mocker: MockerFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    mocker.patch.object(boto, "client", return_value=Listing({}))
    assert estimate("--input", "s3://bucket/raw") == 1
    assert "no objects there" in capsys.readouterr().err
    assert estimate("--input", "bucket/raw") == 1
    assert "write s3://bucket/prefix" in capsys.readouterr().err


def price_list(mocker: MockerFixture, price: str) -> Any:
    """A client of the price list, with the price of one type."""
    dimension = {"unit": "Hrs", "pricePerUnit": {"USD": price}}
    entry = {
        "product": {"attributes": {"usagetype": "EU-Processing:ml.m5.large"}},
        "terms": {"OnDemand": {"a": {"priceDimensions": {"b": dimension}}}},
        "publicationDate": "2026-10-11T00:00:00Z",
    }
    client = mocker.Mock()
    client.get_paginator.return_value.paginate.return_value = [{"PriceList": [json.dumps(entry)]}]
    return client


def test_refreshed_prices_are_used_from_then_on(
    estimate: Estimate,
    mocker: MockerFixture,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    made = mocker.patch.object(boto, "client", return_value=price_list(mocker, "0.128"))
    region = ["--region", "eu-west-1"]
    assert estimate("--refresh-prices", *region, mine=False) == 0
    made.assert_called_once_with("pricing", "us-east-1")
    path = prices.cached("eu-west-1")
    assert path.is_relative_to(tmp_path)
    said = capsys.readouterr().out
    assert f"{path}: prices of 1 instance types in eu-west-1, 2026-10-11" in said
    assert "not in the price list there: ml.t3.medium" in said
    options = ["--bytes", "1GB", "--types", "ml.m5.large", "-p", "JoinType=ml.m5.large", *region]
    assert estimate(*options, mine=False) == 0
    assert "prices: eu-west-1, 2026-10-11" in capsys.readouterr().out


def test_a_price_list_that_cannot_be_read_leaves_the_prices_as_they_were(
    estimate: Estimate, mocker: MockerFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    client = mocker.patch.object(boto, "client", return_value=price_list(mocker, "0.128"))
    assert estimate("--refresh-prices", mine=False) == 0
    before = prices.cached("us-east-1").read_bytes()
    client.return_value.get_paginator.return_value.paginate.side_effect = NoCredentialsError()
    assert estimate("--refresh-prices", mine=False) == 1
    said = capsys.readouterr().err
    assert said.startswith("error: can't read the AWS price list for us-east-1: no AWS credentials")
    assert len(said.splitlines()) == 1
    assert prices.cached("us-east-1").read_bytes() == before
