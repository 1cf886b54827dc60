"""What jobs cost that have ended."""

from __future__ import annotations

import pytest

from sagepipe.report import bills, prices
from sagepipe.report.bills import Usage
from sagepipe.report.prices import Instance, Prices

PRICES = Prices(
    as_of="2026-09-13",
    region="eu-west-1",
    currency="USD",
    instances={"ml.m5.xlarge": Instance("ml.m5.xlarge", 4, 16, 1.25, 0.23)},
    volume_month=73.0,  # 0.1 an hour
    volume_source="made up",
)


def test_instances_are_paid_by_the_second_with_their_volumes() -> None:
    made = bills.bill({"Fit": Usage("ml.m5.xlarge", 3, 30, 1800)}, PRICES)
    assert made.amounts == {"Fit": pytest.approx(0.5 * 3 * (0.23 + 30 * 0.1))}
    assert made.total == pytest.approx(4.845)
    assert bills.line(made) == (
        "cost 4.8450 USD by the price table of 2026-09-13 for eu-west-1: Fit 4.8450"
    )


def test_a_type_that_the_table_lacks_is_named_and_not_counted() -> None:
    usages = {"Fit": Usage("ml.x9.huge", 2, 30, 60), "Clean": Usage("ml.m5.xlarge", 1, 0, 3600)}
    made = bills.bill(usages, PRICES)
    assert made.total == pytest.approx(0.23)
    assert bills.line(made).endswith(
        ": Clean 0.2300; the price table of 2026-09-13 for eu-west-1 has no ml.x9.huge (Fit), so "
        "their cost isn't known"
    )
    alone = bills.bill({"Fit": usages["Fit"]}, PRICES)
    assert bills.line(alone).startswith("the price table of 2026-09-13 for eu-west-1 has no ml.x9")
    assert bills.to_json(alone)["unknown"] == {"Fit": "ml.x9.huge"}


def test_the_shipped_table_knows_what_a_new_account_may_have() -> None:
    usage = Usage("ml.t3.medium", 2, 30, 3600)
    made = bills.bill({"Fit": usage}, prices.load(prices.SHIPPED))
    assert made.unknown == {}
    assert 0.1 < made.total < 0.2
