"""Price tables, and the AWS price list behind --refresh-prices."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from botocore.session import get_session
from botocore.stub import Stubber
from estimated import PRICES
from pytest_mock import MockerFixture

from sagepipe.errors import AwsError, SettingsError
from sagepipe.report import price_list, prices
from sagepipe.report.prices import Prices


@pytest.fixture
def known(tmp_path: Path) -> Prices:
    path = tmp_path / "known.toml"
    path.write_text(PRICES)
    return prices.load(path)


def test_a_table_has_types_and_a_price_of_volumes(known: Prices) -> None:
    assert (known.as_of, known.region, known.currency) == ("2026-01-02", "us-east-1", "USD")
    assert known.volume_hour == pytest.approx(0.001)
    assert known.instance("ml.m5.large").hour == 0.5
    assert known.instance("ml.m5.xlarge").source == prices.UNCONFIRMED


def test_an_unknown_type_is_named_with_those_that_are_known(known: Prices) -> None:
    with pytest.raises(SettingsError, match=r"no 'ml\.nope'; it has ml\.m5\.large, ml\.m5\.xlarge"):
        known.instance("ml.nope")


def test_what_is_saved_is_loaded(known: Prices, tmp_path: Path) -> None:
    path = tmp_path / "a" / "b" / "mine.toml"
    odd = dataclasses.replace(known, volume_source='a "quoted" \\ source')
    prices.save(odd, path)
    assert prices.load(path) == dataclasses.replace(odd, origin=path)
    assert [one.name for one in path.parent.iterdir()] == ["mine.toml"]


def test_a_table_that_cannot_be_written_is_one_line(known: Prices, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SettingsError, match=r"prices .*mine\.toml can't be written"):
        prices.save(known, tmp_path / "file" / "mine.toml")


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ("", None, "can't be read: No such file"),
        ("[volume]", "[volume", "not a price table"),
        ('as_of = "2026-01-02"', "", "'as_of' is missing"),
        ('region = "us-east-1"', "", "'region' is missing"),
        ("[volume]", "[space]", "'volume' is missing"),
        ("month = 0.73", "month = -1", "volume month is -1"),
        ("vcpus = 4", "vcpus = 0", "vcpus, gbit and hour must be above 0"),
        ("hour = 0.5, ", "", "'hour' is missing"),
        ("hour = 0.5", "hour = inf", "ml.m5.large hour is inf"),
        ("[instances]", "[others]", "'instances' is missing"),
    ],
)
def test_a_wrong_table_is_one_line(
    tmp_path: Path, before: str, after: str | None, expected: str
) -> None:
    path = tmp_path / "prices.toml"
    if after is not None:
        path.write_text(PRICES.replace(before, after))
    with pytest.raises(SettingsError) as caught:
        prices.load(path)
    said = str(caught.value)
    assert said.startswith(f"prices {path}")
    assert expected in said
    assert "\n" not in said


def test_the_users_copy_of_a_region_comes_before_the_shipped_table(
    known: Prices, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    prices.save(known, prices.cached("eu-west-1"))
    assert prices.find("eu-west-1").is_relative_to(tmp_path)
    assert prices.find("us-east-1") == prices.find(None) == prices.SHIPPED


def test_the_shipped_table_says_where_each_figure_is_from() -> None:
    found = prices.load(prices.SHIPPED)
    assert found.region == "us-east-1"
    assert found.volume_source.startswith(prices.UNCONFIRMED)
    assert found.instances["ml.m5.xlarge"].hour == 0.23
    assert "2026-09-13" in found.instances["ml.m5.xlarge"].source
    dated = [one.name for one in found.instances.values() if one.source != prices.UNCONFIRMED]
    assert set(dated) == {"ml.t3.medium", "ml.t3.large", "ml.m5.large", "ml.m5.xlarge"}
    assert {f"ml.t3.{size}" for size in ("medium", "large", "xlarge", "2xlarge")} <= set(
        found.instances
    )


def entry(usage: str, price: str, unit: str = "Hrs", currency: str = "USD") -> str:
    """An entry of the price list as GetProducts gives it: JSON in a string."""
    dimension = {"unit": unit, "pricePerUnit": {currency: price}, "description": "…"}
    product = {"productFamily": "ML Instance", "attributes": {"usagetype": usage}}
    return json.dumps(
        {
            "product": product,
            "terms": {"OnDemand": {"SKU.A": {"priceDimensions": {"SKU.A.B": dimension}}}},
            "publicationDate": "2026-10-11T12:13:14Z",
        }
    )


ENTRIES = (
    entry("EU-Processing:ml.m5.large", "0.128"),
    entry("EU-Processing:ml.m5.xlarge", "0.256"),
    entry("EU-Host:ml.m5.large", "9"),
    entry("EU-Processing:ml.m5.large-reserved", "0.001"),
    entry("EU-Processing:ml.p9.huge", "99"),
    entry("EU-Processing:VolumeUsage.gp2", "0.154", "GB-Mo"),
    entry("EU-Notebk:VolumeUsage.gp2", "7", "GB-Mo"),
    json.dumps({"product": {"attributes": {}}, "terms": {}}),
)


def client(mocker: MockerFixture, *pages: tuple[str, ...]) -> Any:
    stub = mocker.Mock()
    stub.get_paginator.return_value.paginate.return_value = [
        {"PriceList": list(page)} for page in pages
    ]
    return stub


def test_the_price_list_replaces_prices_and_keeps_the_rest(
    known: Prices, mocker: MockerFixture
) -> None:
    stub = client(mocker, ENTRIES[:3], ENTRIES[3:], ())
    found = price_list.refreshed(stub, "eu-west-1", known)
    stub.get_paginator.assert_called_once_with("get_products")
    stub.get_paginator.return_value.paginate.assert_called_once_with(
        ServiceCode="AmazonSageMaker",
        Filters=[{"Type": "TERM_MATCH", "Field": "regionCode", "Value": "eu-west-1"}],
    )
    assert {name: one.hour for name, one in found.instances.items()} == {
        "ml.m5.large": 0.128,
        "ml.m5.xlarge": 0.256,
    }
    assert found.instances["ml.m5.large"].gbit == known.instances["ml.m5.large"].gbit
    assert found.instances["ml.m5.large"].source == "AWS price list, 2026-10-11"
    assert (found.as_of, found.region, found.volume_month) == ("2026-10-11", "eu-west-1", 0.154)


def test_a_type_that_the_list_has_not_is_left_out(known: Prices, mocker: MockerFixture) -> None:
    found = price_list.refreshed(client(mocker, ENTRIES[1:]), "eu-west-1", known)
    assert list(found.instances) == ["ml.m5.xlarge"]


def test_a_volume_price_that_the_list_has_not_keeps_its_own_source(
    known: Prices, mocker: MockerFixture
) -> None:
    known = dataclasses.replace(known, volume_source=prices.UNCONFIRMED)
    found = price_list.refreshed(client(mocker, ENTRIES[:2]), "eu-west-1", known)
    assert found.volume_month == known.volume_month
    assert found.volume_source == "unconfirmed; not in the list of 2026-10-11"


def test_the_oldest_regions_usage_types_may_have_no_code(
    known: Prices, mocker: MockerFixture
) -> None:
    stub = client(mocker, (entry("Processing:ml.m5.large", "0.1"),))
    assert price_list.refreshed(stub, "us-east-1", known).instances["ml.m5.large"].hour == 0.1


@pytest.mark.parametrize(
    "entries",
    [(), (entry("CNN1-Processing:ml.m5.large", "1", currency="CNY"),)],
    ids=["nothing", "another currency"],
)
def test_a_list_without_prices_of_these_types_is_an_error(
    known: Prices, mocker: MockerFixture, entries: tuple[str, ...]
) -> None:
    with pytest.raises(AwsError, match="no processing prices of these types in xx-north-1"):
        price_list.refreshed(client(mocker, entries), "xx-north-1", known)


def test_the_service_takes_what_it_is_asked_and_all_pages_are_read(
    known: Prices, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "for-nobody")
    session = get_session()
    client = session.create_client("pricing", region_name=price_list.ENDPOINT)
    asked = {
        "ServiceCode": "AmazonSageMaker",
        "Filters": [{"Type": "TERM_MATCH", "Field": "regionCode", "Value": "eu-west-1"}],
    }
    first, second = list(ENTRIES[:1]), list(ENTRIES[1:])
    with Stubber(client) as stub:
        stub.add_response("get_products", {"PriceList": first, "NextToken": "more"}, asked)
        stub.add_response("get_products", {"PriceList": second}, {**asked, "NextToken": "more"})
        found = price_list.refreshed(client, "eu-west-1", known)
        stub.assert_no_pending_responses()
    assert list(found.instances) == ["ml.m5.large", "ml.m5.xlarge"]


def test_a_call_that_is_not_allowed_says_which(known: Prices, mocker: MockerFixture) -> None:
    answer: Any = {
        "Error": {
            "Code": "AccessDeniedException",
            "Message": "User: arn:aws:iam::123456789012:user/me is not authorized to perform: "
            "pricing:GetProducts because no identity-based policy allows it",
        }
    }
    stub = mocker.Mock()
    stub.get_paginator.return_value.paginate.side_effect = ClientError(answer, "GetProducts")
    with pytest.raises(AwsError, match=r"can't read the AWS price list.*pricing:GetProducts"):
        price_list.refreshed(stub, "eu-west-1", known)


def test_an_answer_that_is_no_price_list_is_one_line(known: Prices, mocker: MockerFixture) -> None:
    for text in ("no JSON", "[]", '{"terms": {}}', entry("EU-Processing:ml.m5.large", "cheap")):
        with pytest.raises(AwsError, match="the AWS price list for eu-west-1 has another form"):
            price_list.refreshed(client(mocker, (text,)), "eu-west-1", known)
