"""Resuming an execution, and running some of its steps on another's results."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from sagepipe.errors import LocalError, SagepipeError, StoreError
from sagepipe.language.s3 import Location
from sagepipe.local import record
from sagepipe.local.channels import journal
from sagepipe.local.channels.outputs import FileState, OutputFolder, Produced
from sagepipe.local.choices import Choices
from sagepipe.local.events import InstanceChanged, Reused, Status

Json = Any
Make = Callable[..., Json]

ROOT = Path(__file__).resolve().parents[3]
ML = {"ML": "/opt/ml"}

# Writes what it reads and its own name; fails or waits as files on this machine tell it to.
LINK = """
    import glob, os, sys, time
    ml, name, switches = os.environ["ML"], os.environ["NAME"], os.environ["SWITCHES"]
    if os.path.exists(switches + "/fail-" + name):
        print(name, "fails")
        sys.exit(1)
    open(switches + "/began-" + name, "w").close()
    while os.path.exists(switches + "/wait-" + name):
        time.sleep(0.01)
    read = "".join(open(path).read() for path in sorted(glob.glob(ml + "/processing/in/*")))
    with open(ml + "/processing/output/out/" + name, "w") as out:
        out.write(read + name + os.environ.get("EXTRA", ""))
"""


def execution_uri(name: str) -> Json:
    values = ["s3://out", {"Get": "Execution.PipelineExecutionId"}, name]
    return {"Std:Join": {"On": "/", "Values": values}}


def output_of(step: str) -> Json:
    return {"Get": f"Steps.{step}.ProcessingOutputConfig.Outputs['out'].S3Output.S3Uri"}


@pytest.fixture
def switches(tmp_path: Path) -> Path:
    path = tmp_path / "switches"
    path.mkdir()
    return path


@pytest.fixture
def link(lab: Any, switches: Path, make_input: Make, make_output: Make) -> Callable[..., Json]:
    def make(name: str, *after: str, **settings: Json) -> Json:
        inputs = [
            make_input(f"in-{step}", output_of(step), "/opt/ml/processing/in") for step in after
        ]
        environment = {**ML, "NAME": name, "SWITCHES": str(switches)}
        return lab.step(
            name,
            LINK,
            inputs=inputs,
            outputs=[make_output("out", execution_uri(name))],
            environment={**environment, **settings.pop("environment", {})},
            **settings,
        )

    return make


def chain(link: Callable[..., Json]) -> list[Json]:
    return [link("A"), link("B", "A"), link("C", "B")]


def started(lab: Any) -> list[str]:
    """The steps whose instances have been started since this was last asked."""
    found = [e.step for e in lab.told(InstanceChanged) if e.status is Status.EXECUTING]
    lab.events.clear()
    return found


def test_resume_goes_on_where_an_execution_failed(lab: Any, link: Make, switches: Path) -> None:
    (switches / "fail-B").touch()
    failed = lab.run(*chain(link))
    assert failed.status is Status.FAILED
    assert started(lab) == ["A", "B"]
    (switches / "fail-B").unlink()
    result = lab.resume(failed.execution_id)
    assert result.status is Status.SUCCEEDED, result.reason
    assert result.execution_id == failed.execution_id
    assert [e.why for e in lab.told(Reused)] == ["kept"]
    assert started(lab) == ["B", "C"]
    assert lab.get(f"s3://out/{result.execution_id}/C/C") == "ABC"
    logs = result.folder / "B"  # the logs of the first try are still there
    assert "B fails" in (logs / "algo-1.log").read_text()
    assert (logs / "attempt-2" / "algo-1.log").exists()
    assert result.steps["B"].logs == logs / "attempt-2"


def test_resume_takes_the_latest_and_keeps_parameters_and_start(
    lab: Any, link: Make, switches: Path
) -> None:
    step = link("A", environment={"EXTRA": {"Get": "Parameters.X"}})
    declared = [{"Name": "X", "Type": "String", "DefaultValue": "default"}]
    (switches / "fail-A").touch()
    failed = lab.run(step, parameters=declared, given={"X": "given"})
    (switches / "fail-A").unlink()
    result = lab.resume()
    assert lab.get(f"s3://out/{result.execution_id}/A/A") == "Agiven"
    assert result.started == failed.started
    assert result.seconds > failed.seconds


def test_conditions_keep_their_outcome(lab: Any, link: Make, switches: Path) -> None:
    gate = {
        "Name": "Gate",
        "Type": "Condition",
        "DependsOn": ["A"],
        "Arguments": {
            "Conditions": [{"Type": "Equals", "LeftValue": 1, "RightValue": 1}],
            "IfSteps": [link("Yes")],
            "ElseSteps": [link("No")],
        },
    }
    (switches / "fail-Yes").touch()
    assert lab.run(link("A"), gate).status is Status.FAILED
    (switches / "fail-Yes").unlink()
    lab.events.clear()
    result = lab.resume()
    assert result.status is Status.SUCCEEDED
    assert result.steps["No"].status is Status.NOT_RUN
    assert started(lab) == ["Yes"]


def test_a_stopped_execution_can_be_resumed(lab: Any, link: Make, switches: Path) -> None:
    (switches / "wait-B").touch()

    def stop_b() -> None:
        wait_for(lambda: (switches / "began-B").exists())
        lab.stop.set()

    threading.Thread(target=stop_b).start()
    stopped = lab.run(*chain(link))
    assert stopped.status is Status.STOPPED
    (switches / "wait-B").unlink()
    lab.stop.clear()
    result = lab.resume()
    assert result.status is Status.SUCCEEDED
    assert lab.get(f"s3://out/{result.execution_id}/C/C") == "ABC"


def test_what_cannot_be_resumed(lab: Any, link: Make) -> None:
    with pytest.raises(LocalError, match="no execution to resume"):
        lab.resume()
    done = lab.run(link("A"))
    with pytest.raises(LocalError, match="has succeeded; there is nothing to resume"):
        lab.resume()
    with pytest.raises(LocalError, match=f"no execution 'nope'.*latest are {done.execution_id}"):
        lab.resume("nope")
    with pytest.raises(LocalError, match="is no execution id"):
        lab.resume("../../etc")
    lab.run({"Name": "Stop", "Type": "Fail", "Arguments": {"ErrorMessage": "x"}})
    with pytest.raises(LocalError, match="its Fail step Stop ended it"):
        lab.resume()


def test_a_running_execution_cannot_be_resumed(lab: Any, link: Make, switches: Path) -> None:
    (switches / "fail-A").touch()
    failed = lab.run(link("A"))
    with (
        record.held(failed.folder),
        pytest.raises(LocalError, match="is still running; it can't be resumed"),
    ):
        lab.resume()


# --- the engine killed ----------------------------------------------------------------------


def wait_for(condition: Callable[[], Any], seconds: float = 30) -> Any:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if found := condition():
            return found
        time.sleep(0.01)
    raise AssertionError("it never happened")


def processes(mark: str) -> Iterator[int]:
    for pid in os.listdir("/proc"):
        if pid.isdigit():
            try:
                if mark.encode() in Path("/proc", pid, "environ").read_bytes():
                    yield int(pid)
            except OSError:
                continue


def start_engine(lab: Any, definition: Path, *more: str) -> subprocess.Popen[str]:
    isolation = "namespaces" if lab.isolated else "paths"
    options = ["--store", str(lab.store.root), "--isolation", isolation, "--quiet", "--json"]
    return subprocess.Popen(
        [sys.executable, "-m", "sagepipe", "run", *options, *more]
        + (["--definition", str(definition), "--unchecked"] if "--resume" not in more else []),
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def write_definition(path: Path, *steps: Json) -> Path:
    path.write_text(json.dumps({"Version": "2020-12-01", "Steps": list(steps)}))
    return path


def test_a_killed_engine_leaves_no_process_and_is_resumed(
    lab: Any, link: Make, switches: Path, tmp_path: Path
) -> None:
    definition = write_definition(tmp_path / "chain.json", *chain(link))
    (switches / "wait-B").touch()
    engine = start_engine(lab, definition)
    wait_for(lambda: (switches / "began-B").exists())
    engine.send_signal(signal.SIGKILL)
    engine.communicate()
    wait_for(lambda: not list(processes(str(switches))))
    [path] = record.recent(lab.store)
    assert json.loads(path.read_text())["steps"]["B"]["status"] == "Executing"
    assert lab.keys("s3://out/") == [f"{path.parent.name}/A/A"]
    (switches / "wait-B").unlink()
    (switches / "began-A").unlink()

    resumed = start_engine(lab, definition, "--resume")
    said, errors = resumed.communicate(timeout=60)
    assert resumed.returncode == 0, errors
    result = json.loads(said)
    assert result["execution_id"] == path.parent.name
    assert not (switches / "began-A").exists()  # A wasn't run again
    assert lab.get(f"s3://out/{path.parent.name}/C/C") == "ABC"
    assert lab.keys("s3://out/") == [f"{path.parent.name}/{n}/{n}" for n in "ABC"]
    assert not list(path.parent.glob("*/algo-*/"))
    assert not list(path.parent.glob("*/attempt-*/algo-*/"))


def test_what_a_killed_engine_had_half_published_is_taken_back(lab: Any, link: Make) -> None:
    """As if it had been killed between two objects, whose names differ the next time."""
    result = lab.run(link("A"), link("B", "A"))
    document = json.loads((result.folder / "execution.json").read_text())
    document["status"] = document["steps"]["B"]["status"] = "Executing"
    (result.folder / "execution.json").write_text(json.dumps(document))
    half = f"s3://out/{result.execution_id}/B/part-of-before"
    lab.put(half, "half of an output")
    lab.put("s3://out/older", "older")
    assert len(lab.keys("s3://out/")) == 4
    state = FileState.of(lab.store.path(Location.parse(half)))
    mark = [state.inode, state.size, state.modified]
    key = f"{result.execution_id}/B/part-of-before"
    lines = [["out", key, *mark], ["out", "never/came", *mark]]
    (result.folder / "B" / journal.JOURNAL).write_text(
        "".join(f"{json.dumps(line)}\n" for line in lines) + '["out", "cut off'
    )
    (result.folder / "B" / "algo-1" / "ml").mkdir(parents=True)
    again = lab.resume()
    assert again.status is Status.SUCCEEDED
    assert set(lab.keys("s3://out/")) == {
        f"{result.execution_id}/A/A",
        f"{result.execution_id}/B/B",
        "older",
    }
    assert not (result.folder / "B" / "algo-1").exists()


def test_publishing_that_is_cut_short_leaves_nothing(lab: Any, tmp_path: Path) -> None:
    lab.put("s3://out/old", "old")
    folder = OutputFolder("out", "algo-1", tmp_path, tmp_path, Location("out"), continuous=False)
    produced = []
    for name in ("old", "new", "not-there"):
        (tmp_path / name).write_text("newer")
        produced.append(Produced(folder, tmp_path / name, Location("out", name)))
    (tmp_path / "not-there").unlink()
    with pytest.raises(StoreError, match="No such file"):
        journal.publish(tmp_path, produced, lab.store, lab.stop)
    assert lab.keys("s3://out/") == ["old"]
    assert not list(tmp_path.glob("publishing*"))


def test_taking_back_leaves_what_others_have_published(lab: Any, link: Make) -> None:
    """A is killed while it publishes to a fixed place, B completes there, A is resumed and fails:
    all that is there by then is B's, or the user's."""
    result = lab.run(link("A"))
    document = json.loads((result.folder / "execution.json").read_text())
    document["status"] = document["steps"]["A"]["status"] = "Executing"
    (result.folder / "execution.json").write_text(json.dumps(document))
    lines = []
    for name in ("own", "replaced", "rewritten", "copied"):
        lab.put(f"s3://out/fixed/{name}", "of A")
        path = lab.store.path(Location("out", f"fixed/{name}"))
        state = FileState.of(path)
        lines.append(["out", f"fixed/{name}", state.inode, state.size, state.modified])
    (result.folder / "A" / journal.JOURNAL).write_text(
        "".join(f"{json.dumps(line)}\n" for line in lines)
    )
    lab.put("s3://out/fixed/replaced", "of B")  # another file
    path = lab.store.path(Location("out", "fixed/rewritten"))
    path.write_text("of B")  # the same file
    path = lab.store.path(Location("out", "fixed/copied"))
    stat = path.stat()
    path.rename(path.with_name("kept"))
    path.write_text("of A")  # the same bytes at the same time, another's all the same
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert lab.resume().status is Status.SUCCEEDED
    assert lab.keys("s3://out/fixed/") == [
        f"fixed/{name}" for name in ("copied", "kept", "replaced", "rewritten")
    ]


# --- some of the steps ----------------------------------------------------------------------


def test_only_takes_the_rest_from_the_latest_execution(lab: Any, link: Make) -> None:
    source = lab.run(*chain(link))
    started(lab)
    result = lab.run(*chain(link), choices=Choices(only=("B",)))
    assert result.status is Status.SUCCEEDED, result.reason
    assert result.execution_id != source.execution_id
    assert [(e.step, e.execution, e.why) for e in lab.told(Reused)] == [
        ("A", source.execution_id, "selected")
    ]
    assert started(lab) == ["B"]
    assert lab.get(f"s3://out/{result.execution_id}/B/B") == "AB"
    assert result.steps["C"].status is Status.NOT_RUN
    assert result.steps["A"].outputs == {"out": f"s3://out/{source.execution_id}/A"}


def test_from_step_runs_it_and_all_after_it(lab: Any, link: Make) -> None:
    lab.run(*chain(link))
    started(lab)
    result = lab.run(*chain(link), choices=Choices(from_step="B"))
    assert started(lab) == ["B", "C"]
    assert lab.get(f"s3://out/{result.execution_id}/C/C") == "ABC"


def test_the_sources_parameters_hold_unless_others_are_given(lab: Any, link: Make) -> None:
    names = ("X", "Y")
    extra = {"Std:Join": {"On": "", "Values": [{"Get": f"Parameters.{n}"} for n in names]}}
    steps = [link("A"), link("B", "A", environment={"EXTRA": extra})]
    declared = [{"Name": n, "Type": "String", "DefaultValue": "-"} for n in names]
    lab.run(*steps, parameters=declared, given={"X": "1", "Y": "2"})
    only = Choices(only=("B",))
    result = lab.run(*steps, parameters=declared, given={"Y": "3"}, choices=only)
    assert lab.get(f"s3://out/{result.execution_id}/B/B") == "AB13"


def test_a_failed_source_is_good_for_what_succeeded(lab: Any, link: Make, switches: Path) -> None:
    (switches / "fail-C").touch()
    source = lab.run(*chain(link))
    assert source.status is Status.FAILED
    chosen = Choices(only=("B",), source=source.execution_id)
    assert lab.run(*chain(link), choices=chosen).status is Status.SUCCEEDED
    started(lab)
    with pytest.raises(LocalError, match=r"step C is needed.*it is failed"):
        lab.run(
            *chain(link),
            link("D", "C"),
            choices=Choices(only=("D",), source=source.execution_id),
        )


def test_only_runs_although_what_it_waits_for_is_skipped(lab: Any, link: Make) -> None:
    steps = [link("Z"), {**link("A"), "DependsOn": ["Z"]}, {**link("B"), "DependsOn": ["A"]}]
    result = lab.run(*steps, choices=Choices(only=("B",), skip=("A",)))
    assert started(lab) == ["B"]
    assert {name: step.status for name, step in result.steps.items()} == {
        "Z": Status.NOT_RUN,
        "A": Status.SKIPPED,
        "B": Status.SUCCEEDED,
    }


def test_from_step_goes_on_after_a_skipped_one(lab: Any, link: Make) -> None:
    """The skipped one waits for a step that runs, and for one that nobody asked for."""
    skipped = {**link("C"), "DependsOn": ["B", "E"]}
    steps = [link("E"), link("B"), skipped, {**link("D"), "DependsOn": ["C"]}]
    result = lab.run(*steps, choices=Choices(from_step="B", skip=("C",)))
    assert started(lab) == ["B", "D"]
    assert {name: step.status for name, step in result.steps.items()} == {
        "E": Status.NOT_RUN,
        "B": Status.SUCCEEDED,
        "C": Status.SKIPPED,
        "D": Status.SUCCEEDED,
    }


def test_what_is_skipped_between_two_need_not_run(lab: Any, link: Make) -> None:
    steps = [link("A"), {**link("B"), "DependsOn": ["A"]}, {**link("C"), "DependsOn": ["B"]}]
    result = lab.run(*steps, choices=Choices(only=("A", "C"), skip=("B",)))
    assert result.status is Status.SUCCEEDED
    assert started(lab) == ["A", "C"]
    with pytest.raises(SagepipeError, match="B is both selected and skipped"):
        lab.run(*steps, choices=Choices(from_step="B", skip=("B",)))


@pytest.mark.parametrize(
    ("choices", "message"),
    [
        (Choices(only=("A", "C")), "the steps between them must run too; add B"),
        (Choices(only=("X",)), "--only X: the pipeline has no such step"),
        (Choices(from_step="X"), "--from-step X"),
        (Choices(only=("B",)), "has no execution in .* run all of it first"),
        (Choices(only=("B",), source="nope"), "no execution 'nope'"),
        (Choices(source="nope"), "--source needs --only or --from-step"),
        (Choices(only=("C",), skip=("C",)), "C is both selected and skipped"),
    ],
)
def test_selections_that_make_no_sense(
    lab: Any, link: Make, choices: Choices, message: str
) -> None:
    with pytest.raises(SagepipeError, match=message):
        lab.run(*chain(link), choices=choices)
    assert lab.events == []


def test_a_selected_step_of_a_branch_needs_a_source_that_took_it(lab: Any, link: Make) -> None:
    def gate(right: int) -> Json:
        return {
            "Name": "Gate",
            "Type": "Condition",
            "Arguments": {
                "Conditions": [{"Type": "Equals", "LeftValue": 1, "RightValue": right}],
                "IfSteps": [link("Yes")],
                "ElseSteps": [link("No")],
            },
        }

    lab.run(gate(1))
    started(lab)
    assert lab.run(gate(1), choices=Choices(only=("Yes",))).status is Status.SUCCEEDED
    assert started(lab) == ["Yes"]
    with pytest.raises(LocalError, match=r"didn't take; select Gate too"):
        lab.run(gate(1), choices=Choices(only=("No",)))


def test_an_independent_step_needs_no_source(lab: Any, link: Make) -> None:
    assert lab.run(*chain(link), choices=Choices(only=("A",))).status is Status.SUCCEEDED


def test_several_executions_in_one_store_at_the_same_time(
    lab: Any, link: Make, tmp_path: Path
) -> None:
    definition = write_definition(tmp_path / "chain.json", *chain(link))
    engines = [start_engine(lab, definition) for _ in range(3)]
    ended = [engine.communicate(timeout=120) for engine in engines]
    assert [engine.returncode for engine in engines] == [0, 0, 0], ended
    ids = {json.loads(said)["execution_id"] for said, _ in ended}
    assert len(ids) == 3
    for one in ids:
        assert lab.get(f"s3://out/{one}/C/C") == "ABC"
