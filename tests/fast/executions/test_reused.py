"""Outputs of cached steps that somebody has deleted."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import boto3
from botocore.stub import Stubber

from sagepipe.executions.archive import Entry, Output, PastExecution, PastStep
from sagepipe.executions.reused import gone
from sagepipe.language.definition import Definition

CACHED = PastStep(
    "Fit",
    "ProcessingJob",
    "Succeeded",
    reused="cached",
    source="old",
    outputs={
        "model": Output("s3://bucket/runs/old/fit/model"),
        "metrics": Output("s3://bucket/runs/old/fit/metrics"),
    },
)
PAST = PastExecution(
    entry=Entry("new", "tables", "Succeeded", None, 20.0, {}),
    reason="",
    values={},
    steps={"Fit": CACHED, "Clean": replace(CACHED, name="Clean", reused="", source="")},
    definition=Definition.read({"Version": "2020-12-01", "Steps": []}),
)


def test_what_is_gone_is_named_and_only_cached_steps_are_looked_at() -> None:
    s3: Any = boto3.Session("testing", "testing", region_name="eu-west-1").client("s3")
    with Stubber(s3) as stubber:
        for name, contents in (("model", [{"Key": "x"}]), ("metrics", [])):
            stubber.add_response(
                "list_objects_v2",
                {"Contents": contents},
                {"Bucket": "bucket", "Prefix": f"runs/old/fit/{name}/", "MaxKeys": 1},
            )
        (line,) = gone(s3, PAST)
        stubber.assert_no_pending_responses()
    assert line.startswith("Fit is cached from execution old, and its output 'metrics' has no obj")
    assert "s3://bucket/runs/old/fit/metrics/ was deleted since" in line
