"""Any definition: from a file, with steps left out or stood in for, as its users run it."""

from __future__ import annotations

import io
import json
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sagepipe.cli.frame import run_verb
from sagepipe.deploy import deployed
from sagepipe.errors import DefinitionError, LocalError, ParameterError, UnsupportedError
from sagepipe.language.validate import parse
from sagepipe.local.choices import Choices
from sagepipe.local.events import Status, StepChanged

Json = Any
Make = Callable[..., Json]
CODE = "/opt/ml/processing/input/code"
ROLE = "arn:aws:iam::111122223333:role/r"


def processing(
    name: str,
    script: str = "show.py",
    arguments: list[Json] | None = None,
    inputs: list[Json] | None = None,
    **settings: Json,
) -> Json:
    """A step as the SDK writes one; its script lies in bucket `code`."""

    def s3(item: str, uri: Json, path: str) -> Json:
        source = {"S3DataType": "S3Prefix", "S3InputMode": "File", "S3CompressionType": "None"}
        return {
            "InputName": item,
            "AppManaged": False,
            "S3Input": {"S3Uri": uri, "LocalPath": path, **source},
        }

    output = {
        "OutputName": "out",
        "AppManaged": False,
        "S3Output": {
            "S3Uri": f"s3://results/{name}",
            "LocalPath": "/opt/ml/processing/output/out",
            "S3UploadMode": "EndOfJob",
        },
    }
    specification: Json = {
        "ImageUri": "111122223333.dkr.ecr.eu-west-1.amazonaws.com/i:1",
        "ContainerEntrypoint": ["python3", f"{CODE}/{script}"],
    }
    if arguments:
        specification["ContainerArguments"] = arguments
    request = {
        "ProcessingResources": {
            "ClusterConfig": {
                "InstanceCount": 1,
                "InstanceType": "ml.m5.large",
                "VolumeSizeInGB": 30,
            }
        },
        "AppSpecification": specification,
        "RoleArn": ROLE,
        "ProcessingInputs": [*(inputs or []), s3("code", f"s3://code/{script}", CODE)],
        "ProcessingOutputConfig": {"Outputs": [output]},
        "Environment": {"ML": "/opt/ml"},
    }
    return {"Name": name, "Type": "Processing", "Arguments": request, **settings}


def uri_of(step: str) -> Json:
    return {"Get": f"Steps.{step}.ProcessingOutputConfig.Outputs['out'].S3Output.S3Uri"}


TRAINING = {
    "Name": "Train",
    "Type": "Training",
    "Arguments": {"OutputDataConfig": {"S3OutputPath": "s3://models/here"}},
}
SHOW = """
    import os, sys
    out = os.environ["ML"] + "/processing/output/out/words"
    open(out, "w").write(" ".join(sys.argv[1:]))
    print("showing", *sys.argv[1:])
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Folders for two buckets, the working folder, and a definition to be."""
    for name in ("code", "results", "work"):
        (tmp_path / name).mkdir()
    (tmp_path / "code" / "show.py").write_text(textwrap.dedent(SHOW))
    return tmp_path


@pytest.fixture
def call(folder: Path, capfd: pytest.CaptureFixture[str]) -> Callable[..., Any]:
    """Writes a definition and runs the command on it; its exit code, result and messages."""

    def made(*steps: Json, options: tuple[object, ...] = (), **members: Json) -> Any:
        path = folder / "my-pipeline.json"
        document = {"Version": "2020-12-01", "Steps": list(steps), **members}
        path.write_text(json.dumps(document))
        return call_with("--definition", path, *options)

    def call_with(*options: object) -> Any:
        buckets = ("--bucket", f"code={folder / 'code'}:ro", "--bucket")
        store = ("--store", folder / "store", "--json")
        arguments = [*buckets, f"results={folder / 'results'}", *store, *options]
        code = run_verb("run", [str(argument) for argument in arguments])
        captured = capfd.readouterr()
        assert "Traceback" not in captured.err
        return code, json.loads(captured.out) if captured.out else None, captured.err

    made.plain = call_with  # type: ignore[attr-defined]
    return made


Call = Callable[..., Any]


def test_a_definition_runs_on_folders_as_buckets(call: Call, folder: Path) -> None:
    parameters = [{"Name": "Word", "Type": "String", "DefaultValue": "hello"}]
    words = [{"Get": "Parameters.Word"}, {"Get": "Execution.PipelineName"}]
    code, result, said = call(
        processing("Show", arguments=words), Parameters=parameters, options=("-p", "Word=bye")
    )
    assert code == 0, said
    assert (folder / "results" / "Show" / "words").read_text() == "bye my-pipeline"
    assert result["pipeline"] == "my-pipeline"
    assert result["steps"]["Show"]["paths"] == {"out": str(folder / "results" / "Show")}
    assert "Show: succeeded" in said


def test_describe_pipelines_answer_is_a_definition_too(folder: Path, call: Call) -> None:
    definition = {"Version": "2020-12-01", "Steps": [processing(n) for n in ("A", "B")]}
    answer = {
        "PipelineName": "from-the-service",
        "PipelineDefinition": json.dumps(definition),
        "ParallelismConfiguration": {"MaxParallelExecutionSteps": 1},
    }
    path = folder / "answer.json"
    path.write_text(json.dumps(answer))
    code, result, said = call.plain("--definition", path)  # type: ignore[attr-defined]
    assert code == 0, said
    assert result["pipeline"] == "from-the-service"
    lines = [line for line in said.splitlines() if line.startswith(("A:", "B:"))]
    assert [line.split()[1] for line in lines] == ["started", "succeeded"] * 2


def test_a_deployed_pipeline_is_fetched_with_its_scripts(
    folder: Path, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = f"code/{'0a' * 32}/show.py"
    step = processing("Show", arguments=["fetched"])
    inputs = step["Arguments"]["ProcessingInputs"]
    inputs[0]["S3Input"]["S3Uri"] = f"s3://artifacts/prefix/{script}"
    answer = {
        "PipelineName": "theirs",
        "PipelineDefinition": json.dumps({"Version": "2020-12-01", "Steps": [step]}),
    }
    asked: list[Any] = []

    class S3:
        def get_object(self, **what: str) -> Json:
            asked.append(what)
            return {"Body": io.BytesIO(textwrap.dedent(SHOW).encode())}

    def describe(client: Any, name: str) -> Json:
        return answer if name == "theirs" else None

    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    monkeypatch.setattr(deployed, "describe", describe)
    regions: list[str] = []

    def client(service: str, region: str) -> S3:
        regions.append(region)
        return S3()

    monkeypatch.setattr("sagepipe.aws.boto.client", client)
    for options in ((), ("--region", "eu-central-1")):  # the second time they are there
        regions.clear()
        code, result, said = call.plain(  # type: ignore[attr-defined]
            "--definition-of", "theirs", *options
        )
        assert set(regions) == {options[1] if options else "eu-west-1"}
        assert code == 0, said
        assert result["pipeline"] == "theirs"
    assert asked == [{"Bucket": "artifacts", "Key": f"prefix/{script}"}]
    code, _, said = call.plain("--definition-of", "others")  # type: ignore[attr-defined]
    assert code == 1
    assert said.splitlines()[-1] == (
        "error: there is no pipeline 'others' in eu-west-1; check the name and --region"
    )


def test_what_the_service_would_refuse_is_refused_or_said(call: Call) -> None:
    step = processing("Show")
    step["Arguments"]["AppSpecification"]["ContainerArguments"] = ["x" * 300]
    code, result, said = call(step)
    assert (code, result) == (1, None)
    assert "300" in said
    code, _, said = call(step, options=("--unchecked",))
    assert "the service would refuse this" in said
    assert code == 1  # the job itself is refused in the end
    assert "has 300 characters; make it at most 256" in said


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "is not JSON"),
        ("[]", "is no pipeline definition"),
        ('{"Version": "2020-12-01"}', "is no pipeline definition"),
        (None, "No such file"),
    ],
)
def test_files_that_hold_no_definition(
    folder: Path, call: Call, text: str | None, message: str
) -> None:
    path = folder / "x.json"
    if text is not None:
        path.write_text(text)
    code, result, said = call.plain("--definition", path)  # type: ignore[attr-defined]
    assert (code, result) == (1, None)
    assert message in said
    assert said.count("\n") == 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--input", "x"), "--input is for a pipeline of the project"),
        (("--definition-of", "x"), "give one of them"),
        (("--resume",), "--resume goes on with"),
        (("--only", "A", "--from-step", "A"), "not allowed with argument"),
    ],
)
def test_options_that_do_not_go_together(
    call: Call, options: tuple[str, ...], message: str, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        call(processing("A"), options=options)
    assert ended.value.code == 2
    assert message in capfd.readouterr().err


def test_steps_that_cannot_be_run_are_named_and_can_be_left_out(call: Call) -> None:
    steps = (processing("A"), TRAINING, processing("B", DependsOn=["Train"]))
    code, result, said = call(*steps)
    assert (code, result) == (1, None)
    assert "cannot run Train (Training)" in said
    assert "--skip Train" in said
    assert "--stub Train=DIR" in said
    code, result, said = call(*steps, options=("--skip", "Train"))
    assert code == 0, said
    statuses = {name: step["status"] for name, step in result["steps"].items()}
    assert statuses == {"A": "Succeeded", "Train": "Skipped", "B": "Succeeded"}


def test_a_skipped_step_whose_property_is_needed(call: Call) -> None:
    target = "Steps.Train.ModelArtifacts.S3ModelArtifacts"
    evaluate = processing("Evaluate", arguments=[{"Get": target}])
    code, _, said = call(TRAINING, evaluate, options=("--skip", "Train"))
    assert code == 1
    assert f"Evaluate needs {target}, and --skip leaves Train out" in said
    code, result, _ = call(TRAINING, evaluate, options=("--skip", "Train", "--skip", "Evaluate"))
    assert code == 0
    assert result["steps"]["Evaluate"]["status"] == "Skipped"


def test_a_stub_of_a_training_step_has_a_model(call: Call, folder: Path) -> None:
    stub = folder / "model"
    stub.mkdir()
    (stub / "model.tar.gz").write_text("a model")
    target = "Steps.Train.ModelArtifacts.S3ModelArtifacts"
    steps = (TRAINING, processing("Evaluate", arguments=[{"Get": target}]))
    code, result, said = call(*steps, options=("--stub", f"Train={stub}"))
    assert code == 0, said
    uri = (folder / "results" / "Evaluate" / "words").read_text()
    assert uri.startswith("s3://models/here/pipelines-")
    key = uri.removeprefix("s3://")
    assert (folder / "store" / key).read_text() == "a model"
    assert result["steps"]["Train"]["reused"] == "stub"


def test_a_stub_of_a_processing_step_has_its_outputs(call: Call, folder: Path) -> None:
    stub = folder / "made-before"
    (stub / "out" / "deep").mkdir(parents=True)
    (stub / "out" / "deep" / "a").write_text("from the stub")
    (stub / "properties.json").write_text('{"ExitMessage": "said before"}')
    words = [uri_of("First"), {"Get": "Steps.First.ExitMessage"}]
    first = processing("First", script="missing.py")
    code, _, said = call(
        first, processing("Show", arguments=words), options=("--stub", f"First={stub}")
    )
    assert code == 0, said
    assert (folder / "results/Show/words").read_text() == "s3://results/First said before"
    assert (folder / "results/First/deep/a").read_text() == "from the stub"


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda path: None, "is not a folder"),
        (lambda path: path.mkdir(), "it has no folder 'out'"),
        (
            lambda path: (
                (path / "out").mkdir(parents=True),
                (path / "properties.json").write_text("{"),
            ),
            "is not JSON",
        ),
    ],
)
def test_stubs_are_checked_before_anything_starts(
    call: Call, folder: Path, make: Callable[[Path], Any], message: str
) -> None:
    make(folder / "stub")
    code, result, said = call(processing("A"), options=("--stub", f"A={folder / 'stub'}"))
    assert (code, result) == (1, None)
    assert message in said


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--skip", "Shwo"), "--skip Shwo: the definition has no such step; did you mean Show?"),
        (("--stub", "X=."), "--stub X: the definition has no such step"),
        (("--stub", "X"), "write --stub NAME=VALUE"),
        (("--logs", "X"), "--logs X: the definition has no such step"),
        (("--fault", "X=Step.THROTTLING"), "--fault X: the definition has no such step"),
        (("--env", "NO_SUCH_VARIABLE_HERE"), "there is no such variable"),
        (("--bucket", "x"), "write --bucket NAME=DIR"),
        (("--image", "x"), "write --image URI=COMMAND"),
    ],
)
def test_names_that_are_wrong(call: Call, options: tuple[str, ...], message: str) -> None:
    code, result, said = call(processing("Show"), options=options)
    assert (code, result) == (1, None)
    assert message in said


def test_logs_are_streamed(call: Call) -> None:
    code, _, said = call(
        processing("Show", arguments=["these", "words"]), options=("--logs", "Show")
    )
    assert code == 0
    assert "Show algo-1 | showing these words" in said


def test_tries_are_told(call: Call) -> None:
    policy = {"ExceptionType": ["SageMaker.CAPACITY_ERROR"], "IntervalSeconds": 30}
    step = processing("Show", RetryPolicies=[policy])
    options = ("--no-wait", "--fault", "Show=SageMaker.CAPACITY_ERROR")
    code, result, said = call(step, options=options)
    assert code == 0, said
    assert "Show: attempt 2 follows at once (SageMaker.CAPACITY_ERROR" in said
    assert result["steps"]["Show"]["attempts"] == 2


def test_variables_are_passed_only_when_asked(
    call: Call, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = """
        import json, os
        out = os.environ["ML"] + "/processing/output/out/env"
        json.dump({k: v for k, v in os.environ.items() if k.startswith("AWS_")}, open(out, "w"))
    """
    (folder / "code" / "env.py").write_text(textwrap.dedent(script))
    monkeypatch.setenv("AWS_PROFILE", "mine")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    seen = folder / "results" / "Env" / "env"
    assert call(processing("Env", script="env.py"))[0] == 0
    assert json.loads(seen.read_text()) == {}
    options = ("--env", "AWS_PROFILE", "--env", "AWS_REGION=eu-west-1")
    assert call(processing("Env", script="env.py"), options=options)[0] == 0
    assert json.loads(seen.read_text()) == {"AWS_PROFILE": "mine", "AWS_REGION": "eu-west-1"}


def test_a_failure_says_how_to_go_on(call: Call, folder: Path) -> None:
    (folder / "code" / "bad.py").write_text("import sys; print('no luck'); sys.exit(3)")
    code, result, said = call(processing("Show"), processing("Bad", script="bad.py"))
    assert code == 1
    assert "Bad failed: AlgorithmError: , exit code: 3" in said
    assert "no luck" in said
    assert "with the code mended or another parameter: python -m pipelines.run" in said
    assert said.splitlines()[-1].endswith("--from-step Bad (not run again: Show)")
    (folder / "code" / "bad.py").write_text("")
    code, again, said = call.plain("--resume")  # type: ignore[attr-defined]
    assert code == 0, said
    assert again["execution_id"] == result["execution_id"]
    assert "Show: done before; the result of execution" in said
    assert "s3://code/bad.py has changed since the execution began; it is used as it is now" in said


def test_a_cache_hit_says_what_it_saved(folder: Path, call: Call) -> None:
    step = processing("Show", CacheConfig={"Enabled": True, "ExpireAfter": "P1D"})
    _, first, _ = call(step)
    code, second, said = call(step)
    assert code == 0
    assert f"Show: cached; the result of execution {first['execution_id']} is taken, " in said
    assert " s saved" in said
    assert second["steps"]["Show"]["paths"] == {"out": str(folder / "results" / "Show")}
    code, third, _ = call(step, options=("--no-cache",))
    assert third["steps"]["Show"]["reused"] == ""


# --- the definition itself ------------------------------------------------------------------


def fail(name: str, **settings: Json) -> Json:
    return {"Name": name, "Type": "Fail", "Arguments": {"ErrorMessage": "x"}, **settings}


def condition(name: str, then: list[Json], otherwise: list[Json], **settings: Json) -> Json:
    equal = {"Type": "Equals", "LeftValue": {"Get": "Parameters.Go"}, "RightValue": True}
    arguments = {"Conditions": [equal], "IfSteps": then, "ElseSteps": otherwise}
    return {"Name": name, "Type": "Condition", "Arguments": arguments, **settings}


@pytest.mark.parametrize(
    ("steps", "message"),
    [
        (
            [
                fail("A", DependsOn=["B"]),
                processing("B", DependsOn=["C"]),
                processing("C", DependsOn=["B"]),
            ],
            "closes a cycle: [BC] waits for [CB] waits for [BC]",
        ),
        ([processing("A", DependsOn=["A"])], "closes a cycle: A waits for A"),
        ([processing("A", DependsOn=["X"])], "there is no step 'X'"),
        (
            [fail("F"), processing("A", DependsOn=["F"])],
            "F is a fail step; nothing can depend on it",
        ),
        (
            [condition("C", [processing("A")], [processing("A")])],
            "stands in C.IfSteps and in C.ElseSteps",
        ),
    ],
)
def test_orders_that_cannot_be(steps: list[Json], message: str) -> None:
    with pytest.raises(DefinitionError, match=message):
        parse({"Steps": steps})


def test_conditions_nest(lab: Any) -> None:
    inner = condition("Inner", [lab.step("Yes", "")], [lab.step("No", "")])
    outer = condition("Outer", [inner], [lab.step("Other", "")])
    declared = [{"Name": "Go", "Type": "Boolean", "DefaultValue": True}]
    result = lab.run(outer, parameters=declared)
    ran = {name for name, step in result.steps.items() if step.status is Status.SUCCEEDED}
    assert ran == {"Outer", "Inner", "Yes"}
    result = lab.run(outer, parameters=declared, given={"Go": "false"})
    ran = {name for name, step in result.steps.items() if step.status is Status.SUCCEEDED}
    assert ran == {"Outer", "Other"}


def test_a_skipped_condition_takes_its_branches_along(lab: Any) -> None:
    gate = condition("Gate", [lab.step("Yes", "")], [fail("No")])
    declared = [{"Name": "Go", "Type": "Boolean", "DefaultValue": False}]
    after = lab.step("After", "", DependsOn=["Gate"])
    result = lab.run(gate, after, parameters=declared, choices=Choices(skip=("Gate",)))
    assert result.status is Status.SUCCEEDED
    statuses = {name: step.status for name, step in result.steps.items()}
    assert statuses == {
        "Gate": Status.SKIPPED,
        "Yes": Status.SKIPPED,
        "No": Status.SKIPPED,
        "After": Status.SUCCEEDED,
    }


def test_a_skipped_step_of_an_untaken_branch_is_not_run(lab: Any) -> None:
    gate = condition("Gate", [lab.step("Yes", "")], [])
    after = lab.step("After", "", DependsOn=["Yes"])
    declared = [{"Name": "Go", "Type": "Boolean", "DefaultValue": False}]
    result = lab.run(gate, after, parameters=declared, choices=Choices(skip=("Yes",)))
    assert result.steps["Yes"].status is Status.NOT_RUN
    assert result.steps["After"].status is Status.NOT_RUN


def test_other_steps_finish_when_a_fail_step_ends_the_execution(lab: Any) -> None:
    """As documented: what runs is let finish; nothing new starts."""
    slow = lab.step("Slow", "import time; time.sleep(0.5)")
    result = lab.run(slow, lab.step("Next", "", DependsOn=["Slow"]), fail("F"))
    assert result.status is Status.FAILED
    assert result.steps["Slow"].status is Status.SUCCEEDED
    assert result.steps["Next"].status is Status.NOT_RUN


def test_execution_variables(lab: Any, make_output: Make) -> None:
    names = ("ProcessingJobName", "PipelineName", "PipelineExecutionArn", "PipelineArn")
    words = [{"Get": f"Execution.{name}"} for name in (*names, "StartDateTime", "CurrentDateTime")]
    step = lab.step(
        "Show",
        SHOW,
        arguments=words,
        outputs=[make_output("out", "s3://out/e")],
        environment={"ML": "/opt/ml"},
    )
    result = lab.run(step)
    assert result.status is Status.SUCCEEDED, result.reason
    job, name, arn, pipeline, began, now = lab.get("s3://out/e/words").split()
    assert job == result.steps["Show"].properties["ProcessingJobName"]
    assert (name, arn) == ("lab", f"{pipeline}/execution/{result.execution_id}")
    assert began == result.started
    assert now >= began


def test_members_that_only_the_service_uses_are_kept(lab: Any) -> None:
    """They are in the job's description, and so among the step's properties."""
    step = lab.step("A", "", ExperimentConfig={"TrialComponentDisplayName": "x"})
    step["Arguments"]["Tags"] = [{"Key": "k", "Value": "v"}]
    result = lab.run(step)
    assert result.steps["A"].properties["Tags"] == [{"Key": "k", "Value": "v"}]


def test_nothing_is_told_before_the_checks_are_done(lab: Any) -> None:
    with pytest.raises(UnsupportedError):
        lab.run(lab.step("A", ""), choices=Choices(skip=("X",)))
    with pytest.raises(ParameterError):
        lab.run(lab.step("A", ""), given={"X": "1"})
    with pytest.raises(LocalError):
        lab.run(lab.step("A", ""), choices=Choices(stubs={"A": Path("/no/such/folder")}))
    assert lab.told(StepChanged) == []
