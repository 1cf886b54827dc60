"""The two pipelines that need no SDK: a dict, and JSON written by hand."""

import csv
from pathlib import Path

import pytest

from pipelines import PROJECT

pytest_plugins = ["sagepipe.pytest_plugin"]

ROOT = Path(__file__).parents[1]
RECORDINGS = ROOT / "data" / "recordings"


@pytest.mark.parametrize("instances", [1, 2, 4])
def test_ranges_are_read_from_a_pipe(run_pipeline, instances):
    result = run_pipeline(
        PROJECT["streamed"],
        parameters={"Instances": instances},
        buckets={"ecg-recordings": RECORDINGS},
    )
    assert result.succeeded, (result.reason, result.steps["Ranges"].logs)
    files = sorted(result.steps["Ranges"].outputs["ranges"].iterdir())
    assert [path.stem for path in files] == [f"ranges-algo-{n + 1}" for n in range(instances)]
    rows = [row for path in files for row in csv.DictReader(path.open(newline=""))]
    assert sorted({row["recording"] for row in rows}) == ["p01.csv", "p02.csv", "p03.csv"]
    assert {row["samples"] for row in rows} == {"20"}
    for path in RECORDINGS.iterdir():
        table = list(csv.DictReader(path.open(newline="")))
        for lead in ("i", "ii", "iii", "v1"):
            values = [float(row[lead]) for row in table if row[lead]]
            (row,) = (r for r in rows if (r["recording"], r["lead"]) == (path.name, lead))
            assert (float(row["lowest"]), float(row["highest"])) == (min(values), max(values))


def test_an_image_with_its_own_entrypoint_is_stood_in_for(run_pipeline):
    result = run_pipeline(
        PROJECT["own-image"],
        parameters={"Every": "5"},
        buckets={"ecg-recordings": RECORDINGS},
        images={"*/ecg-tools:*": f"python3 -u {ROOT / 'image' / 'entrypoint.py'}"},
    )
    assert result.succeeded, (result.reason, result.steps["Thin"].logs)
    for path in RECORDINGS.iterdir():
        header, *rows = path.read_text().splitlines()
        thinned = result.read(f"s3://ecg-results/thinned/{path.name}").decode().splitlines()
        assert thinned == [header, *rows[::5]]


def test_without_a_stand_in_the_image_is_named(run_pipeline):
    result = run_pipeline(PROJECT["own-image"], buckets={"ecg-recordings": RECORDINGS})
    assert not result.succeeded
    assert "ecg-tools:1" in result.reason
    assert "--image" in result.reason
