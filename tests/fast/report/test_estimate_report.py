"""A whole pipeline's estimate: totals, advice, and what the text and the JSON say."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest
from estimated import PRICES, TABLE, definition
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sagepipe.errors import SettingsError
from sagepipe.report import clusters, costs, estimate_report, pipeline_estimate, prices
from sagepipe.report.costs import Assumptions, Model
from sagepipe.report.pipeline_estimate import PipelineEstimate
from sagepipe.report.throughput import Throughput

ASSUMED = Assumptions(startup=100.0, vcpu=0.5, network=1.0)


@pytest.fixture
def table(tmp_path: Path) -> prices.Prices:
    path = tmp_path / "prices.toml"
    path.write_text(PRICES)
    return prices.load(path)


def made(
    table: prices.Prices,
    size: float = 1e12,
    counts: tuple[int, ...] = (1, 2, 4, 20),
    types: tuple[str, ...] = (),
    throughput: Throughput = TABLE,
    document: dict[str, Any] | None = None,
    region: str | None = None,
) -> PipelineEstimate:
    model = Model(costs.lognormal(size, 1000), table, ASSUMED)
    workflow = clusters.read(document or definition(), {})
    return pipeline_estimate.make(
        *("flow", "1000 objects", region, model, workflow, throughput, types, counts)
    )


def test_the_first_total_is_of_the_definition_as_it_stands(table: prices.Prices) -> None:
    found = made(table)
    own = found.own
    assert {name: (one.instance.name, one.count) for name, one in own.items()} == {
        "Clean": ("ml.m5.large", 2),
        "Join": ("ml.m5.xlarge", 4),
        "Note": ("ml.m5.large", 1),
        "Publish": ("ml.m5.large", 2),
    }
    total = found.totals[0]
    counted = ("Clean", "Join", "Publish")  # Note stands in the cheaper branch
    assert total.path == counted
    assert total.wall == pytest.approx(sum(own[name].wall for name in counted))
    assert total.cost == pytest.approx(sum(own[name].cost for name in counted))


def test_each_type_and_count_has_a_total(table: prices.Prices) -> None:
    names = [one.name for one in made(table, counts=(1, 4)).totals]
    assert names == ["as defined", "1 x each its own type", "4 x each its own type"]
    found = made(table, counts=(1, 4), types=("ml.m5.large", "ml.m5.xlarge"))
    assert [one.name for one in found.totals[1:]] == [
        "1 x ml.m5.large",
        "4 x ml.m5.large",
        "1 x ml.m5.xlarge",
        "4 x ml.m5.xlarge",
    ]
    assert [one.instance.name for one in found.others["Join"]] == [
        *["ml.m5.large"] * 2,
        *["ml.m5.xlarge"] * 2,
    ]


def test_a_total_names_the_steps_that_cannot_run_so(table: prices.Prices) -> None:
    by_count = dict(zip((0, 1, 2, 4, 20), made(table).totals, strict=True))
    assert by_count[1].blocked == ("Join",)  # 1 h is its limit
    assert by_count[20].blocked == ()
    assert by_count[20].small == ("Clean", "Join", "Publish")
    assert made(table, size=1e6).totals[0].small == ()


def test_a_step_without_figures_is_named(table: prices.Prices) -> None:
    steps = {name: step for name, step in TABLE.steps.items() if name != "Join"}
    lacking = dataclasses.replace(TABLE, steps=steps)
    with pytest.raises(SettingsError, match=r"the table has no \[steps\.Join\]; it has Clean"):
        made(table, throughput=lacking)


def test_a_type_without_a_price_is_named(table: prices.Prices) -> None:
    with pytest.raises(SettingsError, match=r"no 'ml\.nope'"):
        made(table, types=("ml.nope",))


def test_the_text_has_rows_advice_totals_and_what_it_rests_on(table: prices.Prices) -> None:
    said = "\n".join(estimate_report.lines(made(table, region="eu-west-1")))
    for expected in (
        "flow: 1000 objects",
        "Clean (the first line is as defined)",
        "  4 x ml.m5.xlarge",
        "! longer than the step's own limit, 60 min",
        "! needs that volume, and the step has 30 GB",
        "the whole pipeline\n",
        "! can't run so: Join; on larger volumes: Clean, Publish",
        "measured (the table):\n  on a processor, 2.5 GHz",
        "Join: 20 MB of raw input per second of one core",
        "Note: 1000 MB of raw input per second of one core, 2.00 times as fast on 2 "
        "(assumed: rate)",
        "100 s until a job's script runs",
        "of a condition's branches, the dearer one is run",
        "Publish has no time limit of its own",
        "prices: us-east-1, 2026-01-02, volumes included",
        "those of eu-west-1 differ: --refresh-prices",
        "unconfirmed: ml.m5.xlarge; --refresh-prices",
    ):
        assert expected in said
    assert "NOTE" not in said


def test_figures_of_a_quick_run_are_told(table: prices.Prices) -> None:
    found = made(table, throughput=dataclasses.replace(TABLE, quick=True))
    assert "NOTE" in estimate_report.lines(found)[-1]


def test_a_step_of_another_kind_is_told_and_not_counted(table: prices.Prices) -> None:
    document = definition()
    document["Steps"].append({"Name": "Fit", "Type": "Training", "Arguments": {}})
    found = made(table, document=document)
    assert "  without Fit, a Training step" in estimate_report.lines(found)
    assert estimate_report.to_json(found)["not_estimated"] == {"Fit": "Training"}


def test_the_json_has_obstacles_and_totals(table: prices.Prices) -> None:
    found = json.loads(json.dumps(estimate_report.to_json(made(table, counts=(1, 50)))))
    join = [one for one in found["estimates"] if one["step"] == "Join"]
    assert [(one["count"], one["as_defined"], one["possible"]) for one in join] == [
        (4, True, True),
        (1, False, False),
        (50, False, False),
    ]
    assert [[each["kind"] for each in one["obstacles"]] for one in join] == [
        ["volume"],
        ["limit", "volume"],
        ["quota", "volume"],
    ]
    assert found["totals"][0]["critical_path"] == ["Clean", "Join", "Publish"]
    assert found["totals"][1]["blocked"] == ["Join"]
    assert found["totals"][1]["needs_larger_volumes"] == ["Clean", "Publish"]
    assert found["prices"]["region"] == "us-east-1"


def test_more_instances_pay_until_startup_dominates(table: prices.Prices) -> None:
    def pays(size: float) -> int:
        found = made(table, size=size, counts=(1, 2, 4, 8, 16, 20))
        text = estimate_report.advice(found.others["Publish"])[0]
        return int(text.split("up to ")[1].split()[0])

    assert pays(1e9) == 1
    assert 1 < pays(20e9) < pays(2e12)


def test_advice_names_the_volume_to_set(table: prices.Prices) -> None:
    found = made(table, counts=(20,))
    (one,) = found.others["Join"]
    for text in estimate_report.advice([one]):
        assert f"with volumes of {one.volume_gb} GB" in text
    (small,) = made(table, size=1e6, counts=(20,)).others["Join"]
    assert not any("volumes" in text for text in estimate_report.advice([small]))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
@given(
    size=st.floats(1e9, 1e14),
    counts=st.lists(st.integers(1, 120), min_size=1, max_size=5, unique=True),
)
def test_advice_is_never_what_cannot_run(
    table: prices.Prices, size: float, counts: list[int]
) -> None:
    found = made(table, size=size, counts=tuple(sorted(counts)))
    for step in found.own:
        estimates = found.estimates(step)
        possible = [one for one in estimates if one.possible]
        said = estimate_report.advice(estimates)
        if not possible:
            assert said == ["none of these can run: see ! above; try other counts, types or limits"]
            continue
        for text in said[:-1]:
            name, count = text.split(":")[0], int(text.split("up to ")[1].split()[0])
            assert (name, count) in [(one.instance.name, one.count) for one in possible]
        cheapest = int(said[-1].removeprefix("cheapest: ").split()[0])
        assert cheapest in [one.count for one in possible]
