"""Figures of an execution on SageMaker, from recorded answers of S3."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.response import StreamingBody
from botocore.stub import Stubber

from sagepipe.errors import AwsError, ExecutionError
from sagepipe.executions import remote_figures
from sagepipe.executions.archive import Entry, Output, PastExecution, PastStep
from sagepipe.language.definition import Definition
from sagepipe.local.events import Status
from sagepipe.local.record import ExecutionResult
from sagepipe.local.store import Store
from sagepipe.report.figures import Figures, texts

BUCKET, PREFIX = "bucket", "runs/abc/Fit/metrics/"

PAST = PastExecution(
    entry=Entry("abc", "tables", "Succeeded", None, 20.0, {}),
    reason="",
    values={},
    steps={
        "Fit": PastStep(
            "Fit",
            "ProcessingJob",
            "Succeeded",
            10.0,
            instances=3,
            outputs={"metrics": Output(f"s3://{BUCKET}/{PREFIX.rstrip('/')}")},
        ),
        "GateFailed": PastStep("GateFailed", "Fail", "Not run"),
    },
    definition=Definition.read({"Version": "2020-12-01", "Steps": []}),
)


@pytest.fixture
def s3() -> Any:
    return boto3.Session("testing", "testing", region_name="eu-west-1").client("s3")


@pytest.fixture
def stubber(s3: Any) -> Iterator[Stubber]:
    with Stubber(s3) as stubber:
        yield stubber
        stubber.assert_no_pending_responses()


def listed(stubber: Stubber, **sizes: int) -> None:
    contents = [{"Key": f"{PREFIX}{name}", "Size": size} for name, size in sizes.items()]
    wanted = {"Bucket": BUCKET, "Prefix": PREFIX}
    stubber.add_response("list_objects_v2", {"Contents": contents, "IsTruncated": False}, wanted)


def fetched(stubber: Stubber, name: str, content: bytes) -> None:
    body = StreamingBody(io.BytesIO(content), len(content))
    wanted = {"Bucket": BUCKET, "Key": f"{PREFIX}{name}"}
    stubber.add_response("get_object", {"Body": body}, wanted)


def find(result: ExecutionResult, store: Store) -> Figures:
    """Adds up the rows of Fit's metrics."""
    found = [json.loads(text) for text in texts(result.steps.get("Fit"), "metrics", store)]
    return Figures({"Fit": sum(one["rows"] for one in found)}, (f"{len(found)} files",))


def test_the_json_files_that_the_reader_asks_for_are_fetched_and_no_others(
    s3: Any, stubber: Stubber
) -> None:
    # what isn't fetched has no answer, and would be refused
    listed(stubber, **{"a.json": 11, "b.jsonl": 11, "part.parquet": 10**12})
    fetched(stubber, "a.json", b'{"rows": 5}')
    fetched(stubber, "b.jsonl", b'{"rows": 7}')
    assert remote_figures.read(s3, PAST, find) == Figures({"Fit": 12}, ("2 files",))


def test_the_reader_sees_an_execution_as_it_knows_them(s3: Any) -> None:
    seen: list[ExecutionResult] = []

    def look(result: ExecutionResult, store: Store) -> Figures:
        seen.append(result)
        assert store.root.is_dir()
        return Figures()

    remote_figures.read(s3, PAST, look)
    (result,) = seen
    assert not result.folder.exists()  # it was there while the reader read
    assert (result.status, result.pipeline) == (Status.SUCCEEDED, "tables")
    assert [step.status for step in result.steps.values()] == [Status.SUCCEEDED, Status.NOT_RUN]
    assert result.steps["Fit"].instances == 3


def test_what_is_too_large_for_figures_is_left_where_it_is(s3: Any, stubber: Stubber) -> None:
    half = remote_figures.MOST_BYTES // 2 + 1
    listed(stubber, **{"a.json": half, "b.json": half})
    with pytest.raises(ExecutionError, match=r"s3://bucket/runs/abc/Fit/metrics/ have 8\.0 MB"):
        remote_figures.read(s3, PAST, find)


def test_what_may_not_be_read_is_an_error_in_words(s3: Any, stubber: Stubber) -> None:
    stubber.add_client_error("list_objects_v2", "AccessDenied", "no", 403)
    with pytest.raises(AwsError, match="can't read s3://bucket/runs/abc/Fit/metrics/"):
        remote_figures.read(s3, PAST, find)


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ("Failed", Status.FAILED),
        ("CompletedWithFailures", Status.FAILED),
        ("Stopped", Status.STOPPED),
        ("Stopping", Status.EXECUTING),
        ("Waiting", Status.NOT_RUN),
    ],
)
def test_every_status_has_one_here(theirs: str, ours: Status) -> None:
    past = replace(PAST, entry=replace(PAST.entry, status=theirs))
    assert remote_figures.as_result(past, Path()).status is ours
