"""Outputs: at the end and while the job runs, collisions, odd files; with real processes."""

from __future__ import annotations

import json
import os
import shutil
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sagepipe.errors import InputError
from sagepipe.language.s3 import Location
from sagepipe.local.channels import continuous, outputs
from sagepipe.local.events import Note, Status
from sagepipe.local.store import Store

Json = Any
Make = Callable[..., Json]
ML = {"ML": "/opt/ml"}

START = """
    import json, os, signal, sys, time
    ml = os.environ["ML"]
    host = json.load(open(ml + "/config/resourceconfig.json"))["current_host"]
    out = ml + "/processing/output/out/"
    def write(name, text="x"):
        os.makedirs(os.path.dirname(out + name), exist_ok=True)
        with open(out + name, "w") as file:
            file.write(text)
    def until(test):
        deadline = time.time() + 20
        while not test():
            assert time.time() < deadline, "never"
            time.sleep(0.01)
"""


@pytest.fixture(autouse=True)
def _no_thread_outlives_the_job() -> Any:
    before = set(threading.enumerate())
    yield
    assert set(threading.enumerate()) <= before


def streamed(item: Json) -> Json:
    return {**item, "S3Output": {**item["S3Output"], "S3UploadMode": "Continuous"}}


def run(lab: Any, script: str, *declared: Json, last_wins: bool = False, **settings: Any) -> Any:
    step = lab.step("Write", START + script, outputs=list(declared), environment=ML, **settings)
    return lab.run(step, on_collision="last" if last_wins else "fail")


def notes(lab: Any) -> list[str]:
    return [event.text for event in lab.events if isinstance(event, Note)]


def test_nested_and_odd_names_become_keys(lab: Any, make_output: Make) -> None:
    names = ["deep/er/a.csv", "a b/ü 日本.csv", ".hidden", "%=x", "a\\b", "empty"]
    script = f"""
    for name in {names!r}:
        write(name, "" if name == "empty" else name)
    """
    result = run(lab, script, make_output("out", "s3://out/e"))
    assert result.status is Status.SUCCEEDED, result.reason
    assert lab.keys("s3://out/") == sorted((f"e/{name}" for name in names), key=str.encode)
    assert lab.get("s3://out/e/a b/ü 日本.csv") == "a b/ü 日本.csv"


@pytest.mark.parametrize(
    ("uri", "key"),
    [
        ("s3://out", "a"),
        ("s3://out/", "a"),
        ("s3://out/e", "e/a"),
        ("s3://out/e/", "e/a"),
        ("s3://out/e//", "e//a"),
        ("s3://out//e", "/e/a"),
        ("s3://out/e/../../f", "e/../../f/a"),
    ],
)
def test_an_output_goes_where_its_uri_says_and_is_found_there(
    lab: Any, make_input: Make, make_output: Make, uri: str, key: str
) -> None:
    first = lab.step(
        "Write", START + '\n    write("a", "1")', outputs=[make_output("out", uri)], environment=ML
    )
    read = 'import os; assert open(os.environ["ML"] + "/processing/in/a").read() == "1"'
    second = lab.step(
        "Read",
        read,
        inputs=[make_input("in", uri, "/opt/ml/processing/in")],
        environment=ML,
        DependsOn=["Write"],
    )
    result = lab.run(first, second)
    assert result.status is Status.SUCCEEDED, (result.reason, result.steps["Read"].log_tail)
    assert lab.keys("s3://out") == [key]
    assert all(path.is_relative_to(lab.store.root) for path in lab.store.root.parent.rglob("a"))


def test_a_consumer_of_an_empty_output_finds_no_objects(
    lab: Any, make_input: Make, make_output: Make
) -> None:
    nothing = lab.step("Nothing", "", outputs=[make_output("out", "s3://out/e")])
    reader = lab.step(
        "Read",
        "",
        inputs=[make_input("in", "s3://out/e", "/opt/ml/processing/in")],
        DependsOn=["Nothing"],
    )
    result = lab.run(nothing, reader)
    assert result.steps["Nothing"].status is Status.SUCCEEDED
    assert notes(lab) == ["output 'out' is empty: nothing was uploaded"]
    assert result.steps["Read"].status is Status.FAILED
    assert "input 'in': no object under s3://out/e" in result.reason


def test_pipes_sockets_and_links_are_not_uploaded(lab: Any, make_output: Make) -> None:
    script = """
    import socket
    write("a")
    os.mkfifo(out + "fifo")
    os.chdir(out)
    socket.socket(socket.AF_UNIX).bind("socket")
    os.symlink("a", "link")
    os.symlink("..", "folder")
    """
    result = run(lab, script, make_output("out", "s3://out/e"))
    assert result.status is Status.SUCCEEDED, (result.reason, result.steps["Write"].log_tail)
    assert lab.keys("s3://out/") == ["e/a"]


@pytest.mark.parametrize("place", ["processing/output/out", "processing/output"])
def test_a_link_in_an_output_folders_place_is_not_followed(
    lab: Any, make_output: Make, tmp_path: Path, place: str
) -> None:
    (tmp_path / "private" / "out").mkdir(parents=True)
    (tmp_path / "private" / "out" / "key").write_text("secret")
    (tmp_path / "private" / "key").write_text("secret")
    target = tmp_path / "private"
    script = f"""
    import shutil
    shutil.rmtree(ml + "/{place}")
    os.symlink("{target}", ml + "/{place}")
    """
    result = run(lab, script, make_output("out", "s3://out/e"))
    assert result.status is Status.SUCCEEDED
    assert lab.keys("s3://out/") == []
    assert notes(lab) == ["output 'out' is empty: nothing was uploaded"]


def test_an_output_folder_may_lie_in_anothers(lab: Any, make_output: Make) -> None:
    script = """
    write("../a")
    write("b")
    """
    result = run(
        lab,
        script,
        make_output("inner", "s3://out/inner", "/opt/ml/processing/output/out"),
        make_output("outer", "s3://out/outer", "/opt/ml/processing/output/"),
    )
    assert result.status is Status.SUCCEEDED, result.reason
    assert lab.keys("s3://out/") == ["inner/b", "outer/a", "outer/out/b"]


def test_app_managed_outputs_are_the_scripts_own_business(lab: Any, make_output: Make) -> None:
    own = {**make_output("own", "s3://out/own"), "AppManaged": True}
    del own["S3Output"]["LocalPath"]
    features = {
        "OutputName": "f",
        "AppManaged": True,
        "FeatureStoreOutput": {"FeatureGroupName": "g"},
    }
    script = """
    config = json.load(open(ml + "/config/processingjobconfig.json"))
    write("seen", json.dumps(config["ProcessingOutputConfig"]["Outputs"]))
    """
    result = run(lab, script, own, features, make_output("out", "s3://out/e"))
    assert result.status is Status.SUCCEEDED, result.reason
    assert lab.keys("s3://out/") == ["e/seen"]
    assert json.loads(lab.get("s3://out/e/seen"))[:2] == [own, features]
    assert notes(lab) == []


def test_an_output_lies_below_processing(make_output: Make) -> None:
    item = make_output("out", "s3://out/e", "/tmp/x")
    with pytest.raises(InputError, match=r"^output 'out': .*must be a folder below /opt/ml"):
        outputs.folders([item], [])


SAME = """
    write("same.csv", host)
    write(host, host)
    """


def test_the_last_host_wins_where_asked_for_and_it_is_said(lab: Any, make_output: Make) -> None:
    result = run(lab, SAME, make_output("out", "s3://out/e"), instances=3, last_wins=True)
    assert result.status is Status.SUCCEEDED, result.reason
    assert lab.get("s3://out/e/same.csv") == "algo-3"
    assert lab.keys("s3://out/") == ["e/algo-1", "e/algo-2", "e/algo-3", "e/same.csv"]
    assert notes(lab) == [
        "algo-2 and algo-3 both wrote s3://out/e/same.csv; algo-3's was kept "
        "(and 1 more such files)"
    ]


def test_two_outputs_of_one_instance_can_collide_too(lab: Any, make_output: Make) -> None:
    script = """
    write("a")
    write("../two/a")
    """
    result = run(lab, script, make_output("out", "s3://out/e"), make_output("two", "s3://out/e"))
    assert result.status is Status.FAILED
    assert "outputs 'out' and 'two' of algo-1 both wrote s3://out/e/a" in result.reason
    assert lab.keys("s3://out/") == []


def test_a_name_that_is_not_utf8_cannot_be_a_key(lab: Any, make_output: Make) -> None:
    script = """
    open(os.fsencode(out) + b"\\xff", "w").close()
    """
    result = run(lab, script, make_output("out", "s3://out/e"))
    assert result.status is Status.FAILED
    assert "output 'out': algo-1 wrote a file named b'\\xff'; keys are UTF-8" in result.reason


def test_continuous_outputs_are_seen_while_the_job_runs(lab: Any, make_output: Make) -> None:
    """The script waits for its own objects, looking into the store; a file that is still open
    must not be there, and one that has changed must come again."""
    bucket = lab.store.root / "out"
    script = f"""
    bucket = "{bucket}/e/"
    write("a/first-" + host, "1")
    growing = open(out + "growing-" + host, "w")
    growing.write("half")
    growing.flush()
    until(lambda: os.path.exists(bucket + "a/first-" + host))
    write("a/first-" + host, "22")
    until(lambda: open(bucket + "a/first-" + host).read() == "22")
    assert not os.path.exists(bucket + "growing-" + host)
    assert not os.path.exists("{bucket}/end/only")
    growing.write(" and whole")
    growing.close()
    until(lambda: os.path.exists(bucket + "growing-" + host))
    assert open(bucket + "growing-" + host).read() == "half and whole"
    os.remove(out + "a/first-" + host)
    write("last-" + host)
    if host == "algo-1":
        write("../end/only")
    """
    result = run(
        lab,
        script,
        streamed(make_output("out", "s3://out/e")),
        make_output("end", "s3://out/end"),
        instances=2,
    )
    assert result.status is Status.SUCCEEDED, (result.reason, result.steps["Write"].log_tail)
    names = [f"e/{name}-algo-{n}" for name in ("a/first", "growing", "last") for n in (1, 2)]
    assert lab.keys("s3://out/") == [*names, "end/only"]
    assert notes(lab) == []


def test_what_a_failed_job_has_uploaded_stays_and_nothing_half_written_is_there(
    lab: Any, make_output: Make
) -> None:
    """Nor what a file looked like when its process was killed."""
    bucket = lab.store.root / "out" / "e"
    script = f"""
    write("whole", "whole")
    half = open(out + "half", "w")
    half.write("half")
    half.flush()
    until(lambda: os.path.exists("{bucket}/whole"))
    write("late")
    import ctypes
    ctypes.string_at(0)  # crashes: the first process of a namespace can't SIGKILL itself
    """
    result = run(lab, script, streamed(make_output("out", "s3://out/e")))
    assert result.status is Status.FAILED
    assert result.reason.endswith("exit code: 139")
    assert lab.keys("s3://out/") == ["e/whole"]


def test_a_collision_of_continuous_outputs_ends_the_job(lab: Any, make_output: Make) -> None:
    script = """
    write("same", host)
    time.sleep(60)
    """
    began = time.monotonic()
    result = run(lab, script, streamed(make_output("out", "s3://out/e")), instances=2)
    assert time.monotonic() - began < 20
    assert result.status is Status.FAILED
    assert "algo-1 and algo-2 both wrote s3://out/e/same" in result.reason


def test_a_file_that_was_uploaded_and_removed_still_collides(lab: Any, make_output: Make) -> None:
    bucket = lab.store.root / "out" / "e"
    script = f"""
    if host == "algo-1":
        write("same", host)
        until(lambda: os.path.exists("{bucket}/same"))
        os.remove(out + "same")
        write("removed")
    until(lambda: os.path.exists("{bucket}/removed"))
    if host == "algo-2":
        write("same", host)
    """
    result = run(lab, script, streamed(make_output("out", "s3://out/e")), instances=2)
    assert result.status is Status.FAILED
    assert "both wrote s3://out/e/same" in result.reason


def test_a_continuous_output_that_stays_empty_is_said(lab: Any, make_output: Make) -> None:
    run(lab, "", streamed(make_output("out", "s3://out/e")))
    assert notes(lab) == ["output 'out' is empty: nothing was uploaded"]


def test_a_continuous_upload_that_the_store_refuses_fails_the_job(
    lab: Any, make_output: Make
) -> None:
    lab.put("s3://out/e/a/b")
    script = """
    write("a")
    time.sleep(60)
    """
    result = run(lab, script, streamed(make_output("out", "s3://out/e")))
    assert result.status is Status.FAILED
    assert "s3://out/e/a: the store is a folder" in result.reason


def uploader(tmp_path: Path, **changes: Any) -> continuous.Uploader:
    folder = outputs.OutputFolder(
        "out", "algo-1", tmp_path / "ml", tmp_path / "ml/out", Location("out", "e"), True
    )
    folder.folder.mkdir(parents=True)
    settings = {
        "folders": [folder],
        "staged": set(),
        "store": Store(tmp_path / "store"),
        "claims": outputs.Claims(last_wins=False),
        "alive": lambda host: True,
    }
    return continuous.Uploader(**{**settings, **changes})


def test_what_is_copied_as_its_process_is_killed_is_not_published(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    alive = True
    copy = shutil.copyfile

    def killed_meanwhile(source: Path, target: Path) -> None:
        nonlocal alive
        copy(source, target)
        alive = False

    monkeypatch.setattr(shutil, "copyfile", killed_meanwhile)
    uploads = uploader(tmp_path, alive=lambda host: alive)
    (tmp_path / "ml/out/a").write_text("half")
    uploads.start()
    deadline = time.monotonic() + 10
    while alive and time.monotonic() < deadline:
        time.sleep(0.01)
    uploads.stop()
    assert not alive
    assert uploads.uploaded == {}
    assert Store(tmp_path / "store").list(Location("out")) == []


def test_a_writer_that_opens_a_file_while_it_is_looked_at_does_no_harm(tmp_path: Path) -> None:
    """The kernel announces it by a signal, which would by default end this process."""
    path = tmp_path / "a"
    path.write_text("x")
    stop = threading.Event()

    def look() -> None:
        while not stop.is_set():
            continuous._is_closed(path)

    threads = [threading.Thread(target=look) for _ in range(2)]
    for thread in threads:
        thread.start()
    for _ in range(2000):
        with path.open("a") as file:
            file.write("x")
    stop.set()
    for thread in threads:
        thread.join()
    assert path.stat().st_size == 2001


def test_without_leases_a_file_must_have_settled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a"
    path.write_text("x")
    monkeypatch.delattr(continuous.fcntl, "F_SETLEASE")
    assert not continuous._is_closed(path)
    past = time.time() - continuous.SETTLED_SECONDS - 1
    os.utime(path, (past, past))
    assert continuous._is_closed(path)
    assert not continuous._is_closed(tmp_path / "gone")
