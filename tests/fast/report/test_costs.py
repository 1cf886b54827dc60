"""The model's arithmetic, and what stands in the way of a job."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sagepipe.report import costs
from sagepipe.report.clusters import Cluster
from sagepipe.report.costs import Assumptions, Estimate, Model, Work
from sagepipe.report.prices import Instance, Prices
from sagepipe.report.throughput import StepThroughput

TYPE = Instance("ml.test.large", 4, 16.0, 8.0, 0.5)
PRICES = Prices("today", "us-east-1", "USD", {TYPE.name: TYPE}, 0.73, "made up", Path("prices"))
ASSUMED = Assumptions(startup=100.0, vcpu=0.5, network=1.0)
CLUSTER = Cluster("Clean", TYPE.name, 2, 30, 86_400)

WHOLE = StepThroughput(rate=50e6, read=1.0, written=1.2, threads=8, shares="objects")
EVEN = dataclasses.replace(WHOLE, shares="evenly")
STREAMING = StepThroughput(rate=25e6, read=1.0, written=0.5, shuffle=2.0, streams=True)


def of(
    figures: StepThroughput,
    work: Work,
    count: int,
    cluster: Cluster = CLUSTER,
    assumed: Assumptions = ASSUMED,
) -> Estimate:
    return Model(work, PRICES, assumed).estimate(cluster, figures, TYPE, count)


def kinds(one: Estimate) -> list[str]:
    return [obstacle.kind for obstacle in one.obstacles]


def test_a_step_reads_computes_and_writes_one_after_the_other() -> None:
    one = of(WHOLE, Work(100e9, [25e9] * 4), 2)
    # 50 GB each at 1 GB/s in and 60 GB out; 4 vCPUs are 2 cores of 50 MB/s
    assert one.startup == 100
    assert one.transfer == pytest.approx(110)
    assert one.compute == pytest.approx(500)
    assert one.wall == pytest.approx(710)
    assert one.instance_hours == pytest.approx(2 * 710 / 3600)
    assert one.data_gb == pytest.approx(110)


def test_instances_and_their_volumes_are_paid() -> None:
    one = of(WHOLE, Work(99e9, [24.75e9] * 4), 2)
    assert one.volume_gb == 125  # 108.9 GB, a tenth more, and 5
    assert one.cost == pytest.approx(2 * one.wall / 3600 * (0.5 + 125 * 0.73 / 730))


def test_a_volume_that_is_larger_than_needed_is_paid_whole() -> None:
    one = of(WHOLE, Work(1e9, [1e9]), 1, dataclasses.replace(CLUSTER, volume=500))
    assert one.volume_gb == 500
    assert one.obstacles == ()


def test_the_instance_with_most_bytes_sets_the_time_where_objects_are_shared_out() -> None:
    work = Work(100e9, [70e9, 10e9, 10e9, 10e9])
    assert work.unevenness(2) == pytest.approx(1.6)
    even = Work(100e9, [25e9] * 4)
    assert of(WHOLE, work, 2).compute == pytest.approx(800)
    assert of(EVEN, work, 2) == of(EVEN, even, 2)


def test_a_step_that_streams_takes_the_slower_of_both() -> None:
    one = of(STREAMING, Work(100e9), 2)
    assert one.compute == pytest.approx(1000)
    assert one.transfer == 0
    fast = dataclasses.replace(STREAMING, rate=1e9)
    one = of(fast, Work(100e9), 2)
    assert one.compute == pytest.approx(25)
    assert one.compute + one.transfer == pytest.approx(75)


def test_the_volume_holds_what_is_shuffled_and_not_what_is_streamed() -> None:
    assert of(STREAMING, Work(100e9), 2).data_gb == pytest.approx(100)
    staged = dataclasses.replace(STREAMING, streams=False)
    assert of(staged, Work(100e9), 2).data_gb == pytest.approx(175)


def test_cores_help_as_far_as_the_second_one_did() -> None:
    def compute(gain: float, vcpus: int, threads: int | None = 8) -> float:
        type_ = dataclasses.replace(TYPE, vcpus=vcpus)
        figures = StepThroughput(200e6, 0.0, 0.0, second_core=gain, threads=threads)
        model = Model(Work(100e9, [1.0]), PRICES, ASSUMED)
        return model.estimate(CLUSTER, figures, type_, 1).compute

    assert compute(2.0, 8) == pytest.approx(500 / 4)
    assert compute(1.6, 8) == pytest.approx(500 * (0.25 + 0.75 / 4))
    assert compute(0.9, 8) == pytest.approx(500)
    assert compute(2.0, 64) == pytest.approx(500 / 8)
    assert compute(2.0, 64, threads=None) == pytest.approx(500 / 32)
    assert compute(2.0, 1) == pytest.approx(1000)


def test_a_run_beyond_the_steps_own_limit_is_flagged() -> None:
    work = Work(1e9, [1e9])
    wall = of(WHOLE, work, 1).wall
    short = of(WHOLE, work, 1, dataclasses.replace(CLUSTER, limit=int(wall) - 1))
    assert kinds(short) == ["limit"]
    assert not short.possible
    for limit in (int(wall) + 1, None):
        assert of(WHOLE, work, 1, dataclasses.replace(CLUSTER, limit=limit)).possible


@pytest.mark.parametrize(
    ("count", "quota", "expected"),
    [
        (20, 20, []),
        (21, 20, ["quota"]),
        (100, 100, []),
        (101, 20, ["count"]),
        (101, 500, ["count"]),
    ],
)
def test_counts_above_the_quota_or_the_services_are_flagged(
    count: int, quota: int, expected: list[str]
) -> None:
    assumed = dataclasses.replace(ASSUMED, quota=quota)
    one = of(EVEN, Work(1e9), count, assumed=assumed)
    assert kinds(one) == expected
    assert one.possible == (not expected)


def test_a_volume_that_is_too_small_is_flagged_with_the_size_that_will_do() -> None:
    one = of(STREAMING, Work(99e9), 2)
    assert [obstacle.text for obstacle in one.obstacles] == [
        "needs a volume of 114 GB, the step has 30"
    ]
    assert one.possible  # on the volume that it is paid with
    mended = dataclasses.replace(CLUSTER, volume=one.volume_gb)
    assert of(STREAMING, Work(99e9), 2, mended).obstacles == ()


def test_no_volume_is_proposed_that_there_is_not() -> None:
    one = of(STREAMING, Work(100e12), 1, dataclasses.replace(CLUSTER, limit=None))
    assert kinds(one) == ["data"]
    assert not one.possible


@given(
    size=st.floats(1e6, 1e15),
    count=st.integers(1, 150),
    limit=st.none() | st.integers(1, 777_600),
    volume=st.integers(1, 16_384),
    figures=st.sampled_from([WHOLE, EVEN, STREAMING]),
)
def test_what_is_possible_keeps_every_limit(
    size: float, count: int, limit: int | None, volume: int, figures: StepThroughput
) -> None:
    cluster = dataclasses.replace(CLUSTER, limit=limit, volume=volume)
    one = of(figures, Work(size, [size / 200] * 200), count, cluster)
    assert one.volume_gb >= max(one.data_gb, volume)
    if one.possible:
        assert limit is None or one.wall <= limit
        assert one.count <= 20
        assert one.volume_gb <= 16_384


def test_lognormal_sizes_add_up_and_are_the_same_each_time() -> None:
    work = costs.lognormal(1e12, 1000)
    assert sum(work.sizes) == pytest.approx(1e12)
    assert work == costs.lognormal(1e12, 1000)
    assert 1.05 < work.unevenness(8) < 1.6


@pytest.mark.parametrize(
    ("seconds", "text"), [(45, "45 s"), (750, "12 min"), (9000, "2.5 h"), (99.4, "99 s")]
)
def test_durations(seconds: float, text: str) -> None:
    assert costs.duration(seconds) == text
