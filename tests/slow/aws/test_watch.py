"""python -m pipelines.watch against executions that take their time (fake_executions)."""

from __future__ import annotations

import dataclasses
import io
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import fake_executions
import pytest
from botocore.stub import Stubber
from command_result import Result, Run
from rich.console import Console
from server import ACCOUNT, REGION, ROLE, Server
from wire import Fault, Wire

from sagepipe.aws import boto, studio
from sagepipe.cli import watch
from sagepipe.errors import AwsError, ExecutionError
from sagepipe.executions import jobs, remote, view
from sagepipe.executions.remote import Execution, Step

PIPELINE = f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:pipeline/ecg-pca"
ARN = f"{PIPELINE}/execution/p4jn9xou8a8s"
NOW = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)

Start = Callable[..., str]


@pytest.fixture
def pipeline(server: Server, client: Callable[[str], Any], definition: str, paced: None) -> Wire:
    client("sagemaker").create_pipeline(
        PipelineName="ecg-pca", PipelineDefinition=definition, RoleArn=ROLE
    )
    server.wire.clear()
    return server.wire


@pytest.fixture
def start(pipeline: Wire, client: Callable[[str], Any]) -> Start:
    def start(name: str = "plain", **parameters: str) -> str:
        answer = client("sagemaker").start_pipeline_execution(
            PipelineName="ecg-pca",
            PipelineExecutionDisplayName=name,
            PipelineParameters=[{"Name": key, "Value": one} for key, one in parameters.items()],
        )
        pipeline.clear()
        return str(answer["PipelineExecutionArn"])

    return start


@pytest.fixture
def run(pipeline: Wire, capsys: pytest.CaptureFixture[str]) -> Run:
    """`python -m pipelines.watch` with these arguments, asking often."""

    def run(*arguments: str) -> Result:
        capsys.readouterr()
        code = watch.main(["--interval", "0.01", *arguments])
        return Result(code, *capsys.readouterr())

    return run


def test_to_the_end(run: Run, start: Start) -> None:
    arn = start("nightly--caches-Preprocess", PcaInstanceCount="3")
    result = run()
    assert (result.code, result.err) == (0, "")
    lines = result.out.splitlines()
    assert lines[0].startswith(f"execution {arn.rpartition('/')[2]} (nightly--")
    assert "version 1" in lines[0]
    assert lines[1].startswith("https://studio-fake-domain-id.studio.eu-west-1.sagemaker.aws/")
    assert lines[2:] == [
        "Preprocess: succeeded on 2 instances after 0 s (cached from execution sourceexec00)",
        "Pca: executing on 3 instances",
        "Pca: succeeded on 3 instances after 10 s",
        "QualityGate: succeeded after 0 s (outcome true)",
        "SparkTransform: executing on 2 instances",
        "SparkTransform: succeeded on 2 instances after 10 s",
        f"execution {arn.rpartition('/')[2]}: Succeeded after 20 s",
    ]


def test_a_failure_is_told_with_its_message_and_the_log_of_each_instance(
    run: Run, start: Start
) -> None:
    start("fails-Pca", PcaInstanceCount="11")
    result = run("--log-lines", "3")
    assert result.code == 1
    _, _, end = result.out.partition("Pca failed: ")
    lines = end.splitlines()
    assert lines[0] == "ClientError: AlgorithmError: Pca met a bad recording, exit code: 1"
    assert lines[1] == "  its message: recording a/1.csv has no lead ii"
    hosts = [line.split()[4] for line in lines if line.startswith("  the last lines of")]
    assert hosts == [f"algo-{number}" for number in range(1, 12)]
    first = lines.index(next(line for line in lines if "algo-1 of pipelines-" in line))
    assert lines[first + 1 : first + 4] == [f"    algo-1 line {line}" for line in (38, 39, 40)]
    assert "Failed after 20 s: Step failure" in lines[-1]


def test_no_log_lines_are_read_that_were_not_asked_for(
    run: Run, start: Start, pipeline: Wire
) -> None:
    start("fails-Pca")
    assert "last lines" not in run("--log-lines", "0").out
    assert not [one for one in pipeline.operations if one.startswith("logs:")]


def test_the_gate_says_why_it_closed(run: Run, start: Start) -> None:
    start("gate-closed")
    result = run()
    assert result.code == 1
    assert "QualityGate: succeeded after 0 s (outcome false)" in result.out
    assert "QualityGateFailed failed: The quality gate stopped this" in result.out


@pytest.mark.parametrize(
    ("wish", "code"), [("ends-CompletedWithFailures", 4), ("plain", 0), ("fails-Preprocess", 1)]
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
def test_a_wrong_command_line(
    arguments: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        watch.main(list(arguments))
    assert caught.value.code == 2


def test_every_final_status_of_the_service_has_an_exit_code() -> None:
    from fake_versions import MODEL

    statuses = MODEL.shape_for("PipelineExecutionStatus").enum
    for status in statuses:
        execution = Execution(ARN, status)
        assert execution.final == (status in watch.EXIT_CODES)
        assert execution.final == (status not in ("Executing", "Stopping"))
    assert len(set(watch.EXIT_CODES.values())) == len(watch.EXIT_CODES)
    for step_status in MODEL.shape_for("StepStatus").enum:
        assert step_status in view.COLOURS


def test_quiet_and_json(run: Run, start: Start) -> None:
    arn = start("fails-Pca")
    result = run("--quiet", "--json")
    found = json.loads(result.out)
    assert result.err == ""
    assert (found["arn"], found["status"], found["version"]) == (arn, "Failed", 1)
    steps = {step["name"]: step for step in found["steps"]}
    assert list(steps) == ["Preprocess", "Pca"]
    assert steps["Pca"]["instances"] == 8
    assert steps["Pca"]["status"] == "Failed"
    assert steps["Pca"]["reason"].startswith("ClientError: AlgorithmError")
    assert steps["Preprocess"]["seconds"] == 10.0


def test_once(run: Run, start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fake_executions, "PACE", 3600.0)
    start()
    result = run("--once")
    assert result.code == 0
    assert result.out.splitlines()[-1] == "Preprocess: executing on 2 instances"


def test_by_id_by_arn_or_the_latest(run: Run, start: Start) -> None:
    first, second = start(), start("fails-Preprocess")
    assert run().code == 1
    assert run(second).code == 1
    assert run(first).code == 0
    assert run(first.rpartition("/")[2]).code == 0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "pipeline 'ecg-pca' has no execution yet; start one with"),
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
    assert result.code == watch.EXIT_CODES["Stopped"] == 3
    assert "Preprocess: stopping on 2 instances" in result.out
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
    start("fails-Pca")
    assert run("--quiet").code == 1
    pipeline.clear()
    result = run("--retry")
    assert result.code == 0
    assert pipeline.mutations == ["sagemaker:RetryPipelineExecution"]
    assert "SparkTransform: succeeded" in result.out
    assert result.out.splitlines()[-1].split(":")[1].startswith(" Succeeded after")
    again = run("--retry")
    assert again.code == 1
    assert "can't be retried: it succeeded" in again.err


def test_what_can_not_be_retried(run: Run, start: Start, pipeline: Wire) -> None:
    start("gate-closed")
    assert run("--quiet").code == 1
    pipeline.clear()
    assert "its Fail step QualityGateFailed ended it" in run("--retry").err
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


# --- following ---------------------------------------------------------------------------------


def states(monkeypatch: pytest.MonkeyPatch, *answers: Execution | Exception) -> list[float]:
    """`remote.read` gives these in turn; returns the list that `sleep` fills."""
    left = list(answers)

    def read(_sagemaker: object, _arn: str) -> Execution:
        answer = left.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    monkeypatch.setattr(remote, "read", read)
    return []


def test_following_ends_with_the_execution(monkeypatch: pytest.MonkeyPatch) -> None:
    running, ended = Execution(ARN, "Executing"), Execution(ARN, "Stopped")
    slept = states(monkeypatch, running, running, ended)
    told: list[Execution] = []
    end = watch.follow(None, ARN, told.append, interval=7.0, sleep=slept.append)
    assert end is ended
    assert told == [running, running, ended]
    assert slept == [7.0, 7.0]


def test_a_retry_is_not_taken_for_the_end_that_it_follows(monkeypatch: pytest.MonkeyPatch) -> None:
    before = Execution(ARN, "Failed", modified=NOW)
    after = Execution(ARN, "Failed", modified=NOW + timedelta(seconds=1))
    slept = states(monkeypatch, before, before, Execution(ARN, "Executing"), after)
    end = watch.follow(None, ARN, lambda _: None, interval=1.0, before=NOW, sleep=slept.append)
    assert end is after


def test_a_retry_that_never_shows_is_not_waited_for_without_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before = Execution(ARN, "Failed", modified=NOW)
    slept = states(monkeypatch, *[before] * 11)
    end = watch.follow(None, ARN, lambda _: None, interval=1.0, before=NOW, sleep=slept.append)
    assert end is before
    # once it has been seen running, any end is its own
    slept = states(monkeypatch, before, Execution(ARN, "Executing"), before)
    watch.follow(None, ARN, lambda _: None, interval=1.0, before=NOW, sleep=slept.append)
    assert len(slept) == 2


def test_a_fault_in_passing_does_not_end_it(monkeypatch: pytest.MonkeyPatch) -> None:
    faults = [AwsError("can't describe", code) for code in sorted(watch.PASSING)][:10]
    ended = Execution(ARN, "Succeeded")
    running = Execution(ARN, "Executing")
    slept = states(monkeypatch, *faults, running, *faults, ended)
    assert watch.follow(None, ARN, lambda _: None, interval=1.0, sleep=slept.append) is ended


def test_faults_that_do_not_pass_end_it_and_say_how_to_go_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    slept = states(monkeypatch, *[AwsError("throttled", "Throttling")] * 11)
    with pytest.raises(AwsError, match=r"throttled; the execution goes on: python -m .*watch arn"):
        watch.follow(None, ARN, lambda _: None, interval=1.0, sleep=slept.append)
    assert len(slept) == 10
    slept = states(monkeypatch, AwsError("expired", "ExpiredToken"))
    with pytest.raises(AwsError, match="expired; the execution goes on"):
        watch.follow(None, ARN, lambda _: None, interval=1.0, sleep=slept.append)
    assert slept == []


def test_ctrl_c_stops_watching_and_nothing_else(
    run: Run, start: Start, pipeline: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    arn = start()

    def interrupt(*_: object, **__: object) -> Execution:
        raise KeyboardInterrupt

    monkeypatch.setattr(watch, "follow", interrupt)
    result = run()
    assert result.code == 130
    assert f"the execution goes on: python -m pipelines.watch {arn}" in result.err
    assert pipeline.mutations == []


# --- showing -----------------------------------------------------------------------------------

STEPS = (
    Step("Preprocess", "ProcessingJob", "Succeeded", NOW, NOW + timedelta(seconds=65), job="a"),
    Step("Pca", "ProcessingJob", "Executing", NOW, attempts=2, job="b"),
)


def test_a_terminal_gets_a_table_with_what_is_still_waiting() -> None:
    out = io.StringIO()
    console = Console(file=out, force_terminal=True, width=100, color_system=None)
    shown = view.View(console, ["Preprocess", "Pca", "SparkTransform"], lambda _: 8)
    with shown:
        shown(Execution(ARN, "Executing", steps=STEPS))
    console.print(shown.table(Execution(ARN, "Failed", steps=STEPS)))
    text = out.getvalue()
    for words in ("Preprocess", "Executing", "1 min 05 s", "attempt 2", "waiting", "not run", "8"):
        assert words in text


def test_steps_that_the_definition_lacks_are_shown_too() -> None:
    console = Console(file=io.StringIO(), width=100)
    table = view.View(console, [], lambda _: 0).table(Execution(ARN, "Executing", steps=STEPS))
    assert table.row_count == 2


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(-1, "0 s"), (0.4, "0 s"), (59.6, "1 min 00 s"), (3599, "59 min 59 s"), (7800, "2 h 10 min")],
)
def test_durations(seconds: float, words: str) -> None:
    assert view.duration(seconds) == words


def test_a_studio_link_only_where_the_domain_is_known() -> None:
    execution = Execution(ARN, "Executing", domain="d-abc123")
    assert execution.studio_link == (
        "https://studio-d-abc123.studio.eu-west-1.sagemaker.aws"
        "/pipelines/view/ecg-pca/executions/p4jn9xou8a8s/graph"
    )
    assert dataclasses.replace(execution, domain="").studio_link == ""


def test_in_studio_its_own_domain_makes_the_link(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    metadata = tmp_path / "resource-metadata.json"
    monkeypatch.setattr(studio, "METADATA", metadata)
    plain, elsewhere = Execution(ARN, "Executing"), Execution(ARN, "Executing", domain="d-other")
    assert watch._placed(plain) == plain
    app = f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:app/d-mine/me/JupyterLab/default"
    metadata.write_text(json.dumps({"ResourceArn": app, "DomainId": "d-mine"}))
    assert watch._placed(plain).domain == "d-mine"
    assert watch._placed(elsewhere).domain == "d-other"
    metadata.write_text(json.dumps({"ResourceArn": app}))
    assert watch._placed(plain).studio_link == ""


# --- reading -----------------------------------------------------------------------------------


def test_a_job_that_never_wrote_has_no_log(pipeline: Wire) -> None:
    logs = boto.client("logs", REGION)
    assert jobs.log_tails(logs, "pipelines-x", 5) == {}


def test_an_empty_page_of_a_log_is_turned() -> None:
    logs = boto.client("logs", REGION)
    stream = {"logGroupName": jobs.LOG_GROUP, "logStreamName": "j/algo-1-1", "limit": 2}
    stream = {**stream, "startFromHead": False}
    with Stubber(logs) as stubber:
        stubber.add_response(
            "describe_log_streams",
            {"logStreams": [{"logStreamName": "j/algo-1-1"}]},
            {"logGroupName": jobs.LOG_GROUP, "logStreamNamePrefix": "j/"},
        )
        stubber.add_response("get_log_events", {"events": [], "nextBackwardToken": "b1"}, stream)
        stubber.add_response(
            "get_log_events",
            {"events": [{"message": "the end\n"}], "nextBackwardToken": "b2"},
            {**stream, "nextToken": "b1"},
        )
        assert jobs.log_tails(logs, "j", 2) == {"algo-1": ["the end"]}
        stubber.assert_no_pending_responses()


def test_what_can_not_be_read_of_a_job_is_said(run: Run, start: Start, pipeline: Wire) -> None:
    start("fails-Preprocess")
    denied = Fault(
        lambda _, call: call.operation.startswith("logs:") or "ProcessingJob" in call.operation,
        "AccessDeniedException",
    )
    with pipeline.fault(denied):
        result = run()
    assert result.code == 1
    assert "Preprocess failed: ClientError" in result.out
    assert "can't describe processing job" in result.out
    assert "can't read the logs of" in result.out
    assert "not allowed" in result.out
    assert ": Failed after" in result.out.splitlines()[-1]


def test_a_step_is_read_from_every_member_that_the_service_gives() -> None:
    source = f"{PIPELINE}/execution/abcdefghijkl"
    job = f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:processing-job/pipelines-x-Pca-y"
    steps = [
        {
            "StepName": "Pca",
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
    assert (pca.job, pca.cached_from, pca.attempts) == ("pipelines-x-Pca-y", source, 2)
    assert gate.outcome == "True"
    assert (stop.kind, stop.reason) == ("Fail", "low")
    assert (train.kind, train.job) == ("TrainingJob", "")
    assert (odd.kind, odd.seconds(NOW)) == ("", 0.0)
    assert (execution.version, execution.final) == (3, True)
