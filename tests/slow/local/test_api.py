"""The engine from Python and pytest, as users test their own pipelines with it."""

from __future__ import annotations

import argparse
import copy
import inspect
import json
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest

import sagepipe
from sagepipe.cli import run
from sagepipe.errors import (
    DefinitionError,
    LocalError,
    ParameterError,
    SettingsError,
    StoreError,
)
from sagepipe.language.s3 import Location
from sagepipe.local import api
from sagepipe.local.events import ExecutionStarted, Remark, Status
from sagepipe.local.source import InputFolder, Source

Json = Any
ROOT = Path(__file__).resolve().parents[3]
CODE = "/opt/ml/processing/input/code"

SCRIPT = """
import os, sys
base = os.environ["BASE"]
text = open(base + "/in/a.txt").read()
print("read", text)
open(base + "/out/upper.txt", "w").write(text.upper() * int(sys.argv[1]))
if os.path.exists(base + "/in/fail"):
    sys.exit(4)
"""


def source(name: str, uri: str, path: str) -> Json:
    kinds = {"S3DataType": "S3Prefix", "S3InputMode": "File"}
    return {"InputName": name, "S3Input": {"S3Uri": uri, "LocalPath": path, **kinds}}


@pytest.fixture
def definition() -> Json:
    base = "/opt/ml/processing"
    target = {"S3Uri": "s3://out/upper", "LocalPath": f"{base}/out", "S3UploadMode": "EndOfJob"}
    times = {"Std:Join": {"On": "", "Values": [{"Get": "Parameters.Times"}]}}
    step = {
        "Name": "Upper",
        "Type": "Processing",
        "Arguments": {
            "AppSpecification": {
                "ImageUri": "image",
                "ContainerEntrypoint": ["python3", f"{CODE}/upper.py"],
                "ContainerArguments": [times],
            },
            "Environment": {"BASE": base},
            "ProcessingInputs": [
                source("in", "s3://in/", f"{base}/in"),
                source("code", "s3://code/upper.py", CODE),
            ],
            "ProcessingOutputConfig": {"Outputs": [{"OutputName": "out", "S3Output": target}]},
            "ProcessingResources": {
                "ClusterConfig": {
                    "InstanceCount": 1,
                    "InstanceType": "ml.t3.medium",
                    "VolumeSizeInGB": 1,
                }
            },
        },
    }
    declared = [{"Name": "Times", "Type": "Integer", "DefaultValue": 1}]
    return {"Version": "2020-12-01", "Parameters": declared, "Steps": [step]}


OBJECTS = {"s3://code/upper.py": SCRIPT, "s3://in/a.txt": "abc"}


def test_a_run_and_its_result(definition: Json, tmp_path: Path) -> None:
    heard: list[Any] = []
    result = sagepipe.run(
        definition,
        store=tmp_path / "store",
        parameters={"Times": 2},
        objects=OBJECTS,
        on_event=heard.append,
    )
    assert result.succeeded, result.reason
    step = result.steps["Upper"]
    assert (step.outputs["out"] / "upper.txt").read_text() == "ABCABC"
    assert step.uris == {"out": "s3://out/upper"}
    assert step.logs == {"algo-1": "read abc\n"}
    assert 0 < step.seconds <= result.seconds
    assert step.properties["ProcessingJobStatus"] == "Completed"
    assert result.read("s3://out/upper/upper.txt") == b"ABCABC"
    assert result.keys("s3://out/") == ["upper/upper.txt"]
    assert result.parameters == {"Times": 2}
    assert list(result.events) == heard
    assert isinstance(heard[0], ExecutionStarted)


def test_a_failure_is_a_result_and_can_be_resumed(definition: Json, tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    (data / "a.txt").write_text("x")
    (data / "fail").touch()
    objects = {"s3://code/upper.py": SCRIPT}
    store = tmp_path / "store"
    result = sagepipe.run(definition, store=store, objects=objects, buckets={"in": f"{data}:ro"})
    assert result.status is Status.FAILED
    assert result.steps["Upper"].reason == "AlgorithmError: , exit code: 4"
    assert result.reason == "step Upper failed: AlgorithmError: , exit code: 4"
    assert result.keys("s3://out/") == []
    (data / "fail").unlink()
    again = sagepipe.resume(store=store)  # the folder for bucket `in` is remembered
    assert again.succeeded, again.reason
    assert again.execution_id == result.execution_id


def test_what_a_definition_may_be(definition: Json, tmp_path: Path) -> None:
    class Pipeline:
        name = "from-the-sdk"

        def definition(self) -> str:
            return json.dumps(definition)

    plain, answer = tmp_path / "plain.json", tmp_path / "answer.json"
    plain.write_text(json.dumps(definition))
    answer.write_text(json.dumps({"PipelineDefinition": json.dumps(definition)}))
    for given in (Pipeline(), plain, str(answer), json.dumps(definition), definition):
        result = sagepipe.run(given, store=tmp_path / "store", objects=OBJECTS)
        assert result.succeeded, result.reason


def test_objects_may_be_files_and_folders(definition: Json, tmp_path: Path) -> None:
    (tmp_path / "data" / "deep").mkdir(parents=True)
    (tmp_path / "data" / "a.txt").write_text("x")
    (tmp_path / "data" / "deep" / "b.txt").write_text("y")
    (tmp_path / "upper.py").write_text(SCRIPT)
    objects = {"s3://code/upper.py": tmp_path / "upper.py", "s3://in/": tmp_path / "data"}
    result = sagepipe.run(definition, store=tmp_path / "store", objects=objects)
    assert result.succeeded, result.reason
    assert result.keys("s3://in/") == ["a.txt", "deep/b.txt"]
    for wrong in ({"s3://in": tmp_path / "data"}, {"s3://in/x": tmp_path / "none"}):
        with pytest.raises(StoreError):
            sagepipe.run(definition, store=tmp_path / "store", objects=wrong)


def test_mistakes_are_exceptions_before_anything_starts(definition: Json, tmp_path: Path) -> None:
    store = tmp_path / "store"
    with pytest.raises(ParameterError, match="did you mean Times"):
        sagepipe.run(definition, store=store, parameters={"Time": 1})
    with pytest.raises(LocalError, match="can't be read"):
        sagepipe.run(tmp_path / "none.json", store=store)
    with pytest.raises(LocalError, match="no pipeline definition"):
        sagepipe.run({}, store=store)
    assert not store.exists()


def test_setting_stop_ends_it(definition: Json, tmp_path: Path) -> None:
    stop = threading.Event()
    threading.Timer(0.5, stop.set).start()
    objects = {**OBJECTS, "s3://code/upper.py": "import time; time.sleep(60)"}
    result = sagepipe.run(definition, store=tmp_path / "s", objects=objects, stop=stop)
    assert result.status is Status.STOPPED


class Sample:
    """A file of the pipeline's own, for who has none."""

    parameters = MappingProxyType({"Times": "4"})

    def make(self, folder: Path, progress: Callable[[int, int], None]) -> int:
        if (folder / "a.txt").exists():
            return 0
        folder.mkdir(parents=True)
        (folder / "a.txt").write_text("sample ")
        progress(1, 1)
        return 1


class Pipeline:
    """A pipeline of a project's: it knows where its input is, and brings its script."""

    def __init__(self, definition: Json, sample: Sample | None = None) -> None:
        document = copy.deepcopy(definition)
        for name, value in (("Bucket", "in"), ("Prefix", "tables/")):
            declared = {"Name": name, "Type": "String", "DefaultValue": value}
            document["Parameters"].append(declared)
        values = ["s3:/", {"Get": "Parameters.Bucket"}, {"Get": "Parameters.Prefix"}]
        joined = {"Std:Join": {"On": "/", "Values": values}}
        document["Steps"][0]["Arguments"]["ProcessingInputs"][0]["S3Input"]["S3Uri"] = joined
        self._source = Source(
            document,
            "mine",
            objects=((Location("code", "upper.py"), SCRIPT.encode()),),
            max_parallel_steps=1,
            input=InputFolder("Bucket", "Prefix", sample),
        )

    def source(self) -> Source:
        return self._source


def upper(result: sagepipe.Result) -> str:
    return (result.steps["Upper"].outputs["out"] / "upper.txt").read_text()


def test_a_projects_pipeline_on_a_folder_of_ones_own(definition: Json, tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    (data / "a.txt").write_text("mine ")
    pipeline = Pipeline(definition, Sample())
    result = sagepipe.run(pipeline, input=data, store=tmp_path / "store", Times=2)
    assert result.succeeded, result.reason
    assert upper(result) == "MINE MINE "
    assert result.pipeline == "mine"
    assert sorted(path.name for path in data.iterdir()) == ["a.txt"]
    assert not any(path.name == "in" for path in (tmp_path / "store").iterdir())
    (data / "fail").touch()
    failed = sagepipe.run(pipeline, input=data, store=tmp_path / "store")
    (data / "fail").unlink()
    again = sagepipe.resume(store=tmp_path / "store")  # the folder is remembered
    assert again.execution_id == failed.execution_id
    assert upper(again) == "MINE "


def test_a_projects_pipeline_on_its_sample(definition: Json, tmp_path: Path) -> None:
    pipeline = Pipeline(definition, Sample())
    first = sagepipe.run(pipeline, store=tmp_path / "store")
    assert upper(first) == "SAMPLE " * 4  # the parameter that fits the sample
    said = [event.text for event in first.events if isinstance(event, Remark)]
    assert said[0] == "preparing the definition …"
    assert said[1:] == [
        "generating input: 1 of 1",
        f"the sample lies in {tmp_path / 'store' / 'in' / 'tables'}",
    ]
    second = sagepipe.run(pipeline, store=tmp_path / "store", Times=1)
    assert upper(second) == "SAMPLE "
    data = tmp_path / "data"
    (data / "tables").mkdir(parents=True)
    (data / "tables" / "a.txt").write_text("mine ")
    third = sagepipe.run(pipeline, store=tmp_path / "store", buckets={"in": f"{data}:ro"})
    assert upper(third) == "MINE "  # and the definition's own default


def test_a_folder_goes_before_the_bucket_that_it_stands_in(
    definition: Json, tmp_path: Path
) -> None:
    for name in ("bucket", "mine"):
        (tmp_path / name).mkdir()
        (tmp_path / name / f"{name}.txt").touch()
    (tmp_path / "mine" / "a.txt").write_text("mine ")
    result = sagepipe.run(
        Pipeline(definition, Sample()),
        input=tmp_path / "mine",
        buckets={"in": f"{tmp_path / 'bucket'}:ro"},
        store=tmp_path / "store",
    )
    assert upper(result) == "MINE "
    assert result.keys("s3://in/") == ["bucket.txt", "tables/a.txt", "tables/mine.txt"]


def test_input_has_to_be_there_and_to_have_a_place(definition: Json, tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    (empty / "deep").mkdir(parents=True)
    store = tmp_path / "store"
    for what, folder, message in (
        (Pipeline(definition), tmp_path / "none", "is not a folder"),
        (Pipeline(definition), empty, "has no files"),
        (definition, empty, "doesn't say which of its parameters name its input"),
    ):
        with pytest.raises(SettingsError, match=message):
            sagepipe.run(what, input=folder, store=store)
    assert not store.exists()


def test_both_doors_refuse_what_the_service_would(definition: Json, tmp_path: Path) -> None:
    definition["Steps"][0]["Nonsense"] = 1
    store = tmp_path / "store"
    with pytest.raises(DefinitionError, match="Nonsense"):
        sagepipe.run(definition, store=store, objects=OBJECTS)
    assert not store.exists()
    result = sagepipe.run(definition, store=store, objects=OBJECTS, unchecked=True)
    assert result.succeeded
    [said] = [event.text for event in result.events if isinstance(event, Remark)]
    assert said.startswith("the service would refuse this: step 'Upper'")


def test_a_parameter_is_given_once(definition: Json, tmp_path: Path) -> None:
    options: Any = {"store": tmp_path / "store", "objects": OBJECTS}
    result = sagepipe.run(definition, Times=3, **options)
    assert upper(result) == "ABCABCABC"
    with pytest.raises(ParameterError, match="'Times' is given twice"):
        sagepipe.run(definition, parameters={"Times": 1}, Times=3, **options)


def test_what_is_nothing_to_run_is_said(tmp_path: Path) -> None:
    for what, message in (
        (5, "int '5' is nothing that can be run"),
        ("{", "the text is not JSON"),
        ("[]", "can't be read"),
        ({"Steps": 5}, "no pipeline definition"),
        (tmp_path, "can't be read: Is a directory"),
        ({"PipelineDefinition": "x"}, "PipelineDefinition is not JSON"),
    ):
        with pytest.raises(LocalError, match=message):
            sagepipe.run(what, store=tmp_path / "store")  # type: ignore[arg-type]


def test_what_is_compiled_is_kept_in_one_place_for_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert api.compiled() == tmp_path / "sagepipe"
    monkeypatch.setenv("XDG_CACHE_HOME", "")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert api.compiled() == tmp_path / ".cache" / "sagepipe"


def test_the_command_and_python_take_the_same() -> None:
    """Every parameter of `run` is an option of the command, or not for a command line."""
    parser = argparse.ArgumentParser()
    run.add_arguments(parser)
    options = {action.dest for action in parser._actions}
    named = {
        "what": "definition",
        "parameters": "parameter",
        "buckets": "bucket",
        "stubs": "stub",
        "images": "image",
        "environment": "env",
        "wait": "no_wait",
        "faults": "fault",
    }
    python_only = {"objects", "name", "on_event", "stop", "more"}
    taken = set(inspect.signature(sagepipe.run).parameters) - python_only
    assert {named.get(name, name) for name in taken} <= options


USERS_TEST = """
pytest_plugins = ["sagepipe.pytest_plugin"]

def test_my_pipeline(run_pipeline):
    objects = {{"s3://code/upper.py": {script!r}, "s3://in/a.txt": "abc"}}
    result = run_pipeline({definition!r}, parameters={{"Times": 3}}, objects=objects)
    assert result.succeeded, result.reason
    assert (result.steps["Upper"].outputs["out"] / "upper.txt").read_text() == "ABCABCABC"
    again = run_pipeline({definition!r}, objects={{}})
    assert again.execution_id != result.execution_id
"""


def test_the_fixture_in_a_users_test(definition: Json, tmp_path: Path) -> None:
    test = tmp_path / "test_mine.py"
    test.write_text(USERS_TEST.format(script=SCRIPT, definition=definition))
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir"]
    done = subprocess.run(
        [*command, str(tmp_path), "-o", f"pythonpath={ROOT}", str(test)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 passed" in done.stdout


def test_importing_it_is_light() -> None:
    """Neither the SDK nor boto3, numpy or rich come along."""
    code = (
        "import sys, sagepipe; sagepipe.run; heavy = "
        "{'sagemaker', 'boto3', 'botocore', 'numpy', 'rich'}; print([*heavy & set(sys.modules)])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.stdout.strip() == "[]", done.stderr
