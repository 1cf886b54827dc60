"""The life of a job: retries, faults of the machine, time limits, API limits, logs, images."""

from __future__ import annotations

import errno
import os
import stat
import textwrap
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sagepipe.errors import DefinitionError, LocalError, ParameterError
from sagepipe.language.s3 import Location
from sagepipe.language.step import Step
from sagepipe.local.choices import Choices
from sagepipe.local.events import InstanceChanged, LogLine, Retrying, Status
from sagepipe.local.launch import process
from sagepipe.local.launch.images import Image, command
from sagepipe.local.retry import Fault, Retries
from sagepipe.local.store import Store

Json = Any
Make = Callable[..., Json]
INTERNAL = "SageMaker.JOB_INTERNAL_ERROR"
CAPACITY = "SageMaker.CAPACITY_ERROR"


def policy(*types: str, **members: float) -> Json:
    return {"ExceptionType": list(types), **members}


# --- retries --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("policies", "kind", "waits"),
    [
        ([policy(CAPACITY)], CAPACITY, [1, 2, 4, 8, 16, None]),  # the service's defaults
        ([policy(CAPACITY, MaxAttempts=0)], CAPACITY, [None]),
        (
            [policy(CAPACITY, MaxAttempts=2, IntervalSeconds=5, BackoffRate=3)],
            CAPACITY,
            [5, 15, None],
        ),
        ([policy(CAPACITY, ExpireAfterMin=1, IntervalSeconds=10)], CAPACITY, [10, 20, None]),
        ([policy(CAPACITY)], INTERNAL, [None]),
        ([policy(CAPACITY, MaxAttempts=1), policy(INTERNAL, MaxAttempts=1)], INTERNAL, [1, None]),
        ([{"ExceptionType": CAPACITY, "MaxAttempts": 1}], CAPACITY, [1, None]),  # a lone string
        ([], "Step.THROTTLING", [1, 2, 4, 8, 16, None]),  # retried by default
        ([policy("Step.THROTTLING", MaxAttempts=0)], "Step.THROTTLING", [None]),
        ([], "AlgorithmError", [None]),
    ],
)
def test_policies(policies: list[Json], kind: str, waits: list[float | None]) -> None:
    declared = Step("A", "Processing", {"RetryPolicies": policies}).retry_policies
    retries, elapsed, found = Retries.of(declared), 0.0, []
    while not found or found[-1] is not None:
        found.append(retries.wait(kind, elapsed))
        elapsed += found[-1] or 0
    assert found == waits


def test_a_fault_is_tried_again_and_says_when(lab: Any) -> None:
    step = lab.step("A", "print('here')", RetryPolicies=[policy(CAPACITY, IntervalSeconds=0.2)])
    began = time.monotonic()
    result = lab.run(step, choices=Choices(faults=(Fault("A", CAPACITY, 2),)))
    assert result.status is Status.SUCCEEDED
    assert time.monotonic() - began >= 0.6
    assert [(e.attempt, e.wait) for e in lab.told(Retrying)] == [(2, 0.2), (3, 0.4)]
    assert CAPACITY in lab.told(Retrying)[0].reason
    assert result.steps["A"].attempts == 3
    assert (result.folder / "A" / "attempt-3" / "algo-1.log").read_text() == "here\n"


def test_no_wait(lab: Any) -> None:
    step = lab.step("A", "", RetryPolicies=[policy(CAPACITY, IntervalSeconds=600)])
    choices = Choices(wait=False, faults=(Fault("A", CAPACITY, 2),))
    began = time.monotonic()
    assert lab.run(step, choices=choices).status is Status.SUCCEEDED
    assert time.monotonic() - began < 20


def test_retries_end(lab: Any) -> None:
    step = lab.step("A", "", RetryPolicies=[policy(CAPACITY, MaxAttempts=1)])
    result = lab.run(step, choices=Choices(wait=False, faults=(Fault("A", CAPACITY, 9),)))
    assert result.status is Status.FAILED
    assert result.steps["A"].attempts == 2
    assert CAPACITY in result.reason


def test_a_scripts_own_failure_is_never_tried_again(lab: Any) -> None:
    types = [
        "Step.SERVICE_FAULT",
        "Step.THROTTLING",
        INTERNAL,
        CAPACITY,
        "SageMaker.RESOURCE_LIMIT",
    ]
    step = lab.step("A", "import sys; sys.exit(7)", RetryPolicies=[policy(*types)])
    result = lab.run(step)
    assert result.steps["A"].attempts == 1
    assert result.steps["A"].reason == "AlgorithmError: , exit code: 7"


def test_ctrl_c_ends_a_wait(lab: Any) -> None:
    import threading

    step = lab.step("A", "", RetryPolicies=[policy(CAPACITY, IntervalSeconds=600)])
    threading.Timer(0.5, lab.stop.set).start()
    result = lab.run(step, choices=Choices(faults=(Fault("A", CAPACITY),)))
    assert result.status is Status.STOPPED
    assert result.steps["A"].status is Status.STOPPED


def test_a_full_disk_while_collecting_is_the_machines_fault(
    lab: Any, make_output: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = """
        import os
        for name in "ab":
            open(os.environ["ML"] + "/processing/output/out/" + name, "w").write(name)
    """
    real, calls = Store.move_in, []

    def move_in(store: Any, source: Path, location: Location, *more: Any) -> None:
        calls.append(1)
        if len(calls) == 2:  # full after the first object
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        real(store, source, location, *more)

    monkeypatch.setattr(Store, "move_in", move_in)
    step = lab.step(
        "A",
        script,
        outputs=[make_output("out", "s3://out/e")],
        environment={"ML": "/opt/ml"},
    )
    failed = lab.run(step)
    assert failed.steps["A"].reason.startswith("InternalServerError: this machine failed the job")
    assert lab.keys("s3://out/") == []
    calls.clear()
    step["RetryPolicies"] = [policy(INTERNAL, IntervalSeconds=0.1)]
    assert lab.run(step).status is Status.SUCCEEDED
    assert lab.keys("s3://out/") == ["e/a", "e/b"]


def test_namespaces_that_cannot_be_made_are_the_machines_fault(
    lab: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    if not lab.isolated:
        pytest.skip("only namespaces can fail to be made")
    mine = lab.run(lab.step("A", "import sys; sys.exit(125)"))  # the script's own doing
    assert mine.steps["A"].reason == "AlgorithmError: , exit code: 125"
    broken = tmp_path / "confine.py"
    broken.write_text("print('cannot isolate the instance: no'); raise SystemExit(125)")
    monkeypatch.setattr(process, "CONFINE", broken)
    failed = lab.run(lab.step("A", ""))
    assert failed.steps["A"].reason.startswith("InternalServerError")


@pytest.mark.parametrize("text", ["A", "A=Nonsense", f"A={CAPACITY}*x", f"={CAPACITY}"])
def test_malformed_faults(text: str) -> None:
    with pytest.raises(ParameterError, match="write --fault STEP=TYPE"):
        Fault.parse(text)


# --- time limits ----------------------------------------------------------------------------


def test_a_script_that_ignores_the_stop_signal_is_killed(lab: Any) -> None:
    script = """
        import signal, time
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        print("not listening", flush=True)
        time.sleep(60)
    """
    began = time.monotonic()
    result = lab.run(lab.step("A", script, max_runtime=1), grace=0.3)
    assert time.monotonic() - began < 15
    step = result.steps["A"]
    assert step.status is Status.FAILED
    assert "MaxRuntimeInSeconds (1 s)" in step.reason
    assert step.properties["ProcessingJobStatus"] == "Stopped"


def test_a_message_left_at_the_stop_signal_is_kept(lab: Any) -> None:
    script = """
        import os, signal, sys, time
        def stop(*_):
            open(os.environ["ML"] + "/output/message", "w").write("got as far as row 7")
            sys.exit(0)
        signal.signal(signal.SIGTERM, stop)
        time.sleep(60)
    """
    result = lab.run(lab.step("A", script, max_runtime=1, environment={"ML": "/opt/ml"}))
    assert result.steps["A"].exit_message == "got as far as row 7"


# --- limits of the API ----------------------------------------------------------------------


def test_a_value_that_is_too_long_is_refused_before_anything_starts(lab: Any) -> None:
    step = lab.step("A", "", environment={"A": {"Get": "Parameters.Long"}})
    declared = [{"Name": "Long", "Type": "String"}]
    with pytest.raises(DefinitionError, match=r"has 300 characters \(parameter Long\)"):
        lab.run(step, parameters=declared, given={"Long": "x" * 300})
    assert lab.told(InstanceChanged) == []


def test_a_value_that_only_the_execution_knows_fails_its_step(lab: Any, make_output: Any) -> None:
    first = lab.step("A", "", outputs=[make_output("o", "s3://b/" + "x" * 300)])
    uri = {"Get": "Steps.A.ProcessingOutputConfig.Outputs['o'].S3Output.S3Uri"}
    result = lab.run(first, lab.step("B", "", environment={"A": uri}))
    assert "ClientError: the service refuses this job" in result.reason


# --- logs -----------------------------------------------------------------------------------


def test_logs_are_told_while_the_job_runs(lab: Any, tmp_path: Path) -> None:
    go = tmp_path / "go"
    script = f"""
        import os, sys, time
        print("first line")
        deadline = time.time() + 20
        while not os.path.exists("{go}"):
            assert time.time() < deadline, "nobody has seen the line"
            time.sleep(0.01)
        sys.stdout.write("last, without an end")
    """
    heard: list[str] = []

    class Events(list[Any]):
        def append(self, event: Any) -> None:
            if isinstance(event, LogLine):
                heard.append(event.text)
                go.touch()
            super().append(event)

    lab.events = Events()
    result = lab.run(lab.step("A", script), choices=Choices(logs=frozenset({"A"})))
    assert result.status is Status.SUCCEEDED, result.steps["A"].log_tail
    assert heard == ["first line", "last, without an end"]


def test_only_the_steps_asked_for_are_followed(lab: Any) -> None:
    lab.run(lab.step("A", "print('a')"), lab.step("B", "print('b')", instances=2),
            choices=Choices(logs=frozenset({"B"})))  # fmt: skip
    assert sorted((e.step, e.host, e.text) for e in lab.told(LogLine)) == [
        ("B", "algo-1", "b"),
        ("B", "algo-2", "b"),
    ]


# --- parallelism ----------------------------------------------------------------------------


def test_max_parallel_steps(lab: Any) -> None:
    steps = [lab.step(name, "import time; time.sleep(0.1)") for name in "ABC"]
    lab.run(*steps, choices=Choices(max_parallel_steps=1))
    changes = [(e.step, e.status) for e in lab.told(InstanceChanged)]
    ended = [Status.EXECUTING, Status.SUCCEEDED]
    assert changes == [(name, status) for name in "ABC" for status in ended]


# --- images ---------------------------------------------------------------------------------


def test_entrypoint_and_arguments_are_dockers() -> None:
    image = Image("i", ("own", "--flag"))
    assert command(None, "i", ["e"], ["a"], {}) == ["e", "a"]
    assert command(image, "i", [], ["a"], {}) == ["own", "--flag", "a"]
    assert command(image, "i", [], [], {}) == ["own", "--flag"]
    assert command(image, "i", ["e"], [], {}) == ["e"]  # the image's has no part in it
    with pytest.raises(LocalError, match="--image 'i=COMMAND'"):
        command(None, "i", [], ["a"], {})


def test_an_image_supplies_its_entrypoint(lab: Any, tmp_path: Path) -> None:
    tool = tmp_path / "tool"
    tool.write_text("#!/bin/sh\necho tool: $@\n")
    tool.chmod(tool.stat().st_mode | stat.S_IXUSR)
    step = lab.step("A", "", arguments=["x", "y"])
    del step["Arguments"]["AppSpecification"]["ContainerEntrypoint"]
    assert "what image runs by itself is not known" in lab.run(step).reason
    images = (Image.parse("other=false"), Image.parse(f"ima*={tool} 'a b'"))
    result = lab.run(step, images=images)
    assert result.status is Status.SUCCEEDED, result.reason
    assert (result.folder / "A" / "algo-1.log").read_text() == "tool: a b x y\n"


def test_an_image_wraps_the_command(lab: Any) -> None:
    step = lab.step("A", "import os; print(os.environ['WRAPPED'])")
    result = lab.run(step, images=(Image.parse("image=env WRAPPED={image}-{host} {command}"),))
    assert (result.folder / "A" / "algo-1.log").read_text() == "image-algo-1\n"


DOCKER = """\
    #!{python}
    # docker run --rm --env-file F -v DIR:/opt/ml --entrypoint E IMAGE ARGS…
    import os, sys
    words = sys.argv[1:]
    assert words[:2] == ["run", "--rm"], words
    lines = open(words[words.index("--env-file") + 1])
    env = dict(line.rstrip("\\n").split("=", 1) for line in lines)
    folder = words[words.index("-v") + 1].removesuffix(":/opt/ml")
    entry = words.index("--entrypoint")
    image, *rest = words[entry + 2:]
    assert image == "image"
    for parent, _, names in os.walk(folder):
        assert not any(os.path.islink(os.path.join(parent, name)) for name in names)
    argv = [word.replace("/opt/ml", folder) for word in [words[entry + 1], *rest]]
    env = {{key: value.replace("/opt/ml", folder) for key, value in env.items()}}
    os.execvpe(argv[0], argv, {{**os.environ, **env}})
"""


def test_docker_run_gives_the_container_its_opt_ml(
    lab: Any, make_input: Make, make_output: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import sys

    docker = tmp_path / "bin" / "docker"
    docker.parent.mkdir()
    docker.write_text(textwrap.dedent(DOCKER).format(python=sys.executable))
    docker.chmod(0o755)
    monkeypatch.setenv(
        "PATH", f"{docker.parent}:{Path(sys.executable).parent}:{os.environ['PATH']}"
    )
    lab.put("s3://in/a", "from S3")
    script = """
        import os, shutil
        ml = os.environ["ML"]
        assert "/opt/ml" in open(ml + "/config/processingjobconfig.json").read()
        shutil.copy(ml + "/processing/in/a", ml + "/processing/output/out/a")
    """
    step = lab.step(
        "A",
        script,
        inputs=[make_input("in", "s3://in/", "/opt/ml/processing/in")],
        outputs=[make_output("out", "s3://out/e")],
        environment={"ML": "/opt/ml"},
    )
    text = "image=docker run --rm --env-file {environment} -v {opt_ml}:/opt/ml {docker}"
    result = lab.run(step, images=(Image.parse(text),))
    assert result.status is Status.SUCCEEDED, (result.reason, result.steps["A"].log_tail)
    assert lab.get("s3://out/e/a") == "from S3"


@pytest.mark.parametrize("text", ["image", "image=", "=x", "image='x"])
def test_malformed_images(text: str) -> None:
    with pytest.raises(ParameterError, match="--image"):
        Image.parse(text)
