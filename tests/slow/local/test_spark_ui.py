"""sagepipe spark-ui: one real server over event logs that are written here by hand."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import textwrap
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from sagepipe.cli.frame import run_verb
from sagepipe.local.spark import history_logs

ROOT = Path(__file__).parents[3]


def event_log(folder: Path, name: str, job: str | None = None, *, ended: bool = True) -> Path:
    """The least that Spark's history server takes for an application."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    identity = path.name.removesuffix(".inprogress")
    properties = {"spark.app.name": "an app", **({"spark.sagepipe.job": job} if job else {})}
    events: list[dict[str, Any]] = [
        {"Event": "SparkListenerLogStart", "Spark Version": "3.5.6"},
        {
            "Event": "SparkListenerEnvironmentUpdate",
            **{name: {} for name in ("JVM Information", "Hadoop Properties", "System Properties")},
            **{name: {} for name in ("Metrics Properties", "Classpath Entries")},
            "Spark Properties": properties,
        },
        {
            "Event": "SparkListenerApplicationStart",
            "App Name": "an app",
            "App ID": identity,
            "Timestamp": 1_732_104_000_000,
            "User": "somebody",
        },
    ]
    if ended:
        events.append({"Event": "SparkListenerApplicationEnd", "Timestamp": 1_732_104_060_000})
    # Spark picks events by how their lines begin, so without a space after the colon.
    path.write_text("".join(json.dumps(e, separators=(",", ":")) + "\n" for e in events))
    return path


def until(condition: Callable[[], Any], seconds: float = 60.0) -> Any:
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)
    return found


def alive(pid: int) -> bool:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False


# --- a real server --------------------------------------------------------------------------


@dataclass(frozen=True)
class Served:
    process: subprocess.Popen[str]
    url: str
    store: Path
    errors: Path

    def applications(self) -> dict[str, Any]:
        with urllib.request.urlopen(f"{self.url}/api/v1/applications") as answer:
            return {application["id"]: application for application in json.load(answer)}


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    store = tmp_path_factory.mktemp("a store")
    event_log(store, "bucket/runs/one/spark-events/local-1")
    event_log(store, "bucket/runs/two/application_1_0001")
    (store / "bucket/local-666").write_text("this is no event\n")
    (store / "bucket/rows.csv").write_text("a,b\n")
    errors = store.parent / "errors.txt"
    with errors.open("w") as stderr:
        process = subprocess.Popen(
            [sys.executable, "-m", "sagepipe", "spark-ui", "--store", str(store), "--port", "0"],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
        )
    assert process.stdout
    url = process.stdout.readline().strip()
    assert url, errors.read_text()
    yield Served(process, url, store, errors)
    process.kill()
    process.communicate()  # closes its pipe too


def test_the_address_is_printed_once_it_answers(served: Served) -> None:
    assert served.url.startswith("http://127.0.0.1:")
    shown = until(lambda: (found := served.applications()).keys() >= {"local-1"} and found)
    assert shown["local-1"]["name"] == "an app"
    assert shown["local-1"]["attempts"][0]["completed"] is True


def test_it_is_sparks_own_interface(served: Served) -> None:
    with urllib.request.urlopen(served.url) as page:
        assert "History Server" in page.read().decode()


def test_jobs_that_run_later_appear(served: Served) -> None:
    event_log(served.store, "bucket/later/local-2.inprogress", ended=False)
    shown = until(lambda: (found := served.applications()).keys() >= {"local-2"} and found)
    assert shown["local-2"]["attempts"][0]["completed"] is False
    assert shown.keys() == {"local-1", "application_1_0001", "local-2"}


def test_a_damaged_log_is_named(served: Served) -> None:
    until(lambda: "local-666: damaged" in served.errors.read_text())
    assert "local-1:" not in served.errors.read_text()


def test_it_listens_on_loopback_only(served: Served) -> None:
    port = int(served.url.rpartition(":")[2])
    tables = [Path(f"/proc/net/{name}") for name in ("tcp", "tcp6")]
    if not tables[0].exists():
        pytest.skip("no /proc/net/tcp on this machine")
    rows = [line.split() for table in tables for line in table.read_text().splitlines()[1:]]
    listening = {row[1].rpartition(":")[0] for row in rows if row[1].endswith(f":{port:04X}")}
    loopback = {"0100007F", "0000000000000000FFFF00000100007F"}
    assert listening
    assert listening <= loopback


def test_a_second_one_on_that_port_is_told_so(
    served: Served, capsys: pytest.CaptureFixture[str]
) -> None:
    port = served.url.rpartition(":")[2]
    assert run_verb("spark-ui", ["--store", str(served.store), "--port", port]) == 1
    assert f"error: --port {port}: address already in use; name another" in capsys.readouterr().err


def test_sigterm_ends_it_cleanly(served: Served) -> None:  # the last of the server's tests
    children = Path(f"/proc/{served.process.pid}/task/{served.process.pid}/children")
    (server,) = map(int, children.read_text().split()) if children.exists() else (0,)
    assert not server or alive(server)
    served.process.send_signal(signal.SIGTERM)
    assert served.process.wait(20) == 0
    assert not alive(server)
    assert "the history server has ended" in served.errors.read_text()
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(("127.0.0.1", int(served.url.rpartition(":")[2])))


# --- its process, with a program in Java's place --------------------------------------------


@pytest.fixture
def command(tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Starts the command with a shell script for Java."""
    event_log(tmp_path, "logs/local-1")
    started: list[subprocess.Popen[str]] = []

    def start(java: str) -> subprocess.Popen[str]:
        program = tmp_path / "jre/bin/java"
        program.parent.mkdir(parents=True)
        program.write_text(f"#!/bin/sh\n{java}\n")
        program.chmod(0o755)
        code = f"""
            import sys
            from pathlib import Path
            from sagepipe.cli.frame import run_verb
            from sagepipe.local.spark import distribution
            distribution.find = lambda: distribution.Distribution(
                Path({str(tmp_path)!r}), Path({str(tmp_path / "jre")!r}), "fake")
            sys.exit(run_verb("spark-ui", ["--logs", {str(tmp_path / "logs")!r}, "--port", "0"]))
        """
        started.append(
            subprocess.Popen(
                [sys.executable, "-c", textwrap.dedent(code)],
                cwd=ROOT,
                env={**os.environ, "TMPDIR": str(tmp_path)},
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
        )
        return started[0]

    yield start
    for process in started:
        process.kill()
        process.communicate()  # closes its pipes too


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_before_it_answers_ends_it_too(
    tmp_path: Path, command: Callable[..., subprocess.Popen[str]], number: signal.Signals
) -> None:
    process = command(f"echo $$ > '{tmp_path}/pid'; exec sleep 100")
    until(lambda: (tmp_path / "pid").exists() and (tmp_path / "pid").read_text())
    process.send_signal(number)
    out, _ = process.communicate(timeout=20)
    assert (process.returncode, out) == (0, "")
    assert not alive(int((tmp_path / "pid").read_text()))
    assert not list(tmp_path.glob("history-*"))


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends a child with its parent")
def test_it_ends_with_us_even_if_we_are_killed(
    tmp_path: Path, command: Callable[..., subprocess.Popen[str]]
) -> None:
    process = command(f"echo $$ > '{tmp_path}/pid'; exec sleep 100")
    until(lambda: (tmp_path / "pid").exists() and (tmp_path / "pid").read_text())
    process.kill()
    process.wait()
    until(lambda: not alive(int((tmp_path / "pid").read_text())))


def test_a_server_that_ends_by_itself_is_an_error(
    command: Callable[..., subprocess.Popen[str]],
) -> None:
    process = command("echo out of memory >&2; exit 3")
    out, errors = process.communicate(timeout=20)
    assert (process.returncode, out) == (1, "")
    assert "error: the history server ended by itself, exit code 3:\nerror: out of memory" in errors


# --- which logs -----------------------------------------------------------------------------


def test_only_event_logs_are_found(tmp_path: Path) -> None:
    names = ["local-1", "local-2.inprogress", "a/app-20260101000000-0001_2.zstd"]
    names += ["b/application_1732_0003.lz4", "c/spark-0123456789abcdef0123456789abcdef"]
    for name in (*names, "local-x", "local-1.csv", "d/.local-1.crc", "notes", "x-local-1"):
        event_log(tmp_path, name)
    event_log(tmp_path, "eventlog_v2_local-9/events_1_local-9")
    assert history_logs.find(tmp_path) == sorted(
        tmp_path / name for name in (*names, "eventlog_v2_local-9")
    )


def test_an_executions_logs_are_told_by_their_job_or_folder(tmp_path: Path) -> None:
    event_log(tmp_path, "fixed/local-1", "pipelines-one-Step-x")
    event_log(tmp_path, "fixed/local-2", "pipelines-two-Step-x")
    event_log(tmp_path, "fixed/local-3")
    event_log(tmp_path, "runs/one/local-4")
    event_log(tmp_path, "eventlog_v2_local-5/events_1_local-5", "pipelines-one-Step-y")
    (tmp_path / "eventlog_v2_empty").mkdir()
    compressed = event_log(tmp_path, "fixed/local-6.zstd", "pipelines-one-Step-z")
    compressed.write_bytes(pa.Codec("zstd").compress(compressed.read_bytes(), asbytes=True))
    (tmp_path / "fixed/local-7.zstd").write_bytes(b"damaged")
    found = history_logs.of_execution(history_logs.find(tmp_path), "one")
    assert [path.name for path in found] == [
        *("eventlog_v2_local-5", "local-1", "local-6.zstd", "local-4")
    ]


def test_an_application_is_served_once_and_finished_if_it_is(tmp_path: Path) -> None:
    running = event_log(tmp_path, "a/local-1.inprogress")
    links = tmp_path / "links"
    links.mkdir()
    assert history_logs.mirror([running], links) == 1
    finished = event_log(tmp_path, "b/local-1")
    copy = event_log(tmp_path, "c/local-1")
    assert history_logs.mirror([running, copy, finished], links) == 1
    (link,) = links.iterdir()
    assert (link.name, link.readlink()) == ("local-1", finished)
    finished.unlink()
    assert history_logs.mirror([copy], links) == 1
    (link,) = links.iterdir()
    assert link.readlink() == copy


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--store", "absent"], "there is no store absent; run the pipeline first"),
        (["--store", "file"], "there is no store file"),
        (["--store", "store", "abc"], "no execution 'abc' has run in store; see store/.local"),
        (["--store", "store", ".."], "no execution '..' has run"),
        (["--store", "store"], "no Spark event log in the store store; a job writes one when"),
        (["--store", "store", "ran"], "no Spark event log in execution ran of the store store"),
        (["--logs", "absent"], "--logs absent is not a folder"),
        (["--logs", "store", "--store", "x"], "give no execution or --store"),
        (["--logs", "store", "abc"], "give no execution or --store"),
        (["--logs", "gs://bucket/x"], "'gs://bucket/x' is not an S3 URI"),
    ],
)
def test_what_can_not_be_served(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "store/.local/executions/ran").mkdir(parents=True)
    (tmp_path / "file").touch()
    assert run_verb("spark-ui", [*arguments, "--port", "0"]) == 1
    output = capsys.readouterr()
    assert output.err.startswith("error: ")
    assert message in output.err
    assert not output.out
