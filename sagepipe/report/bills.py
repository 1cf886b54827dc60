"""What jobs that have ended cost, by a price table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sagepipe.report.costs import HOUR
from sagepipe.report.prices import Prices

Json = Any


@dataclass(frozen=True)
class Usage:
    """What a job is billed by: `seconds` from its processing's start to its end, on each of its
    `instances` of a type, with a volume of `volume_gb` each."""

    instance_type: str
    instances: int
    volume_gb: float
    seconds: float


@dataclass(frozen=True)
class Bill:
    """What steps cost by a price table; `unknown` has the instance type of each that can't be told,
    for the table hasn't it."""

    amounts: Mapping[str, float]
    unknown: Mapping[str, str]
    prices: Prices

    @property
    def total(self) -> float:
        """The cost of all steps whose types are known."""
        return sum(self.amounts.values())


def bill(usages: Mapping[str, Usage], prices: Prices) -> Bill:
    """What the jobs of these steps cost."""
    amounts, unknown = {}, {}
    for step, usage in usages.items():
        if instance := prices.instances.get(usage.instance_type):
            price = instance.hour + usage.volume_gb * prices.volume_hour
            amounts[step] = usage.seconds / HOUR * usage.instances * price
        else:
            unknown[step] = usage.instance_type
    return Bill(amounts, unknown, prices)


def line(made: Bill) -> str:
    """A bill as people read it, with where its prices are from."""
    table = f"price table of {made.prices.as_of} for {made.prices.region}"
    parts = []
    if made.amounts:
        steps = ", ".join(f"{step} {amount:.4f}" for step, amount in made.amounts.items())
        parts.append(f"cost {made.total:.4f} {made.prices.currency} by the {table}: {steps}")
    if made.unknown:
        types = ", ".join(f"{type_} ({step})" for step, type_ in made.unknown.items())
        parts.append(f"the {table} has no {types}, so their cost isn't known")
    return "; ".join(parts)


def to_json(made: Bill) -> dict[str, Json]:
    """A bill for scripts."""
    return {
        "total": made.total,
        "currency": made.prices.currency,
        "as_of": made.prices.as_of,
        "region": made.prices.region,
        "steps": dict(made.amounts),
        "unknown": dict(made.unknown),
    }
