"""How long a step takes on SageMaker and what it costs: a model of four quantities.

    wall = startup + read / network + work / (core rate · cores at work) + written / network

for the instance with the largest share of the bytes. What a step does with the pipeline's raw
input is measured (`StepThroughput`), the rest is assumed (`Assumptions`) or of the instance type
(`Instance`). A step that streams S3 while it computes takes the slower of both.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sagepipe.language.request.model import shape
from sagepipe.report.clusters import Cluster
from sagepipe.report.prices import Instance, Prices
from sagepipe.report.throughput import StepThroughput

GB = 1e9
HOUR = 3600.0
QUOTA = 20  # instances of a processing job, unless an account has been given more

# A volume holds the image's own files too, and is full before its last byte.
_SPARE_SHARE, _SPARE_GB = 1.1, 5


@dataclass(frozen=True)
class Assumptions:
    """What is not measured.

    Attributes:
        startup: seconds from a job's creation until its script runs; counted as paid, too.
        vcpu: what a virtual CPU does, as a share of a core of the measurement.
        network: share of the baseline bandwidth that S3 transfers reach.
        quota: instances that a job of the account may have.
    """

    startup: float = 240.0
    vcpu: float = 0.6
    network: float = 0.7
    quota: int = QUOTA


@dataclass(frozen=True)
class Work:
    """The bytes of all objects, and how they divide: their sizes in key order, if known."""

    bytes: float
    sizes: Sequence[float] = ()

    def unevenness(self, count: int) -> float:
        """max/mean bytes of an instance, when object i goes to instance i modulo `count`."""
        shares = [sum(self.sizes[index::count]) for index in range(count)]
        return max(shares) * count / self.bytes


@dataclass(frozen=True)
class Obstacle:
    """Why a job can't run as it is asked for.

    `kind` is "limit" (its own time limit), "count" (the service's), "quota" (the account's),
    "volume" (too small; a larger one mends it) or "data" (more than any volume holds).
    """

    kind: str
    text: str


@dataclass(frozen=True)
class Estimate:
    """One step on `count` instances: seconds of wall time by what they go into, and the cost.

    `data_gb` is what lies on the volume of the instance that has most; `volume_gb` the volume
    that this is paid with: the step's own, or as much as the data needs.
    """

    step: str
    instance: Instance
    count: int
    startup: float
    transfer: float
    compute: float
    data_gb: float
    volume_gb: float
    cost: float
    obstacles: tuple[Obstacle, ...]

    @property
    def wall(self) -> float:
        """Seconds from start to end."""
        return self.startup + self.transfer + self.compute

    @property
    def instance_hours(self) -> float:
        """Hours of all instances; each is paid until the last has ended."""
        return self.wall * self.count / HOUR

    @property
    def possible(self) -> bool:
        """Whether it can run so, on a volume of `volume_gb`."""
        return all(one.kind == "volume" for one in self.obstacles)


@dataclass(frozen=True)
class Model:
    """What all estimates of one report share."""

    work: Work
    prices: Prices
    assumed: Assumptions

    def estimate(
        self, cluster: Cluster, figures: StepThroughput, instance: Instance, count: int
    ) -> Estimate:
        """Estimate a step on `count` instances of a type, with its own limit and volume."""
        share = self.work.unevenness(count) if figures.shares == "objects" else 1.0
        mine = self.work.bytes * share / count
        bandwidth = instance.gbit * GB / 8 * self.assumed.network
        transfer = mine * (figures.read + figures.written) / bandwidth
        compute = mine / (figures.rate * _at_work(figures, instance, self.assumed))
        data = mine * figures.shuffle / GB
        if figures.streams:
            transfer = max(0.0, transfer - compute)
        else:
            data += mine * (figures.read + figures.written) / GB
        needed = math.ceil(data * _SPARE_SHARE + _SPARE_GB)
        volume = max(cluster.volume, needed)
        wall = self.assumed.startup + transfer + compute
        price = instance.hour + volume * self.prices.volume_hour
        obstacles = tuple(_obstacles(cluster, count, wall, needed, self.assumed.quota))
        return Estimate(
            *(cluster.step, instance, count, self.assumed.startup, transfer, compute, data),
            volume_gb=volume,
            cost=wall * count / HOUR * price,
            obstacles=obstacles,
        )


def _obstacles(
    cluster: Cluster, count: int, wall: float, needed: int, quota: int
) -> Iterator[Obstacle]:
    instances, volume = _most("ProcessingInstanceCount"), _most("ProcessingVolumeSizeInGB")
    if cluster.limit is not None and wall > cluster.limit:
        yield Obstacle("limit", f"longer than the step's own limit, {duration(cluster.limit)}")
    if count > instances:
        yield Obstacle("count", f"a job has at most {instances} instances")
    elif count > quota:
        yield Obstacle("quota", f"more instances than the quota of a job, {quota}")
    if needed > volume:
        yield Obstacle("data", f"needs {needed:,} GB on each instance, volumes end at {volume:,}")
    elif needed > cluster.volume:
        yield Obstacle(
            "volume", f"needs a volume of {needed:,} GB, the step has {cluster.volume:,.0f}"
        )


def _most(shape_name: str) -> int:
    """The most that the service's own model takes."""
    return int(shape(shape_name).metadata["max"])


def _at_work(figures: StepThroughput, instance: Instance, assumed: Assumptions) -> float:
    """How many cores' worth of work an instance does, by Amdahl's law."""
    cores = instance.vcpus * assumed.vcpu
    if figures.threads is not None:
        cores = min(cores, figures.threads)
    if cores <= 1:
        return cores
    return 1 / (figures.serial + (1 - figures.serial) / cores)


def lognormal(total: float, objects: int, sigma: float = 1.0) -> Work:
    """Objects whose sizes lie lognormal, as they often do; the same for the same arguments."""
    generator = random.Random(0)
    drawn = [generator.lognormvariate(0, sigma) for _ in range(objects)]
    scale = total / sum(drawn)
    return Work(total, [size * scale for size in drawn])


def duration(seconds: float) -> str:
    """A time as people say it: 45 s, 12 min, 3.5 h."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"
