"""A schedule that sees new data: a nightly execution over a prefix that people add to.

The engine takes results of earlier executions as the service does, by the inputs' URIs alone.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import sagepipe
from pipelines import PROJECT
from sagepipe.language.s3 import Location
from sagepipe.local.source import Source

FEW = {"PreprocessInstanceCount": 1, "PcaInstanceCount": 1, "Split": "1,0,0"}


@pytest.fixture(scope="module")
def source() -> Source:
    return PROJECT["ecg-pca"].source()


def recording(folder: Path, name: str) -> None:
    rows = [f"{n / 100:.2f},{(n * 7) % 11},{(n * 5) % 13}" for n in range(200)]
    (folder / f"{name}.csv").write_text("\n".join(["time,i,ii", *rows]) + "\n")


def night(source: Source, store: Path, raw: Path, cached: bool) -> set[str]:
    """The recordings that an execution has read, by its own account."""
    document: dict[str, Any] = json.loads(json.dumps(source.document))
    if cached:  # as it was: the service was allowed to cache the step
        document["Steps"][0]["CacheConfig"] = {"Enabled": True, "ExpireAfter": "P30D"}
    result = sagepipe.run(
        document,
        store=store,
        buckets={"recordings": f"{raw}:ro"},
        objects={str(location): data for location, data in source.objects},
        parameters={**FEW, "InputBucket": "recordings", "InputPrefix": "raw"},
        name=source.name,
        skip=["SparkTransform"],
        cache="service",
    )
    assert result.succeeded, result.reason
    account = Location.parse(result.steps["Preprocess"].uris["account"])
    lines = [
        json.loads(line)
        for item in result.store.list(account)
        for line in item.path.read_text().splitlines()
    ]
    return {line["recording"] for line in lines if line["kind"] == "recording"}


@pytest.mark.parametrize("cached", [False, True], ids=["as it is", "as it was"])
def test_the_second_night_sees_what_has_arrived(
    source: Source, tmp_path: Path, cached: bool
) -> None:
    raw = tmp_path / "recordings" / "raw"
    raw.mkdir(parents=True)
    recording(raw, "monday")
    first = night(source, tmp_path / "store", raw.parent, cached)
    recording(raw, "tuesday")
    second = night(source, tmp_path / "store", raw.parent, cached)
    assert len(first) == 1
    # With the old definition the second night is green, and has not seen Tuesday.
    assert len(second) == (1 if cached else 2)
