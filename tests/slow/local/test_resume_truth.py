"""What is said after a failure, and what a resumed execution runs with."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import sagepipe
from sagepipe.language.s3 import Location
from sagepipe.local import record
from sagepipe.local.events import Remark, Reused, Status

Json = Any
Make = Callable[..., Json]
ROOT = Path(__file__).resolve().parents[3]
CODE = "/opt/ml/processing/input/code"

SCRIPT = """
import os, sys
base = os.environ["BASE"]
n = sys.argv[sys.argv.index("--times") + 1]
open(base + "/out/x", "w").write(os.environ.get("EXTRA", "") + n)
if os.path.exists(os.environ["SWITCH"] + "/fail-" + sys.argv[1]):
    open(os.environ["BASE"].replace("processing", "output/message"), "w").write("bad --times")
    sys.exit(4)
"""


def processing(name: str, switch: Path, cache: bool, after: tuple[str, ...]) -> Json:
    base = "/opt/ml/processing"
    kinds = {"S3DataType": "S3Prefix", "S3InputMode": "File"}
    values = ["s3://out", {"Get": "Execution.PipelineExecutionId"}, name]
    uri = {"Std:Join": {"On": "/", "Values": values}}
    return {
        "Name": name,
        "Type": "Processing",
        "DependsOn": list(after),
        **({"CacheConfig": {"Enabled": True, "ExpireAfter": "P1D"}} if cache else {}),
        "Arguments": {
            "AppSpecification": {
                "ImageUri": "image",
                "ContainerEntrypoint": ["python3", f"{CODE}/script.py"],
                "ContainerArguments": [
                    name,
                    "--times",
                    {"Std:Join": {"On": "", "Values": [{"Get": "Parameters.Times"}]}},
                    "--last",
                ],
            },
            "Environment": {"BASE": base, "SWITCH": str(switch)},
            "ProcessingInputs": [
                {
                    "InputName": "code",
                    "S3Input": {"S3Uri": "s3://code/script.py", "LocalPath": CODE, **kinds},
                }
            ],
            "ProcessingOutputConfig": {
                "Outputs": [
                    {
                        "OutputName": "out",
                        "S3Output": {
                            "S3Uri": uri,
                            "LocalPath": f"{base}/out",
                            "S3UploadMode": "EndOfJob",
                        },
                    }
                ]
            },
            "ProcessingResources": {
                "ClusterConfig": {
                    "InstanceCount": 1,
                    "InstanceType": "ml.t3.medium",
                    "VolumeSizeInGB": 1,
                }
            },
            "RoleArn": "arn:aws:iam::000000000000:role/local",
        },
    }


class World:
    """A pipeline of two steps in a file, a store, and switches that let a step fail."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.store = folder, folder / "store"
        self.file = folder / "two.json"
        self.define()

    def define(self, cache: bool = True, default: int = 1) -> None:
        declared = [{"Name": "Times", "Type": "Integer", "DefaultValue": default}]
        steps = [
            processing("A", self.folder, cache, ()),
            processing("B", self.folder, cache, ("A",)),
        ]
        document = {"Version": "2020-12-01", "Parameters": declared, "Steps": steps}
        self.file.write_text(json.dumps(document))

    def run(self, **options: Any) -> sagepipe.Result:
        objects = {"s3://code/script.py": SCRIPT}
        return sagepipe.run(self.file, store=self.store, objects=objects, **options)

    def resume(self, **options: Any) -> sagepipe.Result:
        return sagepipe.resume(store=self.store, **options)

    def fail(self, step: str) -> None:
        (self.folder / f"fail-{step}").touch()

    def mend(self, step: str) -> None:
        (self.folder / f"fail-{step}").unlink()

    def command(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "sagepipe", "run", *words],
            cwd=self.folder,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
        )


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def remarks(result: sagepipe.Result) -> list[str]:
    return [event.text for event in result.events if isinstance(event, Remark)]


# --- advice -----------------------------------------------------------------------------------


def test_a_scripts_failure_is_answered_with_a_new_run(world: World) -> None:
    world.fail("B")
    result = world.run()
    assert result.advice is not None
    assert result.advice.action == "run again"
    assert result.advice.from_step is None  # the step cache has A
    assert result.advice.kept == ("A",)
    assert result.advice.parameters == {"--times": "Times"}
    world.mend("B")
    again = world.run()
    assert [e.step for e in again.events if isinstance(e, Reused)] == ["A"]
    assert again.advice is None


def test_without_the_step_cache_the_new_run_begins_at_the_failed_step(world: World) -> None:
    world.define(cache=False)
    world.fail("B")
    advice = world.run().advice
    assert advice is not None
    assert (advice.action, advice.from_step, advice.kept) == ("run again", "B", ("A",))
    world.mend("B")
    again = world.run(from_step=advice.from_step)
    assert again.succeeded
    assert [e.why for e in again.events if isinstance(e, Reused)] == ["selected"]


def test_an_interruption_is_answered_with_resuming(world: World) -> None:
    import threading

    stop = threading.Event()
    stop.set()
    result = world.run(stop=stop)
    assert result.status is Status.STOPPED
    assert result.advice is not None
    assert result.advice.action == "resume"
    assert world.resume().succeeded


def test_a_played_fault_is_answered_with_resuming(world: World) -> None:
    result = world.run(faults=["A=SageMaker.CAPACITY_ERROR*9"])
    assert result.status is Status.FAILED
    assert result.advice is not None
    assert result.advice.action == "resume"


def test_the_command_says_the_exact_command(world: World) -> None:
    world.run()  # puts the script there
    world.fail("B")
    options = ("--definition", "two.json", "--store", "store", "-p", "Times=5")
    done = world.command(*options, "--env", "EXTRA=hush", "--quiet")
    assert done.returncode == 1
    *_, before, last = done.stderr.splitlines()
    expected = "sagepipe run -p Times=5 --store store --quiet --definition two.json --env EXTRA"
    assert last.endswith(
        f"with the code mended or another parameter: python -m {expected} (not run again: A)"
    )
    assert before == "--times is parameter Times of the pipeline: -p Times=VALUE"
    assert "hush" not in done.stderr
    assert "--resume" not in done.stderr
    lines = done.stderr.splitlines()
    reason = lines.index("B failed: AlgorithmError: , exit code: 4")
    assert "bad --times" in lines[reason - 1]  # the reason comes last
    command = re.search(r"python -m (sagepipe run .*) \(", last)
    assert command
    world.mend("B")
    again = subprocess.run(
        [sys.executable, "-m", *command[1].split(), "--json"],
        cwd=world.folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), "EXTRA": "hush"},
        capture_output=True,
        text=True,
    )
    assert again.returncode == 0, again.stderr
    assert json.loads(again.stdout)["steps"]["A"]["reused"] == "cached"


def test_the_command_says_how_to_resume(world: World) -> None:
    world.run()
    options = ("--definition", "two.json", "--store", "store", "--no-wait", "--no-cache")
    done = world.command(*options, "--fault", "B=SageMaker.CAPACITY_ERROR*9", "--quiet")
    assert done.returncode == 1
    last = done.stderr.splitlines()[-1]
    match = re.search(r"python -m (sagepipe run --store store --resume [a-z0-9]{12})$", last)
    assert match, done.stderr
    resumed = world.command(*match[1].split()[2:], "--quiet", "--json")
    assert resumed.returncode == 0, resumed.stderr
    steps = json.loads(resumed.stdout)["steps"]
    assert [steps[name]["reused"] for name in "AB"] == ["kept", ""]


# --- what it remembers --------------------------------------------------------------------------


def test_a_resumed_execution_runs_as_it_began(world: World, tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    (data / "script.py").write_text(SCRIPT)
    world.fail("B")
    options: dict[str, Any] = {
        "environment": {"EXTRA": "begun-", "OTHER": "1"},
        "images": {"image": "env VIA=image {command}"},
        "isolation": "paths",
        "at_once": 1,
        "max_parallel_steps": 1,
        "on_collision": "last",
    }
    failed = sagepipe.run(world.file, store=world.store, buckets={"code": f"{data}:ro"}, **options)
    assert failed.status is Status.FAILED
    world.mend("B")
    result = world.resume()
    assert result.succeeded, result.reason
    assert result.read(f"s3://out/{result.execution_id}/B/x") == b"begun-1"
    kept = json.loads((result.folder / record.RUNTIME).read_text())
    assert kept["isolation"] == "paths"
    assert kept["images"] == [{"pattern": "image", "words": ["env", "VIA=image", "{command}"]}]
    assert kept["at_once"] == kept["max_parallel_steps"] == 1
    assert kept["on_collision"] == "last"


def test_options_given_win_over_those_remembered(world: World) -> None:
    world.fail("B")
    world.run(environment={"EXTRA": "begun-", "OTHER": "1"})
    world.mend("B")
    result = world.resume(environment={"EXTRA": "given-"})
    assert result.read(f"s3://out/{result.execution_id}/B/x") == b"given-1"
    kept = json.loads((result.folder / record.RUNTIME).read_text())
    assert kept["environment"] == {"EXTRA": "given-", "OTHER": "1"}


# --- what has changed since ---------------------------------------------------------------------


def test_a_changed_definition_is_said_and_the_recorded_one_used(world: World) -> None:
    world.fail("B")
    world.run()
    world.mend("B")
    assert not [text for text in remarks(world.resume()) if "changed" in text]
    world.fail("B")
    world.run(cache="off")
    world.mend("B")
    world.define(cache=False, default=7)
    result = world.resume()
    assert result.read(f"s3://out/{result.execution_id}/B/x") == b"1"
    [said] = [text for text in remarks(result) if "changed" in text]
    assert said.startswith("step A, B and parameter Times changed since this execution began")
    assert "it goes on with the definition and the scripts that it began with" in said


def test_a_changed_script_is_said(world: World) -> None:
    world.fail("B")
    failed = world.run()
    time.sleep(0.05)
    failed.store.path(Location("code", "script.py")).write_text(SCRIPT.replace("+ n", "+ n + n"))
    world.mend("B")
    result = world.resume()
    assert result.read(f"s3://out/{result.execution_id}/B/x") == b"11"
    [said] = [text for text in remarks(result) if "changed" in text]
    assert said == (
        "s3://code/script.py has changed since the execution began; it is used as it is now"
    )


def test_what_a_new_run_would_run_may_be_told(world: World, tmp_path: Path) -> None:
    document = json.loads(world.file.read_text())
    world.fail("B")
    sagepipe.run(document, store=world.store, objects={"s3://code/script.py": SCRIPT})
    world.mend("B")
    document["Parameters"][0]["DefaultValue"] = 2
    result = world.resume(what=document)
    assert [text for text in remarks(result) if text.startswith("parameter Times changed")]
    world.fail("B")
    sagepipe.run(document, store=world.store)
    world.mend("B")
    result = world.resume(what=tmp_path / "gone.json")
    assert result.succeeded
    assert [text for text in remarks(result) if "can't be told" in text and "gone.json" in text]
