"""The engine from Python and pytest, as users test their own pipelines with it."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

import sagepipe.local
from sagepipe.errors import LocalError, ParameterError, StoreError
from sagepipe.local.events import ExecutionStarted, Status

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
    result = sagepipe.local.run(
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
    result = sagepipe.local.run(definition, store=store, objects=objects, buckets={"in": data})
    assert result.status is Status.FAILED
    assert result.steps["Upper"].reason == "AlgorithmError: , exit code: 4"
    assert result.reason == "step Upper failed: AlgorithmError: , exit code: 4"
    assert result.keys("s3://out/") == []
    (data / "fail").unlink()
    again = sagepipe.local.resume(store)  # the folder for bucket `in` is remembered
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
    for given in (Pipeline(), plain, str(answer)):
        result = sagepipe.local.run(given, store=tmp_path / "store", objects=OBJECTS)
        assert result.succeeded, result.reason


def test_objects_may_be_files_and_folders(definition: Json, tmp_path: Path) -> None:
    (tmp_path / "data" / "deep").mkdir(parents=True)
    (tmp_path / "data" / "a.txt").write_text("x")
    (tmp_path / "data" / "deep" / "b.txt").write_text("y")
    (tmp_path / "upper.py").write_text(SCRIPT)
    objects = {"s3://code/upper.py": tmp_path / "upper.py", "s3://in/": tmp_path / "data"}
    result = sagepipe.local.run(definition, store=tmp_path / "store", objects=objects)
    assert result.succeeded, result.reason
    assert result.keys("s3://in/") == ["a.txt", "deep/b.txt"]
    for wrong in ({"s3://in": tmp_path / "data"}, {"s3://in/x": tmp_path / "none"}):
        with pytest.raises(StoreError):
            sagepipe.local.run(definition, store=tmp_path / "store", objects=wrong)


def test_mistakes_are_exceptions_before_anything_starts(definition: Json, tmp_path: Path) -> None:
    store = tmp_path / "store"
    with pytest.raises(ParameterError, match="did you mean Times"):
        sagepipe.local.run(definition, store=store, parameters={"Time": 1})
    with pytest.raises(LocalError, match="can't be read"):
        sagepipe.local.run(tmp_path / "none.json", store=store)
    with pytest.raises(LocalError, match="no pipeline definition"):
        sagepipe.local.run({}, store=store)
    assert not store.exists()


def test_setting_stop_ends_it(definition: Json, tmp_path: Path) -> None:
    stop = threading.Event()
    threading.Timer(0.5, stop.set).start()
    objects = {**OBJECTS, "s3://code/upper.py": "import time; time.sleep(60)"}
    result = sagepipe.local.run(definition, store=tmp_path / "s", objects=objects, stop=stop)
    assert result.status is Status.STOPPED


USERS_TEST = """
pytest_plugins = ["sagepipe.local.pytest_plugin"]

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
        "import sys, sagepipe.local; sagepipe.local.run; heavy = "
        "{'sagemaker', 'boto3', 'botocore', 'numpy', 'rich'}; print([*heavy & set(sys.modules)])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.stdout.strip() == "[]", done.stderr
