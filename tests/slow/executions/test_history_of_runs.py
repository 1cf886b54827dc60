"""sagepipe history over executions that really ran here, cached, failed, and while they run."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from sagepipe.cli.frame import run_verb
from sagepipe.local import api

Json = Any

CLEAN = """
    import json
    host = json.load(open("/opt/ml/config/resourceconfig.json"))["current_host"]
    print("cleaning on", host)
    open(f"/opt/ml/processing/output/rows/{host}.csv", "w").write("1,2")
"""
FIT = """
    import json, pathlib, sys
    level = float(sys.argv[1])
    print("fitting at", level)
    out = pathlib.Path("/opt/ml/processing/output/metrics/metrics.json")
    out.write_text(json.dumps({"level": level, "rows": 2}))
    if level > 8:
        pathlib.Path("/opt/ml/output/message").write_text("that is too much")
        sys.exit("gave up")
"""


class Result(NamedTuple):
    code: int
    out: str
    err: str


def channel(name: str, uri: Json, path: str, output: bool = False) -> Json:
    if output:
        return {
            "OutputName": name,
            "S3Output": {"S3Uri": uri, "LocalPath": path, "S3UploadMode": "EndOfJob"},
        }
    there = {"S3DataType": "S3Prefix", "S3InputMode": "File"}
    return {"InputName": name, "S3Input": {"S3Uri": uri, "LocalPath": path, **there}}


def step(name: str, output: str, instances: int, arguments: list[Json], **members: Json) -> Json:
    run = {"Get": "Execution.PipelineExecutionId"}
    uri = {"Std:Join": {"On": "/", "Values": ["s3://bkt/runs", run, output]}}
    return {
        "Name": name,
        "Type": "Processing",
        "Arguments": {
            "AppSpecification": {
                "ImageUri": "image",
                "ContainerEntrypoint": ["python3", "/opt/ml/processing/input/code/script.py"],
                "ContainerArguments": arguments,
            },
            "ProcessingInputs": [
                channel("code", f"s3://code/{name}/", "/opt/ml/processing/input/code")
            ],
            "ProcessingOutputConfig": {
                "Outputs": [channel(output, uri, f"/opt/ml/processing/output/{output}", True)]
            },
            "ProcessingResources": {
                "ClusterConfig": {
                    "InstanceCount": instances,
                    "InstanceType": "ml.m5.large",
                    "VolumeSizeInGB": 30,
                }
            },
            "RoleArn": "arn:aws:iam::000000000000:role/local",
        },
        **members,
    }


def definition() -> Json:
    level = {"Std:Join": {"On": "", "Values": [{"Get": "Parameters.Level"}]}}
    return {
        "Version": "2020-12-01",
        "Parameters": [{"Name": "Level", "Type": "Float", "DefaultValue": 1.5}],
        "Steps": [
            step("Clean", "rows", 2, ["go"], CacheConfig={"Enabled": True, "ExpireAfter": "P30D"}),
            step(
                "Fit",
                "metrics",
                1,
                [level],
                DependsOn=["Clean"],
                PropertyFiles=[
                    {
                        "PropertyFileName": "Metrics",
                        "OutputName": "metrics",
                        "FilePath": "metrics.json",
                    }
                ],
            ),
        ],
    }


Run = Callable[..., api.Result]


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path / "local-store"


@pytest.fixture
def run(store: Path) -> Run:
    """Run the two steps at a level; `fit` replaces the script."""

    def run(level: float = 1.5, fit: str = FIT) -> api.Result:
        return api.run(
            definition(),
            store=store,
            parameters={"Level": level},
            objects={
                "s3://code/Clean/script.py": textwrap.dedent(CLEAN),
                "s3://code/Fit/script.py": textwrap.dedent(fit),
            },
            name="two-steps",
        )

    return run


@pytest.fixture
def history(store: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., Result]:
    def call(*arguments: str) -> Result:
        capsys.readouterr()
        code = run_verb("history", list(arguments), prefix="sagepipe")
        return Result(code, *capsys.readouterr())

    return call


def test_what_ran_is_listed_shown_and_compared(run: Run, history: Callable[..., Result]) -> None:
    first, second = run(), run(9.0)
    listed = json.loads(history("--json").out)["executions"]
    assert [(one["id"], one["status"], one["parameters"]) for one in listed] == [
        (second.execution_id, "Failed", {"Level": "9.0"}),
        (first.execution_id, "Succeeded", {}),
    ]
    shown = history("show").out
    assert f"cached from execution {first.execution_id}" in shown
    assert "its message: that is too much" in shown
    assert f"  Clean rows  local-store/bkt/runs/{first.execution_id}/rows" in shown
    compared = history("compare", first.execution_id, second.execution_id).out
    assert "  Level: 1.5 → 9.0" in compared
    assert "code and definition: the same" in compared
    logs = history("logs", second.execution_id, "Clean").out.splitlines()
    assert logs == ["algo-1 | cleaning on algo-1", "algo-2 | cleaning on algo-2"]
    assert history("logs", "latest", "Fit").out == "fitting at 9.0\ngave up\n"


def test_metrics_are_compared(run: Run, history: Callable[..., Result]) -> None:
    first, second = run(), run(2.0)
    out = history("compare", first.execution_id, second.execution_id).out
    assert "  Fit.Metrics.level: 1.5 → 2.0 (+0.5)" in out


def test_a_store_that_was_moved_still_has_its_history(
    run: Run, history: Callable[..., Result], store: Path
) -> None:
    run()
    store.rename(store.with_name("elsewhere"))
    assert history("--store", "elsewhere", "logs", "latest", "Fit").out == "fitting at 1.5\n"
    assert "elsewhere/bkt/runs/" in history("--store", "elsewhere", "show").out


def test_the_cache_knows_what_was_cleaned(
    run: Run, history: Callable[..., Result], store: Path
) -> None:
    first, second = run(), run(2.0)
    assert second.steps["Clean"].reused == "cached"
    # the second took the rows of the first, so they stay and go on being found
    assert history("clean", "--keep", "1", "--outputs", "--delete").code == 0
    assert sorted(path.name for path in (store / "bkt/runs").iterdir()) == sorted(
        [first.execution_id, second.execution_id]
    )
    assert run(3.0).steps["Clean"].reused == "cached"
    assert history("clean", "--keep", "0", "--outputs", "--delete").code == 0
    # the rows of the first, whose record went before, went with the last that had taken them
    assert not list((store / "bkt").rglob("*.csv"))
    again = run()
    assert (again.steps["Clean"].reused, again.succeeded) == ("", True)


def test_following_a_step_that_runs(run: Run, store: Path, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    script = f"""
        import pathlib, time
        print("begun", flush=True)
        while not pathlib.Path({str(gate)!r}).exists():
            time.sleep(0.02)
        print("done", flush=True)
    """
    running = threading.Thread(target=run, kwargs={"fit": script})
    running.start()
    try:
        records = store / ".local" / "executions"
        wait = threading.Event()
        for _ in range(600):
            if any(records.glob("*/Fit/algo-1.log")):
                break
            wait.wait(0.05)
        command = [sys.executable, "-m", "sagepipe", "history", "logs", "latest", "Fit"]
        command += ["--follow", "--host", "algo-1"]
        process = subprocess.Popen(
            command,
            cwd=tmp_path,
            env={"PYTHONPATH": str(Path(__file__).parents[3]), "PATH": ""},
            stdout=subprocess.PIPE,
            text=True,
        )
        assert process.stdout
        assert process.stdout.readline() == "begun\n"
        status = json.loads(
            subprocess.run(
                [sys.executable, "-m", "sagepipe", "history", "show", "--json"],
                cwd=tmp_path,
                env={"PYTHONPATH": str(Path(__file__).parents[3]), "PATH": ""},
                capture_output=True,
                check=True,
            ).stdout
        )
        assert (status["status"], status["steps"]["Fit"]["status"]) == ("Executing", "Executing")
        gate.touch()
        assert process.communicate(timeout=30)[0] == "done\n"
        assert process.returncode == 0
    finally:
        gate.touch()
        running.join()
