"""sagepipe history --on sagemaker: executions of the deployed pipeline."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable
from typing import Any

import pytest
from botocore.stub import Stubber
from command_result import Result, Run
from pytest_mock import MockerFixture
from server import BUCKET, REGION
from wire import Fault, Wire

from sagepipe.aws import boto
from sagepipe.executions import job_logs

Start = Callable[..., str]


@pytest.fixture
def pipeline(two_versions: Wire, paced: None) -> Wire:
    return two_versions


@pytest.fixture
def start(pipeline: Wire, client: Callable[[str], Any]) -> Start:
    """Start an execution whose display name says what happens to it; returns its id."""

    def start(name: str = "plain", **parameters: str) -> str:
        answer = client("sagemaker").start_pipeline_execution(
            PipelineName="tables",
            PipelineExecutionDisplayName=name,
            PipelineParameters=[{"Name": key, "Value": one} for key, one in parameters.items()],
        )
        pipeline.clear()
        return str(answer["PipelineExecutionArn"]).rpartition("/")[2]

    return start


@pytest.fixture
def finish(cli: Callable[..., Result]) -> Callable[[str], None]:
    """Watch an execution to its end."""
    return lambda identity: cli("watch", "--interval", "0.01", "--quiet", identity) and None


@pytest.fixture
def history(pipeline: Wire, cli: Callable[..., Result]) -> Run:
    return functools.partial(cli, "history", "--on", "sagemaker")


def test_the_newest_first_with_what_they_were_given(
    history: Run, start: Start, finish: Callable[[str], None]
) -> None:
    first = start("fails-Clean", Seed="7")
    finish(first)
    second = start("plain")
    lines = history().out.splitlines()
    assert lines[0].split() == ["execution", "status", "started", "took", "pipeline"]
    assert lines[1].split()[:2] == [second, "Executing"]
    assert lines[3].split()[:2] == [first, "Failed"]
    assert lines[3].split()[4:] == ["10", "s", "tables,", "version", "2"]
    assert lines[4].split() == ["fails-Clean", "Seed=7"]
    found = json.loads(history("list", "--json", "--limit", "1").out)
    assert found["more"] is None
    (entry,) = found["executions"]
    assert (entry["id"], entry["version"], entry["parameters"]) == (second, 2, {})
    assert entry["arn"].endswith(f":pipeline/tables/execution/{second}")
    assert "and more: --limit 0 shows all" in history("--limit", "1").out


def test_no_execution_yet(history: Run) -> None:
    assert history().out == "no execution yet; sagepipe start makes one\n"
    assert json.loads(history("--json").out) == {"executions": [], "more": 0, "damaged": []}


def test_no_such_pipeline(history: Run) -> None:
    result = history("--pipeline-name", "other")
    assert (result.code, result.out) == (1, "")
    assert "there is no pipeline 'other' in eu-west-1; deploy it: sagepipe upsert" in result.err


def test_one_whole(history: Run, start: Start, finish: Callable[[str], None]) -> None:
    identity = start("fails-Fit--caches-Clean", Seed="7", FitInstanceCount="3")
    finish(identity)
    out = history("show", identity).out
    assert f"execution {identity} (fails-Fit--caches-Clean) of tables, version 2" in out
    assert "cached from execution sourceexec00" in out
    assert "Fit: ClientError: AlgorithmError: Fit met a bad recording, exit code: 1" in out
    assert "  its message: recording a/1.csv has no lead ii" in out
    assert "* Seed                 7" in out
    assert "  Fill                 zero" in out
    assert f"  Clean rows  s3://{BUCKET}/runs/{identity}/Clean/rows" in out
    found = json.loads(history("show", "--json").out)
    steps = found["steps"]
    assert list(steps) == ["Clean", "Fit", "Gate", "Export", "GateFailed"]
    assert (steps["Fit"]["status"], steps["Fit"]["instances"]) == ("Failed", 3)
    assert (steps["Export"]["status"], steps["Export"]["kind"]) == ("Not run", "Processing")
    assert found["given"] == {"Seed": "7", "FitInstanceCount": "3"}
    assert found["parameters"]["Seed"] == "7"


def test_what_has_not_begun_is_waiting_while_the_others_run(history: Run, start: Start) -> None:
    steps = json.loads(history("show", start(), "--json").out)["steps"]
    assert [step["status"] for step in steps.values()] == ["Executing", *["Waiting"] * 4]


def test_what_may_not_be_read_is_said(history: Run, start: Start, pipeline: Wire) -> None:
    identity = start()
    denied = Fault(lambda _, call: "ProcessingJob" in call.operation, "AccessDeniedException")
    with pipeline.fault(denied):
        result = history("show", identity)
    assert result.code == 0
    assert "can't describe processing job pipelines-" in result.out


def test_the_logs_of_a_step(history: Run, start: Start, finish: Callable[[str], None]) -> None:
    identity = start("fails-Fit--lower-case", FitInstanceCount="2")
    finish(identity)
    history("show", identity)  # somebody has to look for the fake to write logs
    lines = history("logs", identity, "Fit", "--lines", "2").out.splitlines()
    assert lines == [
        "algo-1 | algo-1 line 39",
        "algo-1 | algo-1 line 40",
        "algo-2 | algo-2 line 39",
        "algo-2 | algo-2 line 40",
    ]
    lines = history("logs", identity, "Fit", "--host", "algo-2").out.splitlines()
    assert lines == [f"algo-2 line {line}" for line in range(1, 41)]
    followed = history("logs", "latest", "Fit", "--host", "algo-2", "--follow", "--json").out
    assert json.loads(followed.splitlines()[-1]) == {"host": "algo-2", "line": "algo-2 line 40"}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("Gate",), "step Gate of execution"),
        (("Clean",), "has no log: nothing was written"),
        (("Clean", "--host", "algo-7"), "instance algo-7 of step Clean (job pipelines-"),
        (("Cleans",), "has no step 'Cleans'; there are Clean, Fit, Gate, Export, GateFailed"),
    ],
)
def test_why_there_is_no_log(
    history: Run,
    start: Start,
    finish: Callable[[str], None],
    arguments: tuple[str, ...],
    words: str,
) -> None:
    finish(start())
    result = history("logs", "latest", *arguments)
    assert result.code == 1
    assert words in result.err


def test_following_reads_what_is_written_later_and_ends_with_the_job(mocker: MockerFixture) -> None:
    logs = boto.client("logs", REGION)
    where = {"logGroupName": job_logs.GROUP, "logStreamName": "j/algo-1-1", "startFromHead": True}
    streams = {"logStreams": [{"logStreamName": "j/algo-1-1"}]}
    wanted = {"logGroupName": job_logs.GROUP, "logStreamNamePrefix": "j/"}
    ended = mocker.Mock(side_effect=[False, True])
    sleep = mocker.Mock()
    with Stubber(logs) as stubber:
        for pages in (
            [("a", "t1", None), ("b", "t2", "t1"), (None, "t2", "t2")],
            [("c", "t3", "t2"), (None, "t3", "t3")],
        ):
            stubber.add_response("describe_log_streams", streams, wanted)
            for text, token, before in pages:
                events = [{"message": f"{text}\n"}] if text else []
                stubber.add_response(
                    "get_log_events",
                    {"events": events, "nextForwardToken": token},
                    where | ({"nextToken": before} if before else {}),
                )
        found = list(job_logs.read(logs, "j", last=1, ended=ended, interval=3.0, sleep=sleep))
        stubber.assert_no_pending_responses()
    assert found == [("algo-1", "b"), ("algo-1", "c")]
    sleep.assert_called_once_with(3.0)


def test_two_are_compared(
    history: Run, start: Start, finish: Callable[[str], None], client: Callable[[str], Any]
) -> None:
    first, second = start("plain"), start("fails-Fit", Seed="7")
    finish(first)
    finish(second)
    s3 = client("s3")
    for identity, share in ((first, 0.5), (second, 0.25)):
        key = f"runs/{identity}/Fit/metrics/metrics.json"
        s3.put_object(Bucket=BUCKET, Key=key, Body=json.dumps({"share": share, "rows": 3}))
    out = history("compare", first, second).out
    assert f"{first} (Succeeded) → {second} (Failed)" in out
    assert "  Seed: 0 → 7" in out
    assert "code and definition: the same" in out
    assert "  Fit.FitMetrics.share: 0.5 → 0.25 (-0.25)" in out
    assert "  1 are the same" in out
    found = json.loads(history("compare", first, second, "--json").out)
    assert found["parameters"] == [{"name": "Seed", "before": "0", "after": "7"}]
    fit = next(pair for pair in found["steps"] if pair["name"] == "Fit")
    assert (fit["before"]["status"], fit["after"]["status"]) == ("Succeeded", "Failed")


def test_versions_differ_in_their_code(
    history: Run, start: Start, finish: Callable[[str], None], client: Callable[[str], Any]
) -> None:
    answer = client("sagemaker").start_pipeline_execution(
        PipelineName="tables", PipelineVersionId=1, PipelineExecutionDisplayName="old"
    )
    old = answer["PipelineExecutionArn"]
    new = start()
    out = history("compare", old, new).out
    assert "+ parameter Scale: String, default false" in out


def test_a_plain_moto_servers_answer_is_missing(history: Run, pipeline: Wire) -> None:
    plain = Fault(
        lambda _, call: call.operation.startswith("sagemaker:"),
        "ValidationException",
        message="Could not find pipeline with PipelineName tables.",
    )
    with pipeline.fault(plain):
        assert "there is no pipeline 'tables'" in history().err
        assert "there is no pipeline 'tables'" in history("show", "x").err


def test_it_looks_and_changes_nothing(history: Run, start: Start, pipeline: Wire) -> None:
    identity = start()
    for arguments in ((), ("show", identity), ("compare", identity, identity)):
        assert history(*arguments).code == 0
    assert pipeline.mutations == []
