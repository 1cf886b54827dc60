"""The AWS price list, asked for what processing jobs cost in a region.

An entry names what is paid for by its usage type: `USE1-Processing:ml.m5.xlarge`, with a code of
the region before the first hyphen, which bills of us-east-1 leave out. The list says nothing of
the baseline bandwidth of a type, so the types are those whose bandwidth the shipped table has.
"""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from sagepipe.aws import boto
from sagepipe.errors import AwsError
from sagepipe.report.prices import Prices

ENDPOINT = "us-east-1"  # the list of all regions is served from here
SERVICE = "AmazonSageMaker"
CURRENCY = "USD"

_INSTANCE = re.compile(r"(?:[A-Z0-9]+-)?Processing:(ml\.[a-z0-9.\-]+)")
_VOLUME = re.compile(r"(?:[A-Z0-9]+-)?Processing:VolumeUsage(?:\.gp\d)?")
_MONTH = re.compile(r"GB-Mo(nth)?", re.IGNORECASE)


def refreshed(client: Any, region: str, known: Prices) -> Prices:
    """The types of `known` with the price list's figures for `region`.

    A volume price that the list doesn't have stays that of `known`, and says so.

    Raises:
        AwsError: the list can't be read, or has no price of any of these types there.
    """
    hours, months, day = _read(client, region)
    instances = {
        name: dataclasses.replace(one, hour=hours[name], source=f"AWS price list, {day}")
        for name, one in known.instances.items()
        if hours.get(name, 0) > 0
    }
    if not instances:
        raise AwsError(
            f"the AWS price list has no processing prices of these types in {region}; check the "
            "region"
        )
    volume, origin = known.volume_month, f"{known.volume_source}; not in the list of {day}"
    if months:
        volume, origin = max(months), f"AWS price list, {day}"
    return Prices(day, region, CURRENCY, instances, volume, origin)


def _read(client: Any, region: str) -> tuple[dict[str, float], list[float], str]:
    """Prices of an hour by type, prices of a GB-month, and the date of the list."""
    hours: dict[str, float] = {}
    months: list[float] = []
    published: list[str] = []
    for entry in _entries(client, region):
        try:
            usage = str(entry["product"]["attributes"].get("usagetype", ""))
            published.append(str(entry.get("publicationDate", ""))[:10])
            for unit, price in _on_demand(entry):
                if (type_ := _INSTANCE.fullmatch(usage)) and unit.lower().startswith("hr"):
                    hours[type_[1]] = price
                elif _VOLUME.fullmatch(usage) and _MONTH.fullmatch(unit):
                    months.append(price)
        except (KeyError, ValueError, TypeError, AttributeError) as error:
            raise _form(region, error) from error
    return hours, months, max(published, default="") or datetime.now(UTC).date().isoformat()


def _entries(client: Any, region: str) -> Iterator[Mapping[str, Any]]:
    where = [{"Type": "TERM_MATCH", "Field": "regionCode", "Value": region}]
    with boto.calls(f"read the AWS price list for {region}"):
        for page in client.get_paginator("get_products").paginate(
            ServiceCode=SERVICE, Filters=where
        ):
            try:
                yield from map(json.loads, page["PriceList"])
            except ValueError as error:
                raise _form(region, error) from error


def _form(region: str, error: Exception) -> AwsError:
    return AwsError(
        f"the AWS price list for {region} has another form than this command knows ({error!r}); "
        "write a price table of your own and give it with --prices"
    )


def _on_demand(entry: Mapping[str, Any]) -> Iterator[tuple[str, float]]:
    """(unit, price) of each on-demand dimension of an entry."""
    for term in entry.get("terms", {}).get("OnDemand", {}).values():
        for dimension in term["priceDimensions"].values():
            if CURRENCY in dimension["pricePerUnit"]:
                yield dimension["unit"], float(dimension["pricePerUnit"][CURRENCY])
