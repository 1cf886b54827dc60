"""How instances become processes: what they are told, and what they leave behind."""

from __future__ import annotations

import json
import os
import stat
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sagepipe.errors import LocalError
from sagepipe.local import planning
from sagepipe.local.channels import inputs
from sagepipe.local.events import InstanceChanged, Status
from sagepipe.local.launch.images import Image

Json = Any
Make = Callable[..., Json]


def alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def wait_for(condition: Callable[[], Any], seconds: float = 30) -> Any:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if found := condition():
            return found
        time.sleep(0.01)
    raise AssertionError("it never happened")


# Two processes stay behind: one in the script's group and one in a session of its own.
LEAVES_SOME = """
    import os, subprocess, sys
    mark = os.environ["MARK"]
    for name, session in (("child", False), ("daemon", True)):
        subprocess.Popen(
            [sys.executable, "-c", "import os, sys, time; "
             "open(sys.argv[1], 'w').write(os.readlink('/proc/self')); time.sleep(600)",
             mark + "/" + name], start_new_session=session)
    while not all(os.path.exists(f"{mark}/{n}") and os.path.getsize(f"{mark}/{n}")
                  for n in ("child", "daemon")):
        pass
    print("left", flush=True)
    if os.path.exists(mark + "/kill"):
        os.kill(os.getpid(), 9)
        os._exit(137)  # the first process of a namespace is not killed by itself
"""  # fmt: skip


@pytest.mark.parametrize("end", ["normal", "killed"])
def test_background_processes_end_with_the_script(lab: Any, tmp_path: Path, end: str) -> None:
    if end == "killed":
        (tmp_path / "kill").touch()
    result = lab.run(lab.step("A", LEAVES_SOME, environment={"MARK": str(tmp_path)}))
    assert result.status is (Status.SUCCEEDED if end == "normal" else Status.FAILED)
    assert result.steps["A"].reason == (
        "" if end == "normal" else "AlgorithmError: , exit code: 137"
    )
    if not lab.isolated:  # else these are numbers of another namespace
        pids = [int((tmp_path / name).read_text()) for name in ("child", "daemon")]
        assert not [pid for pid in pids if alive(pid)]
    assert not marked(tmp_path)


def marked(mark: Path) -> list[int]:
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            if f"MARK={mark}\0".encode() in Path("/proc", pid, "environ").read_bytes():
                found.append(int(pid))
        except OSError:
            continue
    return found


def test_background_processes_end_when_the_execution_is_stopped(lab: Any, tmp_path: Path) -> None:
    waits = LEAVES_SOME + "\n    import time; time.sleep(600)\n"

    class Events(list[Any]):
        def append(self, event: Any) -> None:
            super().append(event)
            if isinstance(event, InstanceChanged) and event.status is Status.EXECUTING:
                wait_for(lambda: "left" in event.log.read_text())
                lab.stop.set()

    lab.events = Events()
    result = lab.run(lab.step("A", waits, environment={"MARK": str(tmp_path)}))
    assert result.status is Status.STOPPED
    assert not marked(tmp_path)


def test_a_long_environment_reaches_the_script(lab: Any) -> None:
    variables = {f"V{n}": "x" * 250 for n in range(90)}
    more = {f"W{n}": "y" * 4000 for n in range(40)}  # more than a pipe holds
    step = lab.step(
        "A",
        "import os; print(sum(len(v) for k, v in os.environ.items() if k[0] in 'VW'))",
        environment=variables,
    )
    result = lab.run(step, environment=more)
    assert (result.folder / "A" / "algo-1.log").read_text() == f"{90 * 250 + 40 * 4000}\n"


def test_other_places_keep_their_names_where_paths_are_rewritten(lab: Any) -> None:
    script = """
        import json, os, sys
        with open(os.environ["ML"] + "/config/processingjobconfig.json") as config:
            job = json.load(config)
        print(json.dumps([sys.argv[1:], os.environ["OTHER"], job["Environment"]["OTHER"],
                          job["ProcessingInputs"][0]["S3Input"]["S3Uri"],
                          job["ProcessingInputs"][0]["S3Input"]["LocalPath"]]))
    """
    lab.put("s3://b/opt/ml/k")
    source = {"S3Uri": "s3://b/opt/ml/k", "S3InputMode": "File", "S3DataType": "S3Prefix"}
    step = lab.step(
        "A",
        script,
        inputs=[{"InputName": "in", "S3Input": {**source, "LocalPath": "/opt/ml/processing/in"}}],
        arguments=["/opt/mlflow", "s3://b/opt/ml/k", "/opt/ml/processing/in"],
        environment={"ML": "/opt/ml", "OTHER": "/opt/mlflow"},
    )
    result = lab.run(step)
    [argv, variable, configured, uri, path] = json.loads(
        (result.folder / "A" / "algo-1.log").read_text()
    )
    assert argv[:2] == ["/opt/mlflow", "s3://b/opt/ml/k"]
    assert variable == configured == "/opt/mlflow"
    assert uri == "s3://b/opt/ml/k"
    assert (argv[2] == path == "/opt/ml/processing/in") is lab.isolated
    assert path.endswith("ml/processing/in")


CLIENT = """\
    #!{python}
    # what a container's client is told, and what of it is on the disk while it runs
    import os, pathlib, stat, subprocess, sys
    file = pathlib.Path(sys.argv[sys.argv.index("--env-file") + 1])
    print("mode", oct(stat.S_IMODE(file.stat().st_mode)))
    print(file.read_text(), end="")
    secret = os.environ["SECRET_OF_THE_USER"]
    found = subprocess.run(["grep", "-rl", secret, os.environ["STORE"]], stdout=subprocess.PIPE)
    print("on disk", found.stdout.decode())
"""


def test_secrets_of_the_user_are_not_written_down(
    lab: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A container's client has the user's environment; the file has the job's, for the owner."""
    client = tmp_path / "client"
    client.write_text(textwrap.dedent(CLIENT).format(python=sys.executable))
    client.chmod(0o755)
    monkeypatch.setenv("SECRET_OF_THE_USER", "hush-hush")
    monkeypatch.setenv("STORE", str(lab.store.root))
    text = f"image={client} --env-file {{environment}} -v {{opt_ml}}:/opt/ml {{docker}}"
    result = lab.run(
        lab.step("A", "", environment={"OF_JOB": "/opt/ml/x"}),
        images=(Image.parse(text),),
        environment={"GIVEN": "token"},
    )
    assert result.status is Status.SUCCEEDED, result.steps["A"].log_tail
    log = (result.folder / "A" / "algo-1.log").read_text()
    assert log == "mode 0o600\nGIVEN=token\nOF_JOB=/opt/ml/x\non disk \n"
    files = [path for path in lab.store.root.rglob("*") if path.is_file()]
    having = [path.name for path in files if "token" in path.read_text()]
    assert sorted(having) == ["algo-1.log", "runtime.json"]  # it has printed it
    [kept] = lab.store.root.rglob("runtime.json")
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600


def test_a_command_that_wraps_can_have_the_variables_in_a_file(lab: Any) -> None:
    image = Image.parse('image=sh -c \'cat "$0"; exec "$@"\' {environment} {command}')
    result = lab.run(
        lab.step("A", "print('ran')", environment={"DIR": "/opt/ml/x"}), images=(image,)
    )
    first, second = (result.folder / "A" / "algo-1.log").read_text().splitlines()
    assert second == "ran"
    assert first.startswith("DIR=")
    assert (first == "DIR=/opt/ml/x") is lab.isolated


def test_several_instances_messages_are_lines_and_the_same_one_is_said_once(lab: Any) -> None:
    script = """
        import json, os, sys
        ml = os.environ["ML"]
        host = json.load(open(ml + "/config/resourceconfig.json"))["current_host"]
        open(ml + "/output/message", "w").write(
            "no columns" if host != "algo-3" else "no rows")
        sys.exit(host == "algo-1")
    """
    step = lab.step("A", script, instances=3, environment={"ML": "/opt/ml"})
    result = lab.run(step, at_once=1)
    assert result.steps["A"].exit_message == "no columns"
    ran = lab.run(lab.step("B", script.replace("== \"algo-1\"", "== \"\""), instances=3,
                           environment={"ML": "/opt/ml"}))  # fmt: skip
    assert ran.steps["B"].exit_message == "no columns\nno rows"
    assert ran.steps["B"].properties["ExitMessage"] == "no columns\nno rows"


def test_a_store_below_opt_ml_is_not_rewritten_twice(tmp_path: Path) -> None:
    from sagepipe.local.launch.instance import Instance
    from sagepipe.local.launch.launcher import Program
    from sagepipe.local.launch.rewritten import RewrittenPaths

    instance = Instance("algo-1", Path("/opt/ml/store"))
    program = Program("i", ("run", "/opt/ml/a"), (), {"A": "/opt/ml/b"})
    launcher = RewrittenPaths(program)
    assert launcher.argv(instance) == ["run", "/opt/ml/store/algo-1/ml/a"]
    assert launcher.environment(instance) == {"A": "/opt/ml/store/algo-1/ml/b"}


def test_names_that_would_lead_elsewhere_are_refused_where_they_become_paths(
    lab: Any, tmp_path: Path
) -> None:
    """Whatever has been validated: the engine is used without that here."""
    lab.put("s3://in/a")
    outside = tmp_path / "outside"
    outside.mkdir()
    for name in (f"{outside}/x", "../../../../outside/x", "..", "", "a\0b", "x" * 300):
        source = {
            "S3Uri": "s3://in/a",
            "S3InputMode": "Pipe",
            "LocalPath": "/opt/ml/processing/in",
            "S3DataType": "S3Prefix",
        }
        piped = {"InputName": name, "S3Input": source}
        with pytest.raises(LocalError, match="name of a file"):
            inputs.list_channels([piped], lab.store)
        assert lab.run(lab.step("A", "", inputs=[piped])).status is Status.FAILED
        assert not any(outside.iterdir())


@pytest.mark.parametrize("name", ["../x", "/tmp/x", "..", ".", "", "engine.lock", "runtime.json"])
def test_a_steps_name_that_is_no_folder_is_refused(lab: Any, name: str) -> None:
    step = {"Name": name, "Type": "Fail", "Arguments": {"ErrorMessage": "x"}}
    before = sorted(lab.store.root.rglob("*"))
    with pytest.raises(Exception, match=r"name of a file|no dot|Name"):
        planning.plan({"Version": "2020-12-01", "Steps": [step]}, {}, "lab", None, lab.store)
    assert sorted(lab.store.root.rglob("*")) == before


@pytest.mark.parametrize("name", ["lock", "engine-lock", "execution", "steps"])
def test_a_step_may_be_called_as_it_likes(lab: Any, name: str) -> None:
    result = lab.run(lab.step(name, "print('here')"))
    assert result.status is Status.SUCCEEDED, result.reason
    assert (result.folder / name / "algo-1.log").read_text() == "here\n"
