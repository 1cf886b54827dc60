"""What is on the disk from before, damaged: it is named, stepped over, and in no new run's way."""

from __future__ import annotations

import json
import os
import stat
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sagepipe.errors import DefinitionError, LocalError
from sagepipe.local import record, remembered
from sagepipe.local.channels import journal
from sagepipe.local.choices import Choices
from sagepipe.local.events import Note, Remark, Reused, Status

Json = Any
Make = Callable[..., Json]

WRITES = """
    import os, sys
    if os.path.exists(os.environ["SWITCH"]):
        sys.exit(1)
    open(os.environ["ML"] + "/processing/output/out/x", "w").write("x")
"""
# Right JSON, or nearly, of every wrong shape; a record, a cache entry and so on are objects.
DAMAGE = [
    b"",
    b"{",
    b"null",
    b"5",
    b'"text"',
    b"[]",
    b"[[]]",
    b"{}",
    b'{"schema": 2}',
    b'{"steps": []}',
    b'{"Steps": 5}',
    b'{"Steps": [5]}',
    b"\xff\xfe",
    b"[" * 100_000,
]

# The state of the disk is the same with and without namespaces.
either = pytest.mark.parametrize("lab", ["paths"], indirect=True)


@pytest.fixture
def step(lab: Any, make_output: Make, tmp_path: Path) -> Json:
    return lab.step(
        "A",
        WRITES,
        outputs=[make_output("out", "s3://out/a")],
        environment={"ML": "/opt/ml", "SWITCH": str(tmp_path / "fail")},
        CacheConfig={"Enabled": True, "ExpireAfter": "P1D"},
    )


@either
def test_a_damaged_entry_of_the_step_cache_is_dropped_and_said(lab: Any, step: Json) -> None:
    lab.run(step)
    [entry] = (lab.store.state / "step-cache").rglob("*.json")
    good = json.loads(entry.read_bytes())
    wrong = [
        *({**good, name: 5} for name in ("execution", "cluster", "read", "written", "result")),
        {**good, "ended": "yesterday"},
        {**good, "result": {**good["result"], "status": "?"}},
        {name: value for name, value in good.items() if name != "read"},
        {"schema": good["schema"]},
    ]
    empty = [one for one in DAMAGE if not one.startswith(b"{") or one == b"{"]
    for content in [*empty, *(json.dumps(one).encode() for one in wrong)]:
        for other in entry.parent.iterdir():
            other.unlink()
        entry.write_bytes(content)
        lab.events.clear()
        assert lab.run(step).status is Status.SUCCEEDED, content
        [said] = [event.text for event in lab.told(Note)]
        assert said.startswith(f"a damaged entry of the step cache is dropped: {entry}: ")
        assert not lab.told(Reused)
        assert not entry.exists()


@either
def test_a_damaged_record_is_in_no_new_runs_way(lab: Any, step: Json) -> None:
    after = {**lab.step("B", "print('b')"), "DependsOn": ["A"]}
    good = lab.run(step, after)
    time.sleep(0.01)
    bad = lab.run(step, after)
    for content in DAMAGE:
        (bad.folder / record.RECORD).write_bytes(content)
        lab.events.clear()
        result = lab.run(step, after, choices=Choices(only=("B",)))
        assert result.status is Status.SUCCEEDED
        [said] = [event.text for event in lab.told(Remark)]
        assert str(bad.folder) in said
        assert "it is stepped over" in said
        assert [event.execution for event in lab.told(Reused)] == [good.execution_id]
        with pytest.raises(LocalError, match="can't be read"):
            lab.resume(bad.execution_id)
        for path in result.folder.glob("*.json"):
            path.unlink()  # the next one is to find the same
        os.utime(bad.folder / record.RECORD)


@either
def test_a_damaged_definition_is_named(lab: Any, step: Json, tmp_path: Path) -> None:
    (tmp_path / "fail").touch()
    failed = lab.run(step)
    for content in DAMAGE:
        (failed.folder / record.DEFINITION).write_bytes(content)
        with pytest.raises(LocalError, match=r"definition.json can't be read"):
            lab.resume(failed.execution_id)
    assert lab.run(step).status is Status.FAILED


@either
@pytest.mark.parametrize("content", [*DAMAGE, b"[]\n", b'["out"]\n', b"[1, 2, 3, 4, 5]\n{}\n"])
def test_a_damaged_journal_is_said_and_the_execution_goes_on(
    lab: Any, step: Json, tmp_path: Path, content: bytes
) -> None:
    (tmp_path / "fail").touch()
    failed = lab.run(step)
    (tmp_path / "fail").unlink()
    (failed.folder / "A" / journal.JOURNAL).write_bytes(content)
    lab.events.clear()
    assert lab.resume().status is Status.SUCCEEDED
    said = [event.text for event in lab.told(Remark)]
    assert [f"{journal.JOURNAL} is damaged in" in text for text in said] == (
        [True] if b"\n" in content else []  # a line that was not finished was never acted on
    )
    assert not list(failed.folder.rglob(journal.JOURNAL))


@either
def test_how_it_ran_may_be_lost(lab: Any, step: Json, tmp_path: Path) -> None:
    (tmp_path / "fail").touch()
    failed = lab.run(step)
    for content in [one for one in DAMAGE if one != b"{}"]:
        (failed.folder / record.RUNTIME).write_bytes(content)
        kept, said = remembered.recall(lab.store, failed.execution_id)
        assert kept == remembered.Remembered()
        assert "is not known any more" in said


# --- what killed engines leave ----------------------------------------------------------------


@either
def test_what_killed_engines_left_is_swept(lab: Any, step: Json) -> None:
    executions = lab.store.state / "executions"
    before = lab.run(step)
    scratch = before.folder / "A" / "attempt-2" / "algo-1" / "ml"
    scratch.mkdir(parents=True)
    (before.folder / "execution.json.tmp").write_text("{")
    nothing = executions / "nothing"
    nothing.mkdir()
    (nothing / record.LOCK).touch()
    os.utime(nothing, (0, 0))
    running = executions / "running"
    (running / "A" / "algo-1").mkdir(parents=True)
    os.utime(running, (0, 0))
    with record.held(running):
        lab.run(step)
        assert (running / "A" / "algo-1").is_dir()
    assert not scratch.parent.exists()
    assert (before.folder / "A" / "algo-1.log").exists()
    assert not (before.folder / "execution.json.tmp").exists()
    assert not nothing.exists()


@either
def test_a_record_is_there_before_anything_else_happens(lab: Any, step: Json) -> None:
    seen: list[Any] = []

    class Events(list[Any]):
        def append(self, event: Any) -> None:
            super().append(event)
            if not isinstance(event, Remark) and len(self) > 1:
                [path] = record.recent(lab.store)
                seen.append(record.read(lab.store, path.parent.name).status)

    lab.events = Events()
    lab.run(step)
    assert set(seen) == {Status.EXECUTING}


# --- an execution that ends as nobody thought ---------------------------------------------------


@either
def test_a_wrong_duration_is_refused_before_there_is_a_record(lab: Any, step: Json) -> None:
    with pytest.raises(DefinitionError, match="ExpireAfter"):
        lab.run({**step, "CacheConfig": {"Enabled": True, "ExpireAfter": "tomorrow"}})
    assert not record.recent(lab.store)


@either
@pytest.mark.parametrize("error", [RuntimeError("a bug"), KeyboardInterrupt(), LookupError("x")])
def test_no_exception_leaves_a_record_at_executing(
    lab: Any, step: Json, error: BaseException
) -> None:
    class Events(list[Any]):
        def append(self, event: Any) -> None:
            super().append(event)
            if len(self) == 3:
                raise error

    lab.events = Events()
    with pytest.raises(type(error)):
        lab.run(step)
    [path] = record.recent(lab.store)
    found = record.read(lab.store, path.parent.name)
    stopped = isinstance(error, KeyboardInterrupt)
    assert found.status is (Status.STOPPED if stopped else Status.FAILED)
    assert found.reason == ("" if stopped else f"{type(error).__name__}: {error}")
    lab.events = []
    lab.stop.clear()
    assert lab.resume().status is Status.SUCCEEDED


@either
def test_the_record_of_how_it_runs_is_the_owners_alone(lab: Any, step: Json) -> None:
    os.umask(0o022)
    result = lab.run(step, environment={"TOKEN": "secret"})
    mode = stat.S_IMODE((result.folder / record.RUNTIME).stat().st_mode)
    assert mode == 0o600
    others = [path for path in result.folder.iterdir() if path.name != record.RUNTIME]
    assert not [p for p in others if p.is_file() and "secret" in p.read_text()]
