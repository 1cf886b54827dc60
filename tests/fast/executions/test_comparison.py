"""Two executions compared."""

from __future__ import annotations

import copy
import io
from pathlib import Path

import pytest
import records
from rich.console import Console

from sagepipe.executions import tables
from sagepipe.executions.comparison import Comparison, Pair, Side, compare
from sagepipe.executions.local_archive import LocalArchive
from sagepipe.local.events import Status
from sagepipe.local.store import Store


@pytest.fixture
def found(tmp_path: Path) -> Comparison:
    """A second execution with another seed and script, a failed Fit and a new step."""
    store = Store(tmp_path / "store")
    changed = copy.deepcopy(records.DEFINITION)
    changed["Steps"][0]["Arguments"]["Environment"] = {"MODE": "fast"}
    changed["Steps"].append({"Name": "Export", "Type": "Processing", "Arguments": {}})
    for identity, score, definition, seconds, status in (
        ("one", b'{"score": 1.5, "sizes": [1, 2], "of": {"a": "x"}}', records.DEFINITION, 10.0,
         Status.SUCCEEDED),
        ("two", b'{"score": 2.0, "sizes": [1, 2], "of": {"a": null}}', changed, 15.0,
         Status.FAILED),
    ):  # fmt: skip
        metrics = {"metrics": f"s3://bkt/{identity}"}
        records.put(store, f"s3://bkt/{identity}/metrics.json", score)
        extra = [records.step("Export")] if identity == "two" else []
        records.write(
            store,
            identity,
            records.step("Clean", seconds=seconds),
            records.step("Fit", status, outputs=metrics),
            *extra,
            parameters={"Seed": 0 if identity == "one" else 7, "Columns": "all"},
            definition=definition,
        )
    archive = LocalArchive(store)
    return compare(*(Side(archive.read(name), archive) for name in ("one", "two")))


def test_parameters_that_differ(found: Comparison) -> None:
    assert found.parameters == (Pair("Seed", "0", "7"),)


def test_code_that_differs(found: Comparison) -> None:
    assert [(one.sign, one.subject, one.field) for one in found.code] == [
        ("+", "step Clean", "environment MODE"),
        ("+", "step Export", ""),
    ]


def test_steps_side_by_side(found: Comparison) -> None:
    assert [pair.name for pair in found.steps] == ["Clean", "Fit", "Export"]
    assert found.steps[2].before is None


def test_every_metric_and_which_changed(found: Comparison) -> None:
    values = {pair.name: (pair.before, pair.after) for pair in found.metrics}
    assert values == {
        "Fit.FitMetrics.score": (1.5, 2.0),
        "Fit.FitMetrics.sizes": ([1, 2], [1, 2]),
        "Fit.FitMetrics.of.a": ("x", None),
    }


def test_it_is_shown(found: Comparison) -> None:
    out = io.StringIO()
    tables.show_comparison(found, Console(file=out, width=100))
    lines = [line.rstrip() for line in out.getvalue().splitlines()]
    assert lines[:3] == ["one (Succeeded) → two (Succeeded)", "parameters", "  Seed: 0 → 7"]
    assert "  Fit.FitMetrics.score: 1.5 → 2.0 (+0.5)" in lines
    assert "  Fit.FitMetrics.of.a: x → -" in lines
    assert lines[-1] == "  1 are the same"
    (clean,) = (line for line in lines if line.startswith("Clean "))
    assert clean.split()[1:] == ["Succeeded", "10", "s", "Succeeded", "15", "s", "+50%"]


def test_an_execution_is_the_same_as_itself(found: Comparison, tmp_path: Path) -> None:
    archive = LocalArchive(Store(tmp_path / "store"))
    side = Side(archive.read("one"), archive)
    same = compare(side, side)
    assert (same.parameters, same.code) == ((), ())
    out = io.StringIO()
    tables.show_comparison(same, Console(file=out, width=100))
    assert "parameters: the same" in out.getvalue()
    assert "code and definition: the same" in out.getvalue()
