"""A small pipeline to estimate: Clean, then Join, then a check with a cheap and a dear branch."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from sagepipe import Pipeline, Project
from sagepipe.report.throughput import StepThroughput, Throughput, dump

CLEAN = StepThroughput(rate=50e6, read=1.0, written=0.5, threads=8, shares="objects")
JOIN = StepThroughput(rate=20e6, read=0.5, written=0.0, shuffle=2.0, streams=True)
NOTE = StepThroughput(rate=1e9, read=0.0, written=0.0, assumed=("rate",))
TABLE = Throughput(
    "a processor, 2.5 GHz",
    {"Clean": CLEAN, "Join": JOIN, "Publish": CLEAN, "Note": NOTE},
    "the table",
)

PRICES = """\
as_of = "2026-01-02"
region = "us-east-1"
currency = "USD"
[volume]
month = 0.73
source = "the price list"
[instances]
"ml.m5.large" = { vcpus = 4, memory = 8, gbit = 8, hour = 0.5, source = "the price list" }
"ml.m5.xlarge" = { vcpus = 8, memory = 16, gbit = 8, hour = 1.0 }
"""


def processing(
    name: str, count: Any, type_: Any = "ml.m5.large", hours: float | None = 10, **more: Any
) -> dict[str, Any]:
    """A processing step on volumes of 30 GB."""
    cluster = {"InstanceCount": count, "InstanceType": type_, "VolumeSizeInGB": 30}
    arguments: dict[str, Any] = {
        "AppSpecification": {"ImageUri": "an-image", "ContainerEntrypoint": ["do", name]},
        "ProcessingResources": {"ClusterConfig": cluster},
        "RoleArn": "arn:aws:iam::123456789012:role/jobs",
    }
    if hours is not None:
        arguments["StoppingCondition"] = {"MaxRuntimeInSeconds": int(hours * 3600)}
    return {"Name": name, "Type": "Processing", "Arguments": arguments, **more}


def definition() -> dict[str, Any]:
    """Join has 1 hour only; Publish and Note stand in the branches of Check."""
    condition = {
        "Type": "Equals",
        "LeftValue": {"Get": "Parameters.Mode"},
        "RightValue": "all",
    }
    return {
        "Version": "2020-12-01",
        "Parameters": [
            {"Name": "Mode", "Type": "String", "DefaultValue": "all"},
            {"Name": "CleanCount", "Type": "Integer", "DefaultValue": 2},
            {"Name": "JoinType", "Type": "String", "DefaultValue": "ml.m5.xlarge"},
        ],
        "Steps": [
            processing("Clean", {"Get": "Parameters.CleanCount"}),
            processing("Join", 4, {"Get": "Parameters.JoinType"}, hours=1, DependsOn=["Clean"]),
            {
                "Name": "Check",
                "Type": "Condition",
                "DependsOn": ["Join"],
                "Arguments": {
                    "Conditions": [condition],
                    "IfSteps": [processing("Note", 1)],
                    "ElseSteps": [processing("Publish", 2, hours=None)],
                },
            },
        ],
    }


def project(folder: Path, *, throughput: bool = True) -> Project:
    """A project with this pipeline, `flow`; its table is written to `folder`."""
    path = folder / "throughput.toml"
    path.write_text(dump(TABLE, "A table."))
    return Project(
        Pipeline(
            "flow",
            "For estimates",
            build=lambda _: json.dumps(definition()),
            code=folder,
            throughput=path if throughput else None,
        )
    )
