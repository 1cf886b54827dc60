"""Price tables: what instance types have, and what an hour and a gigabyte of them cost.

    as_of = "2026-09-13"
    region = "us-east-1"
    currency = "USD"
    [volume]                     # storage of the jobs' volumes
    month = 0.14                 # a GB for a month
    source = "where that figure is from, or: unconfirmed"
    [instances]
    "ml.m5.xlarge" = { vcpus = 4, memory = 16, gbit = 1.25, hour = 0.23, source = "…" }

vcpus: two of them are a core. memory in GiB. gbit: baseline network bandwidth, per second.
"""

from __future__ import annotations

import math
import os
import tempfile
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sagepipe.errors import SettingsError
from sagepipe.report.toml_text import toml

SHIPPED = Path(__file__).with_name("prices.toml")
UNCONFIRMED = "unconfirmed"

_MONTH_HOURS = 730.0  # as AWS counts a month


@dataclass(frozen=True)
class Instance:
    """An instance type; `hour` is its price, `source` where that is from."""

    name: str
    vcpus: int
    memory: float
    gbit: float
    hour: float
    source: str = UNCONFIRMED


@dataclass(frozen=True)
class Prices:
    """A price table of one region; `volume_month` is the price of a GB for a month."""

    as_of: str
    region: str
    currency: str
    instances: Mapping[str, Instance]
    volume_month: float
    volume_source: str
    origin: Path = SHIPPED

    @property
    def volume_hour(self) -> float:
        """The price of a GB for an hour."""
        return self.volume_month / _MONTH_HOURS

    def instance(self, name: str) -> Instance:
        """The type of that name. Raises `SettingsError`: the table hasn't it."""
        if name not in self.instances:
            raise SettingsError(
                f"the price table {self.origin} has no {name!r}; it has "
                f"{', '.join(self.instances)}. Give one of these, or a table that has it with "
                "--prices"
            )
        return self.instances[name]


def cached(region: str) -> Path:
    """Where the user's own copy of a region's price list is kept."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "sagepipe" / "prices" / f"{region}.toml"


def find(region: str | None) -> Path:
    """The table to use where none is named: the user's copy for the region, or the shipped one."""
    if region is not None and cached(region).is_file():
        return cached(region)
    return SHIPPED


def load(path: Path) -> Prices:
    """Read a price table. Raises `SettingsError`: it is missing or damaged."""
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
        volume = content["volume"]
        return Prices(
            str(content["as_of"]),
            str(content["region"]),
            str(content["currency"]),
            {name: _instance(name, entry) for name, entry in content["instances"].items()},
            _price(volume["month"], "volume month"),
            str(volume.get("source", UNCONFIRMED)),
            path,
        )
    except OSError as error:
        raise SettingsError(f"prices {path} can't be read: {error.strerror}") from error
    except KeyError as error:
        raise SettingsError(f"prices {path}: {error} is missing") from error
    except (ValueError, TypeError, AttributeError) as error:
        raise SettingsError(f"prices {path}: not a price table: {error}") from error


def save(prices: Prices, path: Path) -> None:
    """Write a table, whole or not at all. Raises `SettingsError`."""
    lines = [
        f"as_of = {toml(prices.as_of)}",
        f"region = {toml(prices.region)}",
        f"currency = {toml(prices.currency)}",
        "",
        "[volume]",
        f"month = {toml(prices.volume_month)}",
        f"source = {toml(prices.volume_source)}",
        "",
        "[instances]",
    ]
    for one in prices.instances.values():
        facts = {key: value for key, value in vars(one).items() if key != "name"}
        inline = ", ".join(f"{key} = {toml(value)}" for key, value in facts.items())
        lines.append(f"{toml(one.name)} = {{ {inline} }}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(
            "w", encoding="utf-8", dir=path.parent, prefix=".", delete=False
        ) as file:
            file.write("\n".join(lines) + "\n")
        os.replace(file.name, path)
    except OSError as error:
        raise SettingsError(f"prices {path} can't be written: {error.strerror}") from error


def _instance(name: str, entry: Mapping[str, Any]) -> Instance:
    found = Instance(
        name,
        int(entry["vcpus"]),
        float(entry["memory"]),
        float(entry["gbit"]),
        _price(entry["hour"], f"{name} hour"),
        str(entry.get("source", UNCONFIRMED)),
    )
    if not (min(found.vcpus, found.gbit, found.hour) > 0 and math.isfinite(found.gbit)):
        raise ValueError(f"{name}: vcpus, gbit and hour must be above 0")
    return found


def _price(value: Any, what: str) -> float:
    price = float(value)
    if not 0 <= price < math.inf:
        raise ValueError(f"{what} is {value}; a price is a number from 0")
    return price
