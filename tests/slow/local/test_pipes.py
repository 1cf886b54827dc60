"""Pipe mode: FIFOs, their manifest, and readers of every habit; with real processes."""

from __future__ import annotations

import gzip
import json
import os
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from sagepipe.language.s3 import Location
from sagepipe.local.events import Event, InstanceChanged, Status

Json = Any
Make = Callable[..., Json]
ML = {"ML": "/opt/ml"}
IN = "/opt/ml/processing/in"

START = """
    import json, os, threading, time
    ml = os.environ["ML"]
    host = json.load(open(ml + "/config/resourceconfig.json"))["current_host"]
    top = ml + "/processing/in/"
    def keep(value):
        json.dump(value, open(ml + "/processing/output/out/" + host, "w"))
"""


@pytest.fixture(autouse=True)
def _no_thread_outlives_the_job() -> Any:
    before = set(threading.enumerate())
    yield
    assert set(threading.enumerate()) <= before


def piped(item: Json, **members: Json) -> Json:
    return {**item, "S3Input": {**item["S3Input"], "S3InputMode": "Pipe", **members}}


def kept(
    lab: Any, make_output: Make, script: str, *given: Json, instances: int = 1, **settings: Any
) -> list[Json]:
    """What each instance kept."""
    result = run(lab, make_output, script, *given, instances=instances, **settings)
    assert result.status is Status.SUCCEEDED, (result.reason, result.steps["Read"].log_tail)
    return [json.loads(lab.get(f"s3://out/e/algo-{n}")) for n in range(1, instances + 1)]


def run(lab: Any, make_output: Make, script: str, *given: Json, **settings: Any) -> Any:
    step = lab.step(
        "Read",
        START + script,
        inputs=list(given),
        outputs=[make_output("out", "s3://out/e")],
        environment=ML,
        **settings,
    )
    return lab.run(step)


def test_the_layout_that_was_seen_on_the_service(
    lab: Any, make_input: Make, make_output: Make
) -> None:
    lab.put("s3://in/raw/b.csv", "b,no newline at the end")
    lab.put("s3://in/raw/a.csv", "a\n")
    lab.put("s3://more/x", "beside")
    script = """
    import stat
    kinds = {name: stat.S_ISFIFO(os.stat(top + name).st_mode) for name in os.listdir(top)}
    keep([kinds, open(top + "input-1-manifest").read(), open(top + "input-1_0").read()])
    """
    data = piped(make_input("input-1", "s3://in/raw/", IN, "ShardedByS3Key"))
    beside = make_input("more", "s3://more/", f"{IN}/more")
    ((kinds, manifest, content),) = kept(lab, make_output, script, data, beside)
    assert kinds == {"input-1-manifest": False, "input-1_0": True, "input-1_1": True, "more": False}
    assert manifest.split("\n")[1:] == ["s3://in/raw/a.csv", "s3://in/raw/b.csv", ""]
    assert not manifest.startswith("s3://")
    assert content == "a\nb,no newline at the end"


def test_shards_come_through_the_pipes_of_their_instances(
    lab: Any, make_input: Make, make_output: Make
) -> None:
    for name in ("a", "b", "c"):
        lab.put(f"s3://in/{name}", name * 100_000)
    script = """
    uris = open(top + "data-manifest").read().split()[1:]
    keep([uris, open(top + "data_0").read()])
    """
    sharded = piped(make_input("data", "s3://in/", IN, "ShardedByS3Key"))
    seen = kept(lab, make_output, script, sharded, instances=4)
    assert seen[3] == [[], ""]
    assert [uris for uris, _ in seen[:3]] == [[f"s3://in/{name}"] for name in "abc"]
    assert [content for _, content in seen[:3]] == [name * 100_000 for name in "abc"]
    whole = piped(make_input("data", "s3://in/", IN))
    seen = kept(lab, make_output, script, whole, instances=2)
    assert all(content == "".join(name * 100_000 for name in "abc") for _, content in seen)


def test_each_pipe_gives_the_stream_once_and_the_next_again(
    lab: Any, make_input: Make, make_output: Make
) -> None:
    lab.put("s3://in/a", "x" * 3_000_000)
    script = """
    seen = []
    for epoch in range(5):
        seen.append(len(open(top + f"data_{epoch}").read()))
        while os.path.exists(top + f"data_{epoch}"):  # it goes with its end of file
            time.sleep(0.01)
        seen.append(sorted(name for name in os.listdir(top) if "manifest" not in name))
    keep(seen)
    """
    (seen,) = kept(lab, make_output, script, piped(make_input("data", "s3://in/", IN)))
    assert seen[::2] == [3_000_000] * 5
    assert seen[1::2] == [[f"data_{n + 1}", f"data_{n + 2}"] for n in range(5)]


def test_two_pipes_are_read_at_the_same_time(lab: Any, make_input: Make, make_output: Make) -> None:
    lab.put("s3://in/a", "0123456789" * 200_000)
    script = """
    one, two = open(top + "data_1", "rb"), open(top + "data_0", "rb")
    lengths = [0, 0]
    while True:
        pieces = two.read(70_000), one.read(100_000)
        if not any(pieces):
            break
        lengths = [length + len(piece) for length, piece in zip(lengths, pieces)]
    keep(lengths)
    """
    (lengths,) = kept(lab, make_output, script, piped(make_input("data", "s3://in/", IN)))
    assert lengths == [2_000_000, 2_000_000]


def test_gzip_objects_are_unpacked_member_by_member(
    lab: Any, make_input: Make, make_output: Make
) -> None:
    for name, content in (
        ("a.gz", gzip.compress(b"one\n") + gzip.compress(b"two\n")),
        ("b.gz", gzip.compress(b"y" * 3_000_000)),
        ("c.gz", gzip.compress(b"")),
    ):
        lab.store.put(Location("in", name), content)
    script = """
    content = open(top + "data_0").read()
    keep([content[:10], len(content)])
    """
    data = piped(make_input("data", "s3://in/", IN), S3CompressionType="Gzip")
    assert kept(lab, make_output, script, data) == [["one\ntwo\nyy", 3_000_008]]


def test_without_gzip_the_bytes_are_the_objects_own(
    lab: Any, make_input: Make, make_output: Make
) -> None:
    packed = gzip.compress(b"one")
    lab.store.put(Location("in", "a.gz"), packed)
    script = """
    keep(open(top + "data_0", "rb").read().hex())
    """
    data = piped(make_input("data", "s3://in/", IN))
    assert kept(lab, make_output, script, data) == [packed.hex()]


def test_a_reader_that_comes_late(lab: Any, make_input: Make, make_output: Make) -> None:
    lab.put("s3://in/a", "x" * 200_000)
    script = """
    time.sleep(1)
    keep(len(open(top + "data_0").read()))
    """
    data = piped(make_input("data", "s3://in/", IN))
    assert kept(lab, make_output, script, data) == [200_000]


def test_a_reader_that_leaves_early_finds_the_next_pipe(
    lab: Any, make_input: Make, make_output: Make
) -> None:
    lab.put("s3://in/a", "x" * 5_000_000)
    script = """
    with open(top + "data_0", "rb", buffering=0) as pipe:
        pipe.read(10)
    keep(len(open(top + "data_1").read()))
    """
    data = piped(make_input("data", "s3://in/", IN))
    assert kept(lab, make_output, script, data) == [5_000_000]


@pytest.mark.parametrize(
    "habit",
    [
        "",
        'open(top + "data_0", "rb", buffering=0).read(10)',
        'kept_open = open(top + "data_0", "rb", buffering=0); kept_open.read(10)',
        'os.remove(top + "data_0"); os.remove(top + "data_1")',
        'os.remove(top + "data_0"); open(top + "data_0", "w").write("mine")',
        "import shutil; shutil.rmtree(top)",
    ],
    ids=["never comes", "leaves", "stays but stops", "removes", "replaces", "removes all"],
)
def test_whatever_a_reader_does_the_job_ends(
    lab: Any, make_input: Make, make_output: Make, habit: str
) -> None:
    lab.put("s3://in/a", "x" * 5_000_000)
    began = time.monotonic()
    script = f"""
    {habit}
    time.sleep(0.3)
    keep("fine")
    """
    data = piped(make_input("data", "s3://in/", IN))
    assert kept(lab, make_output, script, data, instances=2) == ["fine", "fine"]
    assert time.monotonic() - began < 8


def test_a_link_in_a_pipes_place_is_not_written_through(
    lab: Any, make_input: Make, make_output: Make
) -> None:
    lab.put("s3://in/a", "overwritten")
    target = lab.store.root / "precious"
    target.write_text("precious")
    script = f"""
    os.remove(top + "data_0")
    os.symlink("{target}", top + "data_0")
    time.sleep(0.3)
    keep("fine")
    """
    assert kept(lab, make_output, script, piped(make_input("data", "s3://in/", IN))) == ["fine"]
    assert target.read_text() == "precious"


def test_a_failing_instance_and_a_blocked_sibling_end(
    lab: Any, make_input: Make, make_output: Make
) -> None:
    lab.put("s3://in/a", "x" * 5_000_000)
    script = """
    pipe = open(top + "data_0", "rb", buffering=0)
    pipe.read(10)
    if host == "algo-2":
        raise SystemExit(3)
    time.sleep(60)
    """
    began = time.monotonic()
    data = piped(make_input("data", "s3://in/", IN))
    result = run(lab, make_output, script, data, instances=2)
    assert result.reason.endswith("AlgorithmError: , exit code: 3")
    assert time.monotonic() - began < 8


def test_a_time_limit_ends_a_job_that_waits_at_a_pipe(
    lab: Any, make_input: Make, make_output: Make
) -> None:
    lab.put("s3://in/a", "x")
    script = """
    open(top + "data_5000", "w").close()
    os.mkfifo(top + "mine")
    open(top + "mine").read()
    """
    result = run(lab, make_output, script, piped(make_input("data", "s3://in/", IN)), max_runtime=1)
    assert result.status is Status.FAILED
    assert "MaxRuntimeInSeconds" in result.reason


def test_stopping_ends_a_job_whose_pipe_is_being_read(
    lab: Any, make_input: Make, make_output: Make
) -> None:
    lab.put("s3://in/a", "x" * 5_000_000)
    began = time.monotonic()
    threading.Timer(1, lab.stop.set).start()
    script = """
    pipe = open(top + "data_0", "rb", buffering=0)
    pipe.read(10)
    time.sleep(60)
    """
    result = run(lab, make_output, script, piped(make_input("data", "s3://in/", IN)), instances=2)
    assert result.status is Status.STOPPED
    assert time.monotonic() - began < 8


@pytest.mark.parametrize("damage", ["cut", "plain"])
def test_a_damaged_object_is_named_and_never_looks_like_the_end_of_the_data(
    lab: Any, make_input: Make, make_output: Make, damage: str
) -> None:
    whole = gzip.compress(os.urandom(300_000))
    lab.store.put(Location("in", "a.gz"), whole)
    lab.store.put(Location("in", "b.gz"), whole[:-9] if damage == "cut" else b"a,b\n1,2\n")
    script = """
    keep(len(open(top + "data_0", "rb").read()))
    """
    data = piped(make_input("data", "s3://in/", IN), S3CompressionType="Gzip")
    result = run(lab, make_output, script, data)
    assert result.status is Status.FAILED
    assert "ClientError: s3://in/b.gz is not a whole gzip file" in result.reason
    assert lab.keys("s3://out/") == []


def test_an_object_that_is_gone_when_its_turn_comes_fails_the_job(
    lab: Any, make_input: Make, make_output: Make
) -> None:
    lab.put("s3://in/a", "x" * 5_000_000)
    lab.put("s3://in/b")

    class Removing(list[Event]):
        def append(self, event: Event) -> None:
            super().append(event)
            if isinstance(event, InstanceChanged) and event.status is Status.EXECUTING:
                (lab.store.root / "in" / "b").unlink()

    lab.events = Removing()
    script = """
    time.sleep(0.2)
    keep(len(open(top + "data_0").read()))
    """
    result = run(lab, make_output, script, piped(make_input("data", "s3://in/", IN)))
    assert result.status is Status.FAILED
    assert "s3://in/b cannot be read: No such file" in result.reason


def test_a_key_that_is_no_line_of_text_is_refused(
    lab: Any, make_input: Make, make_output: Make
) -> None:
    lab.put("s3://in/a\nb", "x")
    result = run(lab, make_output, "", piped(make_input("data", "s3://in/", IN)))
    assert "which the manifest of Pipe mode can't hold" in result.reason


def test_an_input_that_would_be_where_a_pipe_is_refused(
    lab: Any, make_input: Make, make_output: Make
) -> None:
    lab.put("s3://in/a")
    lab.put("s3://more/data_0")
    one = piped(make_input("data", "s3://in/", f"{IN}/deep"))
    two = make_input("more", "s3://more/", IN)
    lab.put("s3://more/deep/data_0")
    result = run(lab, make_output, "", one, two)
    assert f"would both be {IN}/deep/data_0" in result.reason


def test_a_manifest_file_and_a_pipe(lab: Any, make_input: Make, make_output: Make) -> None:
    for name in ("a", "b", "c"):
        lab.put(f"s3://in/{name}", name)
    lab.put("s3://lists/m", json.dumps([{"prefix": "s3://in/"}, "c", "a"]))
    data = piped(make_input("data", "s3://lists/m", IN), S3DataType="ManifestFile")
    script = """
    keep([open(top + "data-manifest").read().split()[1:], open(top + "data_0").read()])
    """
    assert kept(lab, make_output, script, data) == [[["s3://in/c", "s3://in/a"], "ca"]]
