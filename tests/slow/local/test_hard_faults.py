"""Faults as they come: processes killed from outside, a disk that is full, Ctrl-C while publishing.

Nothing here is played: engines are killed by SIGKILL at the moment that the file system shows, and
disks are full. What is held: no half-written object under a key, no process left, and the resumed
execution has the result of an undisturbed one.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from sagepipe.language.s3 import Location
from sagepipe.local.channels import journal
from sagepipe.local.events import InstanceChanged, Status
from sagepipe.local.moving import PART
from sagepipe.local.store import Mount, Store

Json = Any
Make = Callable[..., Json]

ROOT = Path(__file__).resolve().parents[3]
FILES = 4000

# Collecting is the same with and without namespaces.
either = pytest.mark.parametrize("lab", ["paths"], indirect=True)

# Many small files, whole only with their own digest, and one whose name differs every time.
MANY = f"""
    import hashlib, os, uuid
    out = os.environ["ML"] + "/processing/output/out"
    os.makedirs(out + "/nested")
    for n in range({FILES}):
        body = str(n) * 300
        with open(f"{{out}}/nested/{{n:05d}}", "w") as file:
            file.write(body + hashlib.sha256(body.encode()).hexdigest())
    open(f"{{out}}/run-{{uuid.uuid4().hex}}", "w").close()
"""
LARGE_BYTES = 192 << 20
LARGE = f"""
    import os
    with open(os.environ["ML"] + "/processing/output/out/large", "wb") as file:
        for _ in range({LARGE_BYTES >> 20}):
            file.write(bytes(1 << 20))
"""


def wait_for(condition: Callable[[], Any], seconds: float = 60) -> Any:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if found := condition():
            return found
        time.sleep(0.0005)
    raise AssertionError("it never happened")


def with_mark(mark: str, file: str = "environ") -> list[int]:
    """The processes that have a text in their environment (or command line)."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            if mark.encode() in Path("/proc", pid, file).read_bytes():
                found.append(int(pid))
        except OSError:
            continue
    return found


def start_engine(lab: Any, *options: str) -> subprocess.Popen[str]:
    isolation = "namespaces" if lab.isolated else "paths"
    fixed = ["--store", str(lab.store.root), "--isolation", isolation, "--quiet", "--json"]
    return subprocess.Popen(
        [sys.executable, "-m", "sagepipe", "run", *fixed, *options],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def write_definition(path: Path, *steps: Json) -> Path:
    path.write_text(json.dumps({"Version": "2020-12-01", "Steps": list(steps)}))
    return path


@pytest.fixture
def other_disk() -> Iterator[Path]:
    """A folder on another file system than pytest's, where publishing has to copy."""
    shared = Path("/dev/shm")
    if not os.access(shared, os.W_OK) or shared.stat().st_dev == Path(ROOT).stat().st_dev:
        pytest.skip("no second file system in /dev/shm")
    if shutil.disk_usage(shared).free < 2 * LARGE_BYTES:
        pytest.skip("/dev/shm is too small")
    folder = Path(tempfile.mkdtemp(dir=shared))
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(params=["same disk", "other disk"])
def bucket(lab: Any, request: pytest.FixtureRequest) -> Path:
    """The folder of bucket `out`: published to by renaming files, or by copying them."""
    if request.param == "same disk":
        return Path(lab.store.root, "out")
    folder: Path = request.getfixturevalue("other_disk")
    return folder


def option(lab: Any, bucket: Path) -> list[str]:
    return [] if bucket.is_relative_to(lab.store.root) else ["--bucket", f"out={bucket}"]


def objects(bucket: Path) -> dict[str, bytes]:
    """What is under the bucket's keys, by key; every object of MANY is checked to be whole."""
    with tempfile.TemporaryDirectory() as root:
        mounts = (Mount("out", "", bucket),) if bucket.is_dir() else ()
        listed = Store(Path(root), mounts).list(Location("out"))
        found = {item.key: item.path.read_bytes() for item in listed}
    for key, content in found.items():
        if "/nested/" in key:
            assert hashlib.sha256(content[:-64]).hexdigest() == content[-64:].decode(), key
    return found


def check_undisturbed(bucket: Path) -> None:
    """The bucket has what one run of MANY leaves, and nothing else."""
    found = objects(bucket)
    assert sorted(found)[:FILES] == [f"e/nested/{n:05d}" for n in range(FILES)]
    [other] = sorted(found)[FILES:]
    assert other.startswith("e/run-")


def many(lab: Any, make_output: Make, mark: Path) -> Json:
    return lab.step(
        "Many",
        MANY,
        outputs=[make_output("out", "s3://out/e")],
        environment={"ML": "/opt/ml", "MARK": str(mark)},
    )


def signalled_while_publishing(
    lab: Any, definition: Path, bucket: Path, number: int
) -> tuple[subprocess.Popen[str], str]:
    """An engine that got a signal when some objects were there and others not; what it said."""
    options = ["--definition", str(definition), "--unchecked", *option(lab, bucket)]
    process = start_engine(lab, *options)
    published = bucket / "e" / "nested"
    wait_for(lambda: published.is_dir() and list(published.glob("[0-9]*")))
    process.send_signal(number)
    _, said = process.communicate(timeout=60)
    return process, said


def check_nothing_left(lab: Any, mark: Path) -> None:
    wait_for(lambda: not with_mark(str(mark)))
    assert not list(lab.store.state.glob(f"executions/*/**/{journal.JOURNAL}*"))
    assert not list(lab.store.state.glob("executions/*/**/algo-*/"))


def resume(lab: Any) -> None:
    process = start_engine(lab, "--resume")
    _, said = process.communicate(timeout=60)
    assert process.returncode == 0, said


@either
def test_an_engine_killed_while_it_publishes(
    lab: Any, make_output: Make, tmp_path: Path, bucket: Path
) -> None:
    definition = write_definition(tmp_path / "many.json", many(lab, make_output, tmp_path))
    process, _ = signalled_while_publishing(lab, definition, bucket, signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL
    assert len(list(lab.store.state.glob(f"executions/*/Many/{journal.JOURNAL}"))) == 1
    assert 0 < len(objects(bucket)) < FILES  # in the middle, and what is there is whole
    wait_for(lambda: not with_mark(str(tmp_path)))
    resume(lab)
    check_undisturbed(bucket)
    check_nothing_left(lab, tmp_path)


@either
def test_ctrl_c_while_publishing_takes_back_what_was_published(
    lab: Any, make_output: Make, tmp_path: Path, bucket: Path
) -> None:
    definition = write_definition(tmp_path / "many.json", many(lab, make_output, tmp_path))
    process, said = signalled_while_publishing(lab, definition, bucket, signal.SIGINT)
    assert process.returncode == 130, said
    assert objects(bucket) == {}
    check_nothing_left(lab, tmp_path)
    [record] = lab.store.state.glob("executions/*/execution.json")
    assert json.loads(record.read_text())["steps"]["Many"]["status"] == "Stopped"
    resume(lab)
    check_undisturbed(bucket)
    check_nothing_left(lab, tmp_path)


@either
def test_an_engine_killed_within_one_large_object(
    lab: Any, make_output: Make, tmp_path: Path, other_disk: Path
) -> None:
    step = lab.step(
        "Large",
        LARGE,
        outputs=[make_output("out", "s3://out/e")],
        environment={"ML": "/opt/ml", "MARK": str(tmp_path)},
    )
    definition = write_definition(tmp_path / "large.json", step)
    options = ["--definition", str(definition), "--unchecked", *option(lab, other_disk)]
    process = start_engine(lab, *options)
    wait_for(lambda: list(other_disk.glob(f"e/{PART}*")))
    process.kill()
    process.communicate(timeout=60)
    [part] = other_disk.glob(f"e/{PART}*")
    assert part.stat().st_size < LARGE_BYTES
    assert objects(other_disk) == {}  # nothing under the key
    wait_for(lambda: not with_mark(str(tmp_path)))
    resume(lab)
    assert {key: len(body) for key, body in objects(other_disk).items()} == {"e/large": LARGE_BYTES}
    check_nothing_left(lab, tmp_path)


# --- an instance killed -----------------------------------------------------------------------

PAIR = """
    import json, os, time
    with open(os.environ["ML"] + "/config/resourceconfig.json") as config:
        host = json.load(config)["current_host"]
    with open(f"{os.environ['ML']}/processing/output/out/{host}", "w") as file:
        file.write("first half, ")
        open(os.environ["MARK"] + "/began-" + host, "w").close()
        while os.path.exists(os.environ["MARK"] + "/wait"):
            time.sleep(0.01)
        file.write("second half")
"""


@pytest.mark.parametrize("moment", ["start", "middle"])
@pytest.mark.parametrize("whom", ["supervisor", "script"])
def test_an_instance_killed(
    lab: Any, make_output: Make, tmp_path: Path, moment: str, whom: str
) -> None:
    """The script, or what supervises it: without namespaces that is one process."""
    step = lab.step(
        "Pair",
        PAIR,
        instances=2,
        outputs=[make_output("out", "s3://out/e")],
        environment={"ML": "/opt/ml", "MARK": str(tmp_path)},
    )
    (tmp_path / "wait").touch()
    killed: list[int] = []

    def kill(folder: Path) -> None:
        if whom == "supervisor" and lab.isolated:
            victims = wait_for(lambda: with_mark(f"confine.py\0{folder}/", "cmdline"))
        else:
            victims = wait_for(lambda: with_mark(f"HOME={folder}/home"))
        killed.append(min(victims))  # the supervisor is older than what it starts
        os.kill(killed[0], signal.SIGKILL)

    class Killer(list[Any]):
        def append(self, event: Any) -> None:
            """Called by the engine as it happens."""
            super().append(event)
            if not killed and isinstance(event, InstanceChanged) and event.host == "algo-2":
                if moment == "middle":
                    wait_for(lambda: (tmp_path / "began-algo-2").exists())
                assert event.log is not None
                kill(event.log.parent / event.host)

    lab.events = Killer()
    failed = lab.run(step)
    assert killed
    assert failed.status is Status.FAILED
    assert failed.steps["Pair"].reason == "AlgorithmError: , exit code: 137"
    assert lab.keys("s3://out/") == []
    check_nothing_left(lab, tmp_path)
    (tmp_path / "wait").unlink()
    assert lab.resume().status is Status.SUCCEEDED
    assert lab.keys("s3://out/") == ["e/algo-1", "e/algo-2"]
    for host in ("algo-1", "algo-2"):
        assert lab.get(f"s3://out/e/{host}") == "first half, second half"
    check_nothing_left(lab, tmp_path)


# --- a full disk ------------------------------------------------------------------------------

# Mounts a small disk that only it and what it starts can see, runs the engine, makes the disk
# larger, and resumes. Each time it tells how the engine ended and what is on the disk.
ON_A_SMALL_DISK = """
import json, os, pathlib, subprocess, sys
disk, store, size, *command = sys.argv[1:]
subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "none", disk], check=True)
os.makedirs(store, exist_ok=True)
engine = [sys.executable, "-m", "sagepipe", "run", "--store", store, "--json"]
told = []
isolation = command[:2]
for more in (command, ["--resume", *isolation]):
    ended = subprocess.run([*engine, *more], capture_output=True, text=True)
    top = pathlib.Path(disk)
    files = {str(p.relative_to(top)): p.stat().st_size for p in top.rglob("*") if p.is_file()}
    result = json.loads(ended.stdout) if ended.stdout else None
    told.append({"code": ended.returncode, "result": result, "said": ended.stderr, "files": files})
    subprocess.run(["mount", "-o", "remount,size=64m", disk], check=True)
print(json.dumps(told))
"""


@pytest.fixture
def on_a_small_disk(lab: Any, tmp_path: Path) -> Callable[..., list[Json]]:
    unshare = ["unshare", "--user", "--map-root-user", "--mount"]
    disk = tmp_path / "disk"
    disk.mkdir()
    probe = [*unshare, "mount", "-t", "tmpfs", "none", str(disk)]
    try:
        subprocess.run(probe, check=True, capture_output=True, text=True)
    except FileNotFoundError:
        pytest.skip("no unshare command on this machine")
    except subprocess.CalledProcessError as error:
        pytest.skip(f"no disk can be mounted in a namespace of its own: {error.stderr}")

    def run(step: Json, size: str, store: Path, *options: str) -> list[Json]:
        definition = write_definition(tmp_path / "definition.json", step)
        isolation = ["--isolation", "namespaces" if lab.isolated else "paths"]
        command = [*unshare, sys.executable, "-c", ON_A_SMALL_DISK, str(disk), str(store), size]
        more = [*isolation, *options, "--definition", str(definition), "--unchecked"]
        ended = subprocess.run([*command, *more], cwd=ROOT, capture_output=True, text=True)
        assert ended.returncode == 0, ended.stderr
        told: list[Json] = json.loads(ended.stdout)
        return told

    return run


def code_bucket(lab: Any) -> list[str]:
    return ["--bucket", f"code={lab.store.root / 'code'}:ro"]


def check_failed_by_the_machine(told: Json, step: str) -> None:
    assert told["code"] == 1, told
    assert "Traceback" not in told["said"]
    reason = told["result"]["steps"][step]["reason"]
    assert reason.startswith("InternalServerError: this machine failed the job"), reason
    assert "No space left on device" in reason


def check_no_remains(told: Json) -> None:
    """No scratch of an instance, no journal, no half a file."""
    remains = ("/algo-1/", PART, journal.JOURNAL, ".local/staging/", ".tmp")
    assert [name for name in told["files"] if any(part in name for part in remains)] == []


def test_a_disk_that_is_full_while_inputs_are_staged(
    lab: Any, make_input: Make, make_output: Make, tmp_path: Path, on_a_small_disk: Make
) -> None:
    raw = tmp_path / "raw"
    raw.mkdir()
    for n in range(40):  # small enough to be copied even where links are made
        (raw / f"{n:02d}").write_bytes(bytes([n]) * 200_000)
    step = lab.step(
        "Sum",
        """
        import glob, os
        ml = os.environ["ML"] + "/processing"
        read = b"".join(open(path, "rb").read() for path in sorted(glob.glob(ml + "/in/*")))
        open(ml + "/output/out/size", "w").write(str(len(read)))
        """,
        inputs=[make_input("in", "s3://raw/", "/opt/ml/processing/in")],
        outputs=[make_output("out", "s3://out/e")],
        environment={"ML": "/opt/ml"},
    )
    store = tmp_path / "disk" / "store"
    mounts = [*code_bucket(lab), "--bucket", f"raw={raw}:ro"]
    failed, resumed = on_a_small_disk(step, "6m", store, *mounts)
    check_failed_by_the_machine(failed, "Sum")
    assert "/algo-1/ml/processing/in/" in failed["result"]["steps"]["Sum"]["reason"]
    check_no_remains(failed)
    assert not any(name.startswith("store/out/") for name in failed["files"])
    assert resumed["code"] == 0, resumed
    assert resumed["files"]["store/out/e/size"] == len(str(40 * 200_000))
    check_no_remains(resumed)


THREE = """
    import os
    for name in "abc":
        with open(os.environ["ML"] + "/processing/output/out/" + name, "wb") as file:
            file.write(name.encode() * (2 << 20))
"""


@either
def test_a_disk_that_is_full_while_outputs_are_collected(
    lab: Any, make_output: Make, tmp_path: Path, on_a_small_disk: Make
) -> None:
    """The bucket's disk has room for two of three objects, and for half of the third."""
    disk = tmp_path / "disk"
    step = lab.step(
        "Three",
        THREE,
        outputs=[make_output("out", "s3://out/e")],
        environment={"ML": "/opt/ml"},
    )
    mounts = ["--bucket", f"out={disk}"]
    failed, resumed = on_a_small_disk(step, "5m", lab.store.root, *mounts)
    check_failed_by_the_machine(failed, "Three")
    assert failed["files"] == {}
    assert resumed["code"] == 0, resumed
    assert resumed["files"] == {f"e/{name}": 2 << 20 for name in "abc"}


def test_a_script_that_fills_the_disk_to_the_last_byte(
    lab: Any, make_output: Make, tmp_path: Path, on_a_small_disk: Make
) -> None:
    """It doesn't mind itself, so the first that the disk has no room for is the engine's own."""
    step = lab.step(
        "Fill",
        """
        import os
        out = os.environ["ML"] + "/processing/output/out/"
        open(out + "good", "w").write("good")
        if os.statvfs(out).f_blocks * os.statvfs(out).f_frsize < 32 << 20:
            with open(os.environ["HOME"] + "/rest", "wb", buffering=0) as file:
                try:
                    while True:
                        file.write(bytes(4096))
                except OSError:
                    pass  # not even a word about it: the log is on this disk too
        """,
        outputs=[make_output("out", "s3://out/e")],
        environment={"ML": "/opt/ml"},
    )
    store = tmp_path / "disk" / "store"
    failed, resumed = on_a_small_disk(step, "6m", store, *code_bucket(lab))
    check_failed_by_the_machine(failed, "Fill")
    check_no_remains(failed)
    assert not any(name.startswith("store/out/") for name in failed["files"])
    assert resumed["code"] == 0, resumed
    assert resumed["files"]["store/out/e/good"] == 4
    check_no_remains(resumed)
