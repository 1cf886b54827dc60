"""How long the three jobs take on SageMaker and what they cost: a model of four quantities.

    wall = startup + input / network + work / (core rate · cores at work) + output / network

for the instance with the largest share of the bytes. Core rates are measured (`Measured`), the rest
is assumed (`Assumptions`) or of the instance type (`Instance`). SparkTransform reads and writes
S3 while it computes, so there the slower of both counts.
"""

from __future__ import annotations

import json
import random
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sagepipe.errors import SettingsError

STEPS = ("Preprocess", "Pca", "SparkTransform")
GB = 1e9
HOUR = 3600.0

_MOST_THREADS = 8  # of the step scripts, whatever cores there are


@dataclass(frozen=True)
class Instance:
    """An instance type: virtual CPUs, Gbit/s of network, and the price of an hour."""

    name: str
    vcpus: int
    memory: float
    gbit: float
    hour: float


@dataclass(frozen=True)
class Prices:
    """A price table."""

    as_of: str
    currency: str
    instances: Mapping[str, Instance]


@dataclass(frozen=True)
class Measured:
    """What benchmarks/results has: bytes of raw CSV per second of one core, by step.

    Attributes:
        rates: bytes per core second.
        gains: what a second core gives, by step; 2 would be all of it.
        parts_per_raw: bytes of Preprocess's parts for each byte of raw CSV.
        machine: where it was measured.
        quick: not a full run, so startup is most of it.
    """

    rates: Mapping[str, float]
    gains: Mapping[str, float]
    parts_per_raw: float
    machine: str
    quick: bool


@dataclass(frozen=True)
class Assumptions:
    """What is not measured.

    Attributes:
        startup: seconds from a job's creation until its script runs; counted as paid, too.
        vcpu: what a virtual CPU does, as a share of a core of the measurement.
        network: share of the baseline bandwidth that S3 transfers reach.
    """

    startup: float = 240.0
    vcpu: float = 0.6
    network: float = 0.7


@dataclass(frozen=True)
class Work:
    """The bytes of all recordings, and how they divide: their sizes in key order, if known."""

    bytes: float
    sizes: Sequence[float] = ()

    def unevenness(self, count: int) -> float:
        """max/mean bytes of an instance, when recording i goes to instance i modulo `count`."""
        shares = [sum(self.sizes[index::count]) for index in range(count)]
        return max(shares) * count / self.bytes


@dataclass(frozen=True)
class Estimate:
    """One step on `count` instances: seconds of wall time by what they go into, and the cost."""

    step: str
    instance: Instance
    count: int
    startup: float
    transfer: float
    compute: float
    volume_gb: float

    @property
    def wall(self) -> float:
        """Seconds from start to end."""
        return self.startup + self.transfer + self.compute

    @property
    def instance_hours(self) -> float:
        """Hours of all instances; each is paid until the last has ended."""
        return self.wall * self.count / HOUR

    @property
    def cost(self) -> float:
        """In the price table's currency."""
        return self.instance_hours * self.instance.hour


def estimate(
    step: str,
    work: Work,
    instance: Instance,
    count: int,
    measured: Measured,
    assumed: Assumptions,
) -> Estimate:
    """Estimate one step."""
    share = work.unevenness(count) if step == "Preprocess" else 1.0
    mine = work.bytes * share / count
    parts = mine * measured.parts_per_raw
    bandwidth = instance.gbit * GB / 8 * assumed.network
    read = mine if step == "Preprocess" else parts
    transfer = (read + parts) / bandwidth if step != "SparkTransform" else read / bandwidth
    compute = mine / (measured.rates[step] * _at_work(step, instance, measured, assumed))
    volume = (read + parts) / GB
    if step == "SparkTransform":
        transfer, compute = max(0.0, transfer - compute), compute
        volume = 0.0
    return Estimate(step, instance, count, assumed.startup, transfer, compute, volume)


def _at_work(step: str, instance: Instance, measured: Measured, assumed: Assumptions) -> float:
    """How many cores' worth of work an instance does, by Amdahl's law."""
    cores = instance.vcpus * assumed.vcpu
    if step != "SparkTransform":
        cores = min(cores, _MOST_THREADS)
    if cores <= 1:
        return cores
    serial = min(1.0, max(0.0, 2 / measured.gains[step] - 1))
    return 1 / (serial + (1 - serial) / cores)


def lognormal(total: float, recordings: int, sigma: float = 1.0) -> Work:
    """Recordings whose sizes lie lognormal, as they often do; the same for the same arguments."""
    generator = random.Random(0)
    drawn = [generator.lognormvariate(0, sigma) for _ in range(recordings)]
    scale = total / sum(drawn)
    return Work(total, [size * scale for size in drawn])


def load_prices(path: Path) -> Prices:
    """Read a price table.

    Raises:
        SettingsError: it is missing or damaged.
    """
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
        found = {
            name: Instance(
                name,
                int(entry["vcpus"]),
                float(entry["memory"]),
                float(entry["gbit"]),
                float(entry["hour"]),
            )
            for name, entry in content["instances"].items()
        }
        if not all(min(i.vcpus, i.gbit, i.hour) > 0 for i in found.values()):
            raise ValueError("vcpus, gbit and hour must be above 0")
        return Prices(str(content["as_of"]), str(content["currency"]), found)
    except OSError as error:
        raise SettingsError(f"--prices {path} can't be read: {error.strerror}") from error
    except KeyError as error:
        raise SettingsError(f"--prices {path}: {error} is missing") from error
    except (ValueError, TypeError, AttributeError) as error:
        raise SettingsError(f"--prices {path}: not a price table: {error}") from error


def load_measured(path: Path) -> Measured:
    """Read the results of `python -m benchmarks`.

    Raises:
        SettingsError: they are missing, damaged, or lack a scenario.
    """
    try:
        scenarios = json.loads(path.read_text(encoding="utf-8"))["scenarios"]
        speed, large, spark = (scenarios[name] for name in ("speed", "large", "pipeline"))
        figures: dict[str, Any] = {**speed["figures"], **large["figures"], **spark["figures"]}
        return Measured(
            rates={
                "Preprocess": float(figures["preprocess_bytes_per_cpu_second"]),
                "Pca": float(figures["pca_bytes_per_cpu_second"]),
                "SparkTransform": float(figures["spark_bytes_per_core_second"]),
            },
            gains={
                "Preprocess": float(figures["preprocess_gain_of_2_cores"]),
                "Pca": float(figures["pca_gain_of_2_cores"]),
                "SparkTransform": 2.0,
            },
            parts_per_raw=float(figures["part_bytes"]) / float(figures["raw_bytes"]),
            machine=str(speed["measured"]["processor"]),
            quick=any(one["quick"] for one in (speed, large, spark)),
        )
    except OSError as error:
        raise SettingsError(
            f"{path} can't be read ({error.strerror}): run python -m benchmarks, or give "
            "--measurements"
        ) from error
    except KeyError as error:
        raise SettingsError(
            f"{path} has no {error}: run python -m benchmarks, which measures it"
        ) from error
    except (ValueError, TypeError) as error:
        raise SettingsError(f"{path}: not results of python -m benchmarks: {error}") from error
