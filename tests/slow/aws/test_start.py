"""Starting the deployed pipeline: checked first, started once, watched to its end."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import fake_executions
import pytest
from botocore.stub import Stubber
from command_result import Result, Run
from server import ACCOUNT, REGION
from wire import Fault, Wire

from sagepipe.aws import boto
from sagepipe.executions.start import Start, start

PIPELINE = f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:pipeline/tables"


@pytest.fixture
def pipeline(two_versions: Wire, paced: None) -> Wire:
    return two_versions


@pytest.fixture
def run(pipeline: Wire, cli: Callable[..., Result]) -> Run:
    """`sagepipe start` with these arguments and parameters, asking often."""

    def run(*arguments: str, **parameters: str) -> Result:
        given = [f"-p{name}={value}" for name, value in parameters.items()]
        return cli("start", "--interval", "0.01", *given, *arguments)

    return run


def started(pipeline: Wire) -> list[dict[str, Any]]:
    return [json.loads(call.body) for call in pipeline.calls if "StartPipeline" in call.operation]


def executions_of(client: Callable[[str], Any]) -> list[str]:
    answer = client("sagemaker").list_pipeline_executions(PipelineName="tables")
    return [one["PipelineExecutionArn"] for one in answer["PipelineExecutionSummaries"]]


def test_start(run: Run, pipeline: Wire) -> None:
    result = run("--display-name", "first-run", Columns="i,ii", Seed="3")
    assert (result.code, result.err) == (0, "")
    (request,) = started(pipeline)
    token = request.pop("ClientRequestToken")
    assert 32 <= len(token) <= 128
    assert request == {
        "PipelineName": "tables",
        "PipelineExecutionDisplayName": "first-run",
        "PipelineParameters": [
            {"Name": "Columns", "Value": "i,ii"},
            {"Name": "Seed", "Value": "3"},
        ],
    }
    assert f"started {PIPELINE}/execution/" in result.out
    assert "watch it with: sagepipe watch arn:" in result.out
    assert pipeline.operations == ["sagemaker:DescribePipeline", "sagemaker:StartPipelineExecution"]


def test_a_version_or_an_alias(run: Run, pipeline: Wire) -> None:
    assert run("--version", "1").code == 0
    assert run("--alias", "live", Scale="true").code == 0
    first, second = started(pipeline)
    assert first["PipelineVersionId"] == 1
    assert second["PipelineVersionAlias"] == "live"
    # checked against that version's definition, not the latest
    result = run("--version", "1", Scale="true")
    assert result.code == 1
    assert "'Scale' is not in the definition" in result.err


@pytest.mark.parametrize(
    ("arguments", "parameters", "words"),
    [
        ((), {"Column": "i"}, "'Column' is not in the definition; did you mean Columns?"),
        ((), {"Seed": "three"}, "'Seed' takes a whole number, not 'three'"),
        ((), {"Fill": "none"}, "'none' is not one of zero, interpolate, drop"),
        ((), {"Columns": ""}, "is empty, which the service refuses"),
        (("--version", "9"), {}, "no pipeline 'tables', version 9 in eu-west-1; see sagepipe"),
        (("--alias", "dev"), {}, "no pipeline 'tables', alias 'dev'"),
        (
            ("--pipeline-name", "other"),
            {},
            "no pipeline 'other' in eu-west-1; deploy it: sagepipe",
        ),
        (("--display-name", "a_b"), {}, "1 to 82 letters, digits and hyphens"),
        (("--display-name", ""), {}, "1 to 82 letters, digits and hyphens"),
        (("--display-name", "a" * 83), {}, "1 to 82 letters, digits and hyphens"),
        (("--only", "Spark"), {}, "no such step; there are Clean, Fit"),
        (("--only", "clean"), {}, "did you mean Clean?"),
        (("--only", "Fit", "Export"), {}, "must run too; add Gate"),
        (("--only", "Clean", "Export"), {}, "must run too; add Fit Gate"),
        (("--only", "Fit"), {}, "has no execution yet that succeeded or failed; run all of it"),
        (("--from-step", "fit"), {}, "--from-step fit: the pipeline has no such step; did you"),
        (("--source", "x"), {}, "--source needs --only or --from-step"),
    ],
)
def test_a_mistake_starts_nothing(
    run: Run,
    pipeline: Wire,
    arguments: tuple[str, ...],
    parameters: dict[str, str],
    words: str,
) -> None:
    result = run(*arguments, **parameters)
    assert (result.code, result.out) == (1, "")
    assert words in result.err
    assert len(result.err.splitlines()) == 1
    assert pipeline.mutations == []


@pytest.mark.parametrize(
    "option",
    [
        ("--version", "0"),
        ("--version", "x"),
        ("--alias", ""),
        ("--alias", "a b"),
        ("--version", "1", "--alias", "live"),
    ],
)
def test_a_wrong_command_line(run: Run, option: tuple[str, ...]) -> None:
    with pytest.raises(SystemExit) as caught:
        run(*option)
    assert caught.value.code == 2


def test_the_same_token_starts_nothing_twice(
    run: Run, pipeline: Wire, client: Callable[[str], Any]
) -> None:
    for _ in range(3):
        assert run("--token", "ci-4711", Seed="1").code == 0
    assert len(executions_of(client)) == 1
    # another request is another start, and so is another name
    assert run("--token", "ci-4711", Seed="2").code == 0
    assert run("--token", "ci-4712", Seed="1").code == 0
    assert run(Seed="1").code == 0
    assert run(Seed="1").code == 0
    assert len(executions_of(client)) == 5


def test_a_lost_answer_is_repeated_with_the_token_that_the_error_names(
    run: Run, pipeline: Wire, client: Callable[[str], Any]
) -> None:
    lost = Fault(lambda _, call: "StartPipeline" in call.operation, after=True)
    with pipeline.fault(lost):
        result = run(Seed="1")
    assert result.code == 1
    assert "may have started: repeat it with --token" in result.err
    token = result.err.partition("--token ")[2].partition(",")[0]
    assert run("--token", token, Seed="1").code == 0
    assert len(executions_of(client)) == 1


def test_the_client_itself_repeats_a_lost_call_with_the_same_token(
    run: Run, pipeline: Wire, client: Callable[[str], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "3")
    once: list[int] = []

    def first_time(index: int, call: Any) -> bool:
        if "StartPipeline" in call.operation:
            once.append(index)
        return len(once) == 1 and "StartPipeline" in call.operation

    with pipeline.fault(Fault(first_time, after=True)):
        assert run(Seed="1").code == 0
    assert len({one["ClientRequestToken"] for one in started(pipeline)}) == 1
    assert len(started(pipeline)) == 2
    assert len(executions_of(client)) == 1


@pytest.mark.parametrize("code", ["AccessDeniedException", "ResourceLimitExceeded"])
def test_a_refusal_is_not_called_a_maybe(run: Run, pipeline: Wire, code: str) -> None:
    refused = Fault(
        lambda _, call: "StartPipeline" in call.operation, code, message="20 are running"
    )
    with pipeline.fault(refused):
        result = run()
    assert result.code == 1
    assert "--token" not in result.err
    assert len(result.err.splitlines()) == 1


@pytest.mark.parametrize(("wish", "code"), [("plain", 0), ("fails-Fit", 1), ("gate-closed", 1)])
def test_wait(run: Run, wish: str, code: int) -> None:
    result = run("--wait", "--display-name", wish)
    assert result.code == code
    assert "Clean: succeeded" in result.out


def test_json(run: Run, client: Callable[[str], Any]) -> None:
    assert json.loads(run("--json").out) == {"arn": executions_of(client)[0]}
    assert json.loads(run("--json", "--wait").out)["status"] == "Succeeded"


def test_only_takes_the_other_steps_outputs_from_the_latest_that_ended(
    run: Run, pipeline: Wire, client: Callable[[str], Any]
) -> None:
    assert run("--wait", "--display-name", "fails-Export").code == 1
    failed = executions_of(client)[0]
    assert run("--wait").code == 0
    latest = executions_of(client)[0]
    pipeline.clear()
    result = run("--only", "Export", "--wait")
    assert result.code == 0
    assert "Clean:" not in result.out
    assert run("--only", "Fit", "Gate", "Export", "--source", failed).code == 0
    first, second = (one["SelectiveExecutionConfig"] for one in started(pipeline))
    assert first == {
        "SelectedSteps": [{"StepName": "Export"}],
        "SourcePipelineExecutionArn": latest,
    }
    assert second["SourcePipelineExecutionArn"] == failed
    names = [one["StepName"] for one in second["SelectedSteps"]]
    assert names == ["Fit", "Gate", "Export"]


def test_only_steps_that_need_no_others_have_no_source(run: Run, pipeline: Wire) -> None:
    assert run("--only", "Clean", "Clean", "Fit").code == 0
    (request,) = started(pipeline)
    assert request["SelectiveExecutionConfig"] == {
        "SelectedSteps": [{"StepName": "Clean"}, {"StepName": "Fit"}]
    }


def test_from_a_step_on(run: Run, pipeline: Wire) -> None:
    assert run("--from-step", "Clean", "--wait").code == 0
    assert run("--from-step", "Gate").code == 0
    first, second = (one["SelectiveExecutionConfig"] for one in started(pipeline))
    assert "SourcePipelineExecutionArn" not in first
    assert len(first["SelectedSteps"]) == 5
    names = {one["StepName"] for one in second["SelectedSteps"]}
    assert names == {"Gate", "Export", "GateFailed"}
    assert second["SourcePipelineExecutionArn"].startswith(f"{PIPELINE}/execution/")


def test_parallelism_is_passed_on(run: Run, pipeline: Wire) -> None:
    assert run("--max-parallel-steps", "2").code == 0
    (request,) = started(pipeline)
    assert request["ParallelismConfiguration"] == {"MaxParallelExecutionSteps": 2}


def test_a_source_must_have_ended(
    run: Run, pipeline: Wire, client: Callable[[str], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fake_executions, "PACE", 3600.0)
    assert run().code == 0
    source = executions_of(client)[0].rpartition("/")[2]
    result = run("--only", "Fit", "--source", source)
    assert f"--source {source} is Executing; it must have" in result.err
    assert "no execution yet that succeeded or failed" in run("--only", "Fit").err


def test_the_request_fits_the_service_model(definition: str) -> None:
    sagemaker = boto.client("sagemaker", REGION)
    wanted = Start(
        "tables", {"Seed": "1"}, alias="live", display_name="a-b", only=("Clean",), token="t"
    )
    with Stubber(sagemaker) as stubber:
        stubber.add_response(
            "describe_pipeline",
            {"PipelineArn": PIPELINE, "PipelineDefinition": definition},
            {"PipelineName": "tables", "PipelineVersionAlias": "live"},
        )
        arn = f"{PIPELINE}/execution/p4jn9xou8a8s"
        stubber.add_response("start_pipeline_execution", {"PipelineExecutionArn": arn})
        assert start(sagemaker, wanted) == arn
        stubber.assert_no_pending_responses()
