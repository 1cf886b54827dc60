"""sagepipe spark-ui --logs s3://…: the logs of real jobs, from a bucket."""

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from command_result import Result
from server import BUCKET, REGION, Server

from sagepipe.aws import boto
from sagepipe.executions.event_logs import download
from sagepipe.language.s3 import Location
from sagepipe.local.spark import history_server

OBJECTS = {
    "runs/p4/spark-events/application_1732_0001": b"one",
    "runs/p4/spark-events/eventlog_v2_application_1732_0002/events_1_application_1732_0002": b"two",
    "runs/p4/spark-events/eventlog_v2_application_1732_0002/..": b"odd",
    "runs/p4/features/part-0.parquet": b"data",
    "runs/p4//../local-7": b"three",
    "runs/p5/spark-events/application_1732_0003": b"another run's",
}
WANTED = {
    "application_1732_0001": b"one",
    "eventlog_v2_application_1732_0002/events_1_application_1732_0002": b"two",
    "local-7": b"three",
}


@pytest.fixture
def logs(account: Server) -> Server:
    s3 = boto.client("s3", REGION)
    for key, content in OBJECTS.items():
        s3.put_object(Bucket=BUCKET, Key=key, Body=content)
    return account


def content(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_only_event_logs_are_copied(logs: Server, tmp_path: Path) -> None:
    folder = tmp_path / "copies"
    folder.mkdir()
    told: list[tuple[int, int]] = []
    prefix = Location(BUCKET, "runs/p4")
    download(prefix, folder, REGION, threading.Event(), lambda *two: told.append(two))
    assert content(tmp_path) == {f"copies/{name}": data for name, data in WANTED.items()}
    assert told == [(3, 11)]


def test_a_stop_ends_the_copying(logs: Server, tmp_path: Path) -> None:
    stop = threading.Event()
    download(Location(BUCKET, "runs/p4"), tmp_path, REGION, stop, lambda *_: stop.set())
    assert set(content(tmp_path).values()) <= {b""}


def test_the_copies_are_served_and_then_gone(
    logs: Server, monkeypatch: pytest.MonkeyPatch, cli: Callable[..., Result]
) -> None:
    seen: dict[str, bytes] = {}
    places: list[Path] = []

    @contextmanager
    def serve(folder: Path, port: int, work: Path, stop: threading.Event) -> Iterator[None]:
        for link in folder.iterdir():
            files = [link] if link.is_file() else list(link.iterdir())
            seen.update({path.relative_to(folder).as_posix(): path.read_bytes() for path in files})
        places.append(work)
        yield None

    monkeypatch.setattr(history_server, "serve", serve)
    result = cli("spark-ui", "--logs", f"s3://{BUCKET}/runs/p4/", "--port", "0")
    assert result.code == 0
    assert seen == WANTED
    assert not places[0].exists()
    assert "copying 3 event logs from s3://" in result.err


@pytest.mark.parametrize(
    ("uri", "message"),
    [
        (f"s3://{BUCKET}/nothing", f"no Spark event log in s3://{BUCKET}/nothing; a job writes"),
        ("s3://absent-bucket/x", "can't read the event logs of s3://absent-bucket/x: NoSuchBucket"),
    ],
)
def test_what_is_not_there_is_one_line(
    logs: Server, cli: Callable[..., Result], uri: str, message: str
) -> None:
    result = cli("spark-ui", "--logs", uri, "--port", "0")
    assert result.code == 1
    assert f"error: {message}" in result.err


def test_a_region_is_needed(
    logs: Server, monkeypatch: pytest.MonkeyPatch, cli: Callable[..., Result]
) -> None:
    monkeypatch.delenv("AWS_REGION")
    assert "AWS_DEFAULT_REGION" not in os.environ
    result = cli("spark-ui", "--logs", f"s3://{BUCKET}/x", "--port", "0")
    assert result.code == 1
    assert "error: region is missing" in result.err
