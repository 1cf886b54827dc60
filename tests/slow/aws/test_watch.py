"""sagepipe watch against executions that take their time (fake_executions)."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import fake_executions
import pytest
import tables
from botocore.stub import Stubber
from command_result import Result, Run
from pytest_mock import MockerFixture
from server import ACCOUNT, BUCKET, REGION, ROLE, Server
from wire import Fault, Wire

from sagepipe.aws import boto, studio
from sagepipe.cli import watching
from sagepipe.errors import ExecutionError
from sagepipe.executions import job_logs, remote, view
from sagepipe.executions.remote import Execution
from sagepipe.local.record import ExecutionResult
from sagepipe.local.store import Store
from sagepipe.project import Project
from sagepipe.report.figures import Figures, texts

PIPELINE = f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:pipeline/tables"
ARN = f"{PIPELINE}/execution/p4jn9xou8a8s"
NOW = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)

# The stand-in's jobs run half as long as their steps, on ml.m5.xlarge with 30 GB.
COST = "cost 0.0016 USD by the price table of 2026-09-13 for us-east-1: Fit 0.0010, Export 0.0007"

Start = Callable[..., str]


@pytest.fixture
def pipeline(server: Server, client: Callable[[str], Any], definition: str, paced: None) -> Wire:
    client("sagemaker").create_pipeline(
        PipelineName="tables", PipelineDefinition=definition, RoleArn=ROLE
    )
    server.wire.clear()
    return server.wire


@pytest.fixture
def start(pipeline: Wire, client: Callable[[str], Any]) -> Start:
    def start(name: str = "plain", **parameters: str) -> str:
        answer = client("sagemaker").start_pipeline_execution(
            PipelineName="tables",
            PipelineExecutionDisplayName=name,
            PipelineParameters=[{"Name": key, "Value": one} for key, one in parameters.items()],
        )
        pipeline.clear()
        return str(answer["PipelineExecutionArn"])

    return start


@pytest.fixture
def run(pipeline: Wire, cli: Callable[..., Result]) -> Run:
    """`sagepipe watch` with these arguments, asking often."""
    return functools.partial(cli, "watch", "--interval", "0.01")


def test_to_the_end(run: Run, start: Start, client: Callable[[str], Any]) -> None:
    arn = start("nightly--caches-Clean", FitInstanceCount="3")
    identity = arn.rpartition("/")[2]
    client("s3").put_object(Bucket=BUCKET, Key=f"runs/{identity}/Clean/rows/a", Body=b"x")
    result = run()
    assert (result.code, result.err) == (0, "")
    lines = result.out.splitlines()
    assert lines[0].startswith(f"execution {arn.rpartition('/')[2]} (nightly--")
    assert "version 1" in lines[0]
    assert lines[1].startswith("https://studio-fake-domain-id.studio.eu-west-1.sagemaker.aws/")
    assert [line.rstrip() for line in lines[2:]] == [
        "Clean: succeeded on 2 instances after 0 s (cached from execution sourceexec00)",
        "Fit: executing on 3 instances",
        "Fit: succeeded on 3 instances after 10 s",
        "Gate: succeeded after 0 s (outcome true)",
        "Export: executing on 2 instances",
        "Export: succeeded on 2 instances after 10 s",
        "Step        Status             Instances    Time  Rows",
        "Clean       Succeeded, cached          2   0.0 s",
        "Fit         Succeeded                  3  10.0 s",
        "Gate        Succeeded                      0.0 s",
        "Export      Succeeded                  2  10.0 s",
        "GateFailed  Not run",
        "from the step cache: Clean (execution sourceexec00)",
        COST,
        "outputs",
        f"  Clean rows     s3://{BUCKET}/runs/{identity}/Clean/rows",
        f"  Fit model      s3://{BUCKET}/runs/{identity}/Fit/model",
        f"  Fit metrics    s3://{BUCKET}/runs/{identity}/Fit/metrics",
        f"  Export tables  s3://{BUCKET}/runs/{identity}/Export/tables",
        f"execution {identity}: Succeeded after 20 s",
    ]


def test_outputs_of_a_cached_step_that_are_gone_are_named(run: Run, start: Start) -> None:
    start("caches-Clean")
    (line,) = [line for line in run().out.splitlines() if "has no objects" in line]
    assert line.startswith("Clean is cached from execution sourceexec00, and its output 'rows' has")


def rows_of_fit(result: ExecutionResult, store: Store) -> Figures:
    """A project's own reader: what Fit left in its metrics."""
    found = [json.loads(text) for text in texts(result.steps["Fit"], "metrics", store)]
    rows = {"Fit": sum(one["rows"] for one in found)} if found else {}
    return Figures(rows, tuple(f"share {one['share']}" for one in found), {"files": len(found)})


@pytest.fixture
def reading(checkout: Any) -> None:
    checkout.project = Project(replace(tables.PROJECT["tables"], figures=rows_of_fit))


def test_the_pipeline_s_figures_are_shown_as_after_a_local_run(
    run: Run, start: Start, client: Callable[[str], Any], pipeline: Wire, reading: None
) -> None:
    execution = f"runs/{start('caches-Clean').rpartition('/')[2]}"
    client("s3").put_object(Bucket=BUCKET, Key=f"{execution}/Clean/rows/a", Body=b"x")
    folder = f"{execution}/Fit"
    content = {
        "metrics/metrics.json": b'{"rows": 120000, "share": 0.02}',
        "metrics/rows.parquet": b"x",
        "model/model.json": b"{}",
    }
    for name, data in content.items():
        client("s3").put_object(Bucket=BUCKET, Key=f"{folder}/{name}", Body=data)
    pipeline.clear()
    result = run()
    assert (result.code, result.err) == (0, "")
    lines = result.out.splitlines()
    assert "Fit         Succeeded                  8  10.0 s  120,000" in lines
    assert "share 0.02" in lines
    read = [call.path for call in pipeline.calls if call.operation == "s3:GetObject"]
    assert read == [f"/{BUCKET}/{folder}/metrics/metrics.json"]

    found = json.loads(run("--json", "--quiet").out)
    assert (found["rows"], found["metrics"], found["notes"]) == ({"Fit": 120000}, {"files": 1}, [])
    assert set(found["cost"]["steps"]) == {"Fit", "Export"}
    pipeline.clear()
    assert run("--quiet").out == ""
    assert not [call for call in pipeline.calls if call.operation.startswith("s3:")]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "no figures: what they are read from isn't among the outputs"),
        (b"{", "the pipeline's figures can't be read: JSONDecodeError: "),
        (b"{}", "the pipeline's figures can't be read: KeyError: 'rows'"),
    ],
)
def test_figures_that_can_not_be_read_fail_nothing(
    run: Run,
    start: Start,
    client: Callable[[str], Any],
    reading: None,
    content: bytes | None,
    words: str,
) -> None:
    key = f"runs/{start().rpartition('/')[2]}/Fit/metrics/metrics.json"
    if content is not None:
        client("s3").put_object(Bucket=BUCKET, Key=key, Body=content)
    result = run()
    assert (result.code, result.err) == (0, "")
    assert words in result.out
    assert ": Succeeded after" in result.out.splitlines()[-1]


def test_who_may_not_read_outputs_watches_all_the_same(
    run: Run, start: Start, pipeline: Wire, reading: None
) -> None:
    start()
    denied = Fault(lambda _, call: call.operation.startswith("s3:"), "AccessDenied", status=403)
    with pipeline.fault(denied):
        result = run()
    assert (result.code, result.err) == (0, "")
    assert "no figures: can't read s3://" in result.out
    assert "Fit         Succeeded          8  10.0 s" in result.out


def test_a_job_whose_cost_can_not_be_told_is_named(run: Run, start: Start, pipeline: Wire) -> None:
    start("retries-Fit")
    denied = Fault(
        lambda _, call: "ProcessingJob" in call.operation and b"-Fit-" in call.body,
        "AccessDeniedException",
    )
    with pipeline.fault(denied):
        result = run()
    assert result.code == 0
    assert "for us-east-1: Clean 0.0007, Export 0.0007" in result.out
    assert "can't describe processing job pipelines-" in result.out
    assert "earlier attempts" not in result.out


def test_another_pipeline_s_execution_is_not_read_by_this_one_s_reader(
    run: Run, client: Callable[[str], Any], pipeline: Wire, definition: str, reading: None
) -> None:
    sagemaker = client("sagemaker")
    sagemaker.create_pipeline(PipelineName="other", PipelineDefinition=definition, RoleArn=ROLE)
    arn = sagemaker.start_pipeline_execution(PipelineName="other")["PipelineExecutionArn"]
    result = run(arn)
    assert result.code == 0
    assert "figures" not in result.out


def test_what_was_written_is_copied(
    run: Run, start: Start, client: Callable[[str], Any], tmp_path: Path
) -> None:
    identity = start("fails-Export").rpartition("/")[2]
    content = {
        "Clean/rows/a/1.csv": b"1,2",
        "Clean/rows/2.csv": b"",
        "Fit/model/m.bin": b"x" * 2**21,
    }
    odd = {"Clean/rows/": b"", "Clean/rows-of-another/x": b"no", "Export/tables/half": b"no"}
    s3 = client("s3")
    for key, data in (content | odd).items():
        s3.put_object(Bucket=BUCKET, Key=f"runs/{identity}/{key}", Body=data)
    result = run("--download", "here")
    assert result.code == 1  # as the execution's end says
    folder = tmp_path / "here"
    assert content == {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }
    assert "copied one file, 2.1 MB, to here/Fit/model" in result.out
    (folder / "Clean/rows/a/1.csv").unlink()
    assert run("--download", "here", "--quiet").code == 1
    assert (folder / "Clean/rows/a/1.csv").read_bytes() == b"1,2"


def test_a_key_that_leads_out_of_the_folder_is_refused(
    run: Run, start: Start, client: Callable[[str], Any], tmp_path: Path
) -> None:
    identity = start().rpartition("/")[2]
    key = f"runs/{identity}/Clean/rows/../../../../evil"
    client("s3").put_object(Bucket=BUCKET, Key=key, Body=b"x")
    result = run("--download", "here")
    assert result.code == 1
    assert "evil can't be copied: no file can be named so" in result.err
    assert not list(tmp_path.rglob("evil"))


def test_only_what_has_ended_is_copied(
    run: Run, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fake_executions, "PACE", 3600.0)
    start()
    result = run("--once", "--download", "here")
    assert result.code == 1
    assert "it is Executing: --download copies what has ended" in result.err


def test_a_failure_is_told_with_its_message_and_the_log_of_each_instance(
    run: Run, start: Start
) -> None:
    start("fails-Fit", FitInstanceCount="11")
    result = run("--log-lines", "3")
    assert result.code == 1
    _, _, end = result.out.partition("Fit failed: ")
    lines = end.splitlines()
    assert lines[0] == "ClientError: AlgorithmError: Fit met a bad recording, exit code: 1"
    assert lines[1] == "  its message: recording a/1.csv has no lead ii"
    hosts = [line.split()[4] for line in lines if line.startswith("  the last lines of")]
    assert hosts == [f"algo-{number}" for number in range(1, 12)]
    first = lines.index(next(line for line in lines if "algo-1 of pipelines-" in line))
    assert lines[first + 1 : first + 4] == [f"    algo-1 line {line}" for line in (38, 39, 40)]
    assert "Failed after 20 s: Step failure" in lines[-1]


def test_no_log_lines_are_read_that_were_not_asked_for(
    run: Run, start: Start, pipeline: Wire
) -> None:
    start("fails-Fit")
    assert "last lines" not in run("--log-lines", "0").out
    assert not [one for one in pipeline.operations if one.startswith("logs:")]


def test_the_gate_says_why_it_closed(run: Run, start: Start) -> None:
    start("gate-closed")
    result = run()
    assert result.code == 1
    assert "Gate: succeeded after 0 s (outcome false)" in result.out
    assert "GateFailed failed: The quality gate stopped this" in result.out


@pytest.mark.parametrize(
    ("wish", "code"), [("ends-CompletedWithFailures", 4), ("plain", 0), ("fails-Clean", 1)]
)
def test_every_ending_has_its_exit_code(run: Run, start: Start, wish: str, code: int) -> None:
    start(wish)
    assert run("--quiet").code == code


@pytest.mark.parametrize(
    "arguments",
    [
        ("--interval", "0"),
        ("--interval", "nan"),
        ("--interval", "x"),
        ("--log-lines", "-1"),
        ("--stop", "--retry"),
    ],
)
def test_a_wrong_command_line(run: Run, arguments: tuple[str, ...]) -> None:
    with pytest.raises(SystemExit) as caught:
        run(*arguments)
    assert caught.value.code == 2


def test_every_final_status_of_the_service_has_an_exit_code() -> None:
    from fake_versions import MODEL

    statuses = MODEL.shape_for("PipelineExecutionStatus").enum
    for status in statuses:
        execution = Execution(ARN, status)
        assert execution.final == (status in watching.EXIT_CODES)
        assert execution.final == (status not in ("Executing", "Stopping"))
    assert len(set(watching.EXIT_CODES.values())) == len(watching.EXIT_CODES)
    for step_status in MODEL.shape_for("StepStatus").enum:
        assert step_status in view.COLOURS


def test_quiet_and_json(run: Run, start: Start) -> None:
    arn = start("fails-Fit")
    result = run("--quiet", "--json")
    found = json.loads(result.out)
    assert result.err == ""
    assert (found["arn"], found["status"], found["version"]) == (arn, "Failed", 1)
    steps = {step["name"]: step for step in found["steps"]}
    assert list(steps) == ["Clean", "Fit"]
    assert steps["Fit"]["instances"] == 8
    assert steps["Fit"]["status"] == "Failed"
    assert steps["Fit"]["reason"].startswith("ClientError: AlgorithmError")
    assert steps["Clean"]["seconds"] == 10.0


def test_once(run: Run, start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fake_executions, "PACE", 3600.0)
    start()
    result = run("--once")
    assert result.code == 0
    assert result.out.splitlines()[-1] == "Clean: executing on 2 instances"


def test_by_id_by_arn_or_the_latest(run: Run, start: Start) -> None:
    first, second = start(), start("fails-Clean")
    assert run().code == 1
    assert run(second).code == 1
    assert run(first).code == 0
    assert run(first.rpartition("/")[2]).code == 0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "pipeline 'tables' has no execution yet; start one with"),
        (("nope",), "there is no execution arn:aws:sagemaker:eu-west-1:123456789012:pipeline/"),
        (("arn:aws:s3:::x",), "'arn:aws:s3:::x' is no execution's ARN"),
        ((ARN.replace(REGION, "us-east-1"),), "is in us-east-1, not eu-west-1; give --region"),
        (("x", "--pipeline-name", "other"), "there is no pipeline 'other' in eu-west-1"),
    ],
)
def test_there_is_no_such_execution(
    run: Run, pipeline: Wire, arguments: tuple[str, ...], words: str
) -> None:
    result = run(*arguments)
    assert (result.code, result.out) == (1, "")
    assert words in result.err
    assert len(result.err.splitlines()) == 1


def test_stop(run: Run, start: Start, pipeline: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    start()
    result = run("--stop")
    assert result.code == watching.EXIT_CODES["Stopped"] == 3
    assert "Clean: stopping on 2 instances" in result.out
    assert result.out.splitlines()[-1].split(":")[1].startswith(" Stopped after")
    assert pipeline.mutations == ["sagemaker:StopPipelineExecution"]
    again = run("--stop")
    assert again.code == 1
    assert "can't be stopped: it is Stopped" in again.err
    assert pipeline.mutations == ["sagemaker:StopPipelineExecution"]


def test_a_stop_whose_answer_is_lost_can_be_repeated(
    run: Run, start: Start, pipeline: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    start()
    fault = Fault(lambda _, call: call.operation.endswith("StopPipelineExecution"), after=True)
    with pipeline.fault(fault):
        assert run("--stop").code == 1
    assert run("--stop").code == 3
    stops = [call.body for call in pipeline.calls if "Stop" in call.operation]
    assert len(stops) == 2
    assert len(set(stops)) == 1


def test_retry_goes_on_where_it_failed(run: Run, start: Start, pipeline: Wire) -> None:
    start("fails-Fit")
    assert run("--quiet").code == 1
    pipeline.clear()
    result = run("--retry")
    assert result.code == 0
    assert pipeline.mutations == ["sagemaker:RetryPipelineExecution"]
    assert "Export: succeeded" in result.out
    assert result.out.splitlines()[-1].split(":")[1].startswith(" Succeeded after")
    again = run("--retry")
    assert again.code == 1
    assert "can't be retried: it succeeded" in again.err


def test_what_can_not_be_retried(run: Run, start: Start, pipeline: Wire) -> None:
    start("gate-closed")
    assert run("--quiet").code == 1
    pipeline.clear()
    assert "its Fail step GateFailed ended it" in run("--retry").err
    assert pipeline.mutations == []
    running = Execution(ARN, "Executing")
    with pytest.raises(ExecutionError, match="it is Executing; wait for its end, or --stop it"):
        remote.retry(None, running)


def test_requests_of_stop_and_retry_fit_the_model_and_repeat_themselves() -> None:
    sagemaker = boto.client("sagemaker", REGION)
    running = Execution(ARN, "Executing")
    failed = Execution(ARN, "Failed", modified=NOW)
    later = Execution(ARN, "Failed", modified=NOW + timedelta(hours=1))
    seen: list[dict[str, Any]] = []
    sagemaker.meta.events.register(
        "before-parameter-build.sagemaker", lambda params, **_: seen.append(dict(params))
    )
    with Stubber(sagemaker) as stubber:
        for operation in ["stop"] * 2 + ["retry"] * 3:
            stubber.add_response(f"{operation}_pipeline_execution", {"PipelineExecutionArn": ARN})
        remote.stop(sagemaker, running)
        remote.stop(sagemaker, running)
        remote.retry(sagemaker, failed)
        remote.retry(sagemaker, failed)
        remote.retry(sagemaker, later)
    tokens = [one["ClientRequestToken"] for one in seen]
    assert all(32 <= len(token) <= 128 for token in tokens)
    assert tokens[0] == tokens[1]
    assert tokens[2] == tokens[3]
    assert len(set(tokens)) == 3  # a retry after another failure is another retry


def test_ctrl_c_stops_watching_and_nothing_else(
    run: Run, start: Start, pipeline: Wire, mocker: MockerFixture
) -> None:
    arn = start()
    mocker.patch("sagepipe.executions.follow.follow", side_effect=KeyboardInterrupt)
    result = run()
    assert result.code == 130
    assert f"the execution goes on: sagepipe watch {arn}" in result.err
    assert pipeline.mutations == []


def test_in_studio_its_own_domain_makes_the_link_where_no_other_is_known(
    start: Start, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, mocker: MockerFixture
) -> None:
    arn = start()
    sagemaker = boto.client("sagemaker", REGION)
    assert remote.read(sagemaker, arn).domain == "fake-domain-id"
    answer = sagemaker.describe_pipeline_execution(PipelineExecutionArn=arn)
    del answer["CreatedBy"]
    mocker.patch.object(sagemaker, "describe_pipeline_execution", return_value=answer)
    assert remote.read(sagemaker, arn).studio_link == ""
    metadata = tmp_path / "resource-metadata.json"
    monkeypatch.setattr(studio, "METADATA", metadata)
    app = f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:app/d-mine/me/JupyterLab/default"
    metadata.write_text(json.dumps({"ResourceArn": app, "DomainId": "d-mine"}))
    assert remote.read(sagemaker, arn).domain == "d-mine"
    for text in ("[]", "", json.dumps({"ResourceArn": app, "DomainId": 3})):
        metadata.write_text(text)
        assert remote.read(sagemaker, arn).domain == ""


def test_a_step_that_waits_in_its_retries_says_why_at_once(
    run: Run, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fake_executions, "PACE", 3600.0)
    start("waits-Clean")
    result = run("--once")
    assert result.code == 0
    assert result.out.splitlines()[-1] == (
        "Clean: executing (attempt 2: ResourceLimitExceeded: the account-level service limit is 0)"
    )
    assert json.loads(run("--once", "--json").out)["steps"][0]["reason"].startswith("ResourceLimit")


def test_the_job_of_the_last_attempt_gives_the_reason_that_the_step_does_not(
    run: Run, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fake_executions, "PACE", 3600.0)
    start("retries-Clean")
    out = run("--once").out
    assert "Clean: executing on 2 instances (attempt 2: InternalServerError: host lost)" in out


def test_a_fault_in_passing_while_it_is_watched(
    run: Run, start: Start, pipeline: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    start()
    seen: list[int] = []

    def now_and_then(index: int, call: Any) -> bool:
        if call.operation.endswith("DescribePipelineExecution"):
            seen.append(index)
        return seen[-1:] == [index] and len(seen) % 2 == 0

    fault = Fault(now_and_then, "RequestThrottledException")  # as botocore knows it
    with pipeline.fault(fault):
        result = run()
    assert (result.code, result.err) == (0, "")
    assert len(seen) > 3


# --- reading -----------------------------------------------------------------------------------


def test_a_job_that_never_wrote_has_no_log(pipeline: Wire) -> None:
    logs = boto.client("logs", REGION)
    assert job_logs.tails(logs, "pipelines-x", 5) == {}


def test_an_empty_page_of_a_log_is_turned() -> None:
    logs = boto.client("logs", REGION)
    stream = {"logGroupName": job_logs.GROUP, "logStreamName": "j/algo-1-1", "limit": 2}
    stream = {**stream, "startFromHead": False}
    with Stubber(logs) as stubber:
        stubber.add_response(
            "describe_log_streams",
            {"logStreams": [{"logStreamName": "j/algo-1-1"}]},
            {"logGroupName": job_logs.GROUP, "logStreamNamePrefix": "j/"},
        )
        stubber.add_response("get_log_events", {"events": [], "nextBackwardToken": "b1"}, stream)
        stubber.add_response(
            "get_log_events",
            {"events": [{"message": "the end\n"}], "nextBackwardToken": "b2"},
            {**stream, "nextToken": "b1"},
        )
        assert job_logs.tails(logs, "j", 2) == {"algo-1": ["the end"]}
        stubber.assert_no_pending_responses()


def test_log_streams_have_the_jobs_true_name_where_its_arn_is_in_lower_case(
    run: Run, start: Start
) -> None:
    start("fails-Fit--lower-case", FitInstanceCount="1")
    out = run("--log-lines", "1").out
    assert "algo-1 line 40" in out
    assert "nothing was logged" not in out


def test_what_can_not_be_read_of_a_job_is_said(run: Run, start: Start, pipeline: Wire) -> None:
    start("fails-Clean")
    denied = Fault(
        lambda _, call: call.operation.startswith("logs:") or "ProcessingJob" in call.operation,
        "AccessDeniedException",
    )
    with pipeline.fault(denied):
        result = run()
    assert result.code == 1
    assert "Clean failed: ClientError" in result.out
    assert "can't describe processing job" in result.out
    assert "can't read the logs of" in result.out
    assert "not allowed" in result.out
    assert ": Failed after" in result.out.splitlines()[-1]


def test_a_step_is_read_from_every_member_that_the_service_gives() -> None:
    source = f"{PIPELINE}/execution/abcdefghijkl"
    job = f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:processing-job/pipelines-x-Fit-y"
    steps = [
        {
            "StepName": "Fit",
            "StepStatus": "Succeeded",
            "StartTime": NOW,
            "EndTime": NOW,
            "AttemptCount": 2,
            "CacheHitResult": {"SourcePipelineExecutionArn": source},
            "Metadata": {"ProcessingJob": {"Arn": job}},
        },
        {
            "StepName": "Gate",
            "StepStatus": "Succeeded",
            "Metadata": {"Condition": {"Outcome": "True"}},
        },
        {"StepName": "Stop", "StepStatus": "Failed", "Metadata": {"Fail": {"ErrorMessage": "low"}}},
        {"StepName": "Train", "StepStatus": "Executing", "Metadata": {"TrainingJob": {"Arn": "x"}}},
        {"StepName": "Odd", "StepStatus": "Starting"},
    ]
    sagemaker = boto.client("sagemaker", REGION)
    with Stubber(sagemaker) as stubber:
        stubber.add_response(
            "describe_pipeline_execution",
            {"PipelineExecutionStatus": "CompletedWithFailures", "PipelineVersionId": 3},
            {"PipelineExecutionArn": ARN},
        )
        stubber.add_response(
            "list_pipeline_execution_steps",
            {"PipelineExecutionSteps": steps},
            {"PipelineExecutionArn": ARN, "SortOrder": "Ascending"},
        )
        execution = remote.read(sagemaker, ARN)
    pca, gate, stop, train, odd = execution.steps
    assert (pca.job, pca.cached_from, pca.attempts) == ("pipelines-x-Fit-y", source, 2)
    assert gate.outcome == "True"
    assert (stop.kind, stop.reason) == ("Fail", "low")
    assert (train.kind, train.job) == ("TrainingJob", "")
    assert (odd.kind, odd.seconds(NOW)) == ("", 0.0)
    assert (execution.version, execution.final) == (3, True)
