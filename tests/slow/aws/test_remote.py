"""Starting the deployed pipeline: checked first, started once, watched to its end."""

from __future__ import annotations

import argparse
import io
import json
from collections.abc import Callable
from typing import Any

import fake_executions
import pytest
from botocore.stub import Stubber
from rich.console import Console
from server import ACCOUNT, REGION
from wire import Fault, Wire

from sagepipe.aws import boto
from sagepipe.cli import start
from sagepipe.cli.start import Start
from sagepipe.errors import AwsError, ExecutionError, ParameterError, SagepipeError

PIPELINE = f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:pipeline/ecg-pca"

Run = Callable[..., int]


@pytest.fixture
def pipeline(two_versions: Wire, paced: None) -> Wire:
    return two_versions


@pytest.fixture
def run(pipeline: Wire) -> Run:
    """What `python -m pipelines.run --on sagemaker` does with these arguments."""
    parser = argparse.ArgumentParser()
    for name in ("--source", "--from-step", "--input"):
        parser.add_argument(name)
    parser.add_argument("--only", nargs="+", default=[])
    parser.add_argument("--max-parallel-steps", type=int)
    parser.add_argument("--json", action="store_true")
    start.add_arguments(parser)

    def run(*arguments: str, out: io.StringIO | None = None, **parameters: str) -> int:
        console = Console(file=out or io.StringIO(), highlight=False)
        chosen = parser.parse_args(["--interval", "0.01", *arguments])
        return start.run(chosen, parameters, console)

    return run


def started(pipeline: Wire) -> list[dict[str, Any]]:
    return [json.loads(call.body) for call in pipeline.calls if "StartPipeline" in call.operation]


def executions_of(client: Callable[[str], Any]) -> list[str]:
    answer = client("sagemaker").list_pipeline_executions(PipelineName="ecg-pca")
    return [one["PipelineExecutionArn"] for one in answer["PipelineExecutionSummaries"]]


def test_start(run: Run, pipeline: Wire) -> None:
    out = io.StringIO()
    assert run("--display-name", "first-run", out=out, Leads="i,ii", Seed="3") == 0
    (request,) = started(pipeline)
    token = request.pop("ClientRequestToken")
    assert 32 <= len(token) <= 128
    assert request == {
        "PipelineName": "ecg-pca",
        "PipelineExecutionDisplayName": "first-run",
        "PipelineParameters": [
            {"Name": "Leads", "Value": "i,ii"},
            {"Name": "Seed", "Value": "3"},
        ],
    }
    assert f"started {PIPELINE}/execution/" in out.getvalue()
    assert "python -m pipelines.watch " in out.getvalue()
    assert pipeline.operations == ["sagemaker:DescribePipeline", "sagemaker:StartPipelineExecution"]


def test_a_version_or_an_alias(run: Run, pipeline: Wire) -> None:
    assert run("--version", "1") == 0
    assert run("--alias", "live", Whiten="true") == 0
    first, second = started(pipeline)
    assert first["PipelineVersionId"] == 1
    assert second["PipelineVersionAlias"] == "live"
    # checked against that version's definition, not the latest
    with pytest.raises(ParameterError, match="'Whiten' is not in the definition"):
        run("--version", "1", Whiten="true")


@pytest.mark.parametrize(
    ("arguments", "parameters", "words"),
    [
        ((), {"Lead": "i"}, "'Lead' is not in the definition; did you mean Leads?"),
        ((), {"Seed": "three"}, "'Seed' takes a whole number, not 'three'"),
        ((), {"Fill": "none"}, "'none' is not one of zero, interpolate, drop"),
        ((), {"Leads": ""}, "is empty, which the service refuses"),
        (("--version", "9"), {}, "no pipeline 'ecg-pca', version 9 in eu-west-1; see python -m"),
        (("--alias", "dev"), {}, "no pipeline 'ecg-pca', alias 'dev'"),
        (
            ("--pipeline-name", "other"),
            {},
            "no pipeline 'other' in eu-west-1; deploy it: python -m",
        ),
        (("--display-name", "a_b"), {}, "1 to 82 letters, digits and hyphens"),
        (("--display-name", ""), {}, "1 to 82 letters, digits and hyphens"),
        (("--display-name", "a" * 83), {}, "1 to 82 letters, digits and hyphens"),
        (("--only", "Spark"), {}, "no such step; there are Preprocess, Pca"),
        (("--only", "preprocess"), {}, "did you mean Preprocess?"),
        (("--only", "Pca", "SparkTransform"), {}, "must run too; add QualityGate"),
        (("--only", "Preprocess", "SparkTransform"), {}, "must run too; add Pca QualityGate"),
        (("--only", "Pca"), {}, "has no execution yet that succeeded or failed; run all of it"),
        (("--from-step", "pca"), {}, "--from-step pca: the pipeline has no such step; did you"),
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
    with pytest.raises(SagepipeError) as caught:
        run(*arguments, **parameters)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)
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
        assert run("--token", "ci-4711", Seed="1") == 0
    assert len(executions_of(client)) == 1
    # another request is another start, and so is another name
    assert run("--token", "ci-4711", Seed="2") == 0
    assert run("--token", "ci-4712", Seed="1") == 0
    assert run(Seed="1") == 0
    assert run(Seed="1") == 0
    assert len(executions_of(client)) == 5


def test_a_lost_answer_is_repeated_with_the_token_that_the_error_names(
    run: Run, pipeline: Wire, client: Callable[[str], Any]
) -> None:
    lost = Fault(lambda _, call: "StartPipeline" in call.operation, after=True)
    with pipeline.fault(lost), pytest.raises(AwsError) as caught:
        run(Seed="1")
    assert "may have started: repeat it with --token" in str(caught.value)
    token = str(caught.value).partition("--token ")[2].partition(",")[0]
    assert run("--token", token, Seed="1") == 0
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
        assert run(Seed="1") == 0
    assert len({one["ClientRequestToken"] for one in started(pipeline)}) == 1
    assert len(started(pipeline)) == 2
    assert len(executions_of(client)) == 1


@pytest.mark.parametrize("code", ["AccessDeniedException", "ResourceLimitExceeded"])
def test_a_refusal_is_not_called_a_maybe(run: Run, pipeline: Wire, code: str) -> None:
    refused = Fault(
        lambda _, call: "StartPipeline" in call.operation, code, message="20 are running"
    )
    with pipeline.fault(refused), pytest.raises(AwsError) as caught:
        run()
    assert "--token" not in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("wish", "code"), [("plain", 0), ("fails-Pca", 1), ("gate-closed", 1)])
def test_wait(run: Run, wish: str, code: int) -> None:
    out = io.StringIO()
    assert run("--wait", "--display-name", wish, out=out) == code
    assert "Preprocess: succeeded" in out.getvalue()


def test_json(run: Run, client: Callable[[str], Any], capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--json") == 0
    assert json.loads(capsys.readouterr().out) == {"arn": executions_of(client)[0]}
    assert run("--json", "--wait") == 0
    assert json.loads(capsys.readouterr().out)["status"] == "Succeeded"


def test_only_takes_the_other_steps_outputs_from_the_latest_that_ended(
    run: Run, pipeline: Wire, client: Callable[[str], Any]
) -> None:
    assert run("--wait", "--display-name", "fails-SparkTransform") == 1
    failed = executions_of(client)[0]
    assert run("--wait") == 0
    latest = executions_of(client)[0]
    pipeline.clear()
    out = io.StringIO()
    assert run("--only", "SparkTransform", "--wait", out=out) == 0
    assert "Preprocess:" not in out.getvalue()
    assert run("--only", "Pca", "QualityGate", "SparkTransform", "--source", failed) == 0
    first, second = (one["SelectiveExecutionConfig"] for one in started(pipeline))
    assert first == {
        "SelectedSteps": [{"StepName": "SparkTransform"}],
        "SourcePipelineExecutionArn": latest,
    }
    assert second["SourcePipelineExecutionArn"] == failed
    names = [one["StepName"] for one in second["SelectedSteps"]]
    assert names == ["Pca", "QualityGate", "SparkTransform"]


def test_only_steps_that_need_no_others_have_no_source(run: Run, pipeline: Wire) -> None:
    assert run("--only", "Preprocess", "Preprocess", "Pca") == 0
    (request,) = started(pipeline)
    assert request["SelectiveExecutionConfig"] == {
        "SelectedSteps": [{"StepName": "Preprocess"}, {"StepName": "Pca"}]
    }


def test_from_a_step_on(run: Run, pipeline: Wire) -> None:
    assert run("--from-step", "Preprocess", "--wait") == 0
    assert run("--from-step", "QualityGate") == 0
    first, second = (one["SelectiveExecutionConfig"] for one in started(pipeline))
    assert "SourcePipelineExecutionArn" not in first
    assert len(first["SelectedSteps"]) == 5
    names = {one["StepName"] for one in second["SelectedSteps"]}
    assert names == {"QualityGate", "SparkTransform", "QualityGateFailed"}
    assert second["SourcePipelineExecutionArn"].startswith(f"{PIPELINE}/execution/")


def test_parallelism_is_passed_on(run: Run, pipeline: Wire) -> None:
    assert run("--max-parallel-steps", "2") == 0
    (request,) = started(pipeline)
    assert request["ParallelismConfiguration"] == {"MaxParallelExecutionSteps": 2}


def test_options_that_do_not_go_together() -> None:
    from sagepipe.cli import run_arguments

    parser = run_arguments.parser("")
    if not any("--on" in action.option_strings for action in parser._actions):
        start.add_arguments(parser)

    def conflict(*arguments: str) -> str | None:
        return start.conflict(parser.parse_args(arguments), parser)

    assert conflict("--on", "sagemaker", "--only", "Pca", "-p", "Seed=1", "--json") is None
    assert conflict("--input", "x", "--skip", "Pca") is None
    wrong = conflict("--on", "sagemaker", "--input", "x") or ""
    assert wrong.startswith("--input is for runs on this machine")
    wrong = conflict("--on", "sagemaker", "--no-cache") or ""
    assert wrong.startswith("--no-cache is for runs on this machine")
    assert conflict("--wait") == "--wait goes with --on sagemaker"
    # every option of a local run is either shared or refused
    shared = {"help", "parameter", "quiet", "json", "only", "from_step", "source", "on", "region",
              "max_parallel_steps", "pipeline_name", "config", "interval"}  # fmt: skip
    known = {action.dest for action in parser._actions}
    assert known == shared | set(start._LOCAL_ONLY) | set(start._REMOTE_ONLY)


def test_a_source_must_have_ended(
    run: Run, pipeline: Wire, client: Callable[[str], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fake_executions, "PACE", 3600.0)
    assert run() == 0
    source = executions_of(client)[0].rpartition("/")[2]
    with pytest.raises(ExecutionError, match=f"--source {source} is Executing; it must have"):
        run("--only", "Pca", "--source", source)
    with pytest.raises(ExecutionError, match="no execution yet that succeeded or failed"):
        run("--only", "Pca")


def test_the_request_fits_the_service_model(definition: str) -> None:
    sagemaker = boto.client("sagemaker", REGION)
    wanted = Start(
        "ecg-pca", {"Seed": "1"}, alias="live", display_name="a-b", only=("Preprocess",), token="t"
    )
    with Stubber(sagemaker) as stubber:
        stubber.add_response(
            "describe_pipeline",
            {"PipelineArn": PIPELINE, "PipelineDefinition": definition},
            {"PipelineName": "ecg-pca", "PipelineVersionAlias": "live"},
        )
        arn = f"{PIPELINE}/execution/p4jn9xou8a8s"
        stubber.add_response("start_pipeline_execution", {"PipelineExecutionArn": arn})
        assert start.start(sagemaker, wanted) == arn
        stubber.assert_no_pending_responses()
