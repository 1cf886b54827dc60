"""The executions of a store: the list, one whole, and what its steps wrote."""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path

import pytest
import records

from sagepipe.errors import ExecutionError, LocalError
from sagepipe.executions.archive import PastExecution, WantedLog, metrics
from sagepipe.executions.local_archive import LocalArchive
from sagepipe.local import record
from sagepipe.local.events import Status
from sagepipe.local.store import Mount, Store


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


@pytest.fixture
def archive(store: Store) -> LocalArchive:
    return LocalArchive(store)


def test_the_newest_come_first_whatever_was_written_last(
    store: Store, archive: LocalArchive
) -> None:
    for identity, days in (("bbb", 2.0), ("ccc", 1.0), ("aaa", 3.0)):
        records.write(store, identity, days_ago=days)
    listing = archive.entries(None)
    assert [entry.id for entry in listing.entries] == ["ccc", "bbb", "aaa"]
    assert (listing.more, listing.damaged) == (0, ())
    listing = archive.entries(1)
    assert ([entry.id for entry in listing.entries], listing.more) == (["ccc"], 2)
    assert archive.read("latest").entry.id == "ccc"


def test_an_empty_store_has_none(archive: LocalArchive) -> None:
    assert archive.entries(None).entries == ()
    with pytest.raises(LocalError, match="has no execution yet; see sagepipe run"):
        archive.read("latest")


def test_the_parameters_that_are_not_their_defaults_are_shown(
    store: Store, archive: LocalArchive
) -> None:
    records.write(store, "aaa", parameters={"Seed": 3, "Columns": "all"})
    (entry,) = archive.entries(None).entries
    assert entry.parameters == {"Seed": "3"}
    assert archive.read("aaa").values == {"Seed": "3", "Columns": "all"}


def test_a_lost_definition_makes_all_parameters_shown(store: Store, archive: LocalArchive) -> None:
    result = records.write(store, "aaa")
    (result.folder / record.DEFINITION).unlink()
    assert archive.entries(None).entries[0].parameters == {"Seed": "0", "Columns": "all"}
    (note,) = archive.read("aaa").notes
    assert "definition.json can't be read" in note


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "{}", '"x"', '{"mounts": 3}', '{"mounts": [], "steps": []}', "\x00\xff"]
)
def test_a_damaged_record_is_named_and_stepped_over(
    store: Store, archive: LocalArchive, text: str
) -> None:
    records.write(store, "aaa")
    damaged = records.write(store, "bbb").folder / record.RECORD
    damaged.write_text(text)
    listing = archive.entries(None)
    assert [entry.id for entry in listing.entries] == ["aaa"]
    assert len(listing.damaged) == 1
    assert str(damaged) in listing.damaged[0]
    with pytest.raises(LocalError, match="can't be read"):
        archive.read("bbb")


@pytest.mark.parametrize(
    ("started", "shown"), [("", True), ("2026-06-30T12:00:00", True), ("yesterday", False)]
)
def test_a_start_that_is_no_time_is_damage(
    store: Store, archive: LocalArchive, started: str, shown: bool
) -> None:
    records.write(store, "aaa", days_ago=400)
    record.write(dataclasses.replace(records.write(store, "bbb"), started=started))
    listing = archive.entries(None)
    assert ("bbb" in [entry.id for entry in listing.entries]) == shown
    assert len(listing.damaged) == (not shown)


def test_what_nobody_runs_any_more_was_killed(store: Store, archive: LocalArchive) -> None:
    result = records.write(store, "aaa", status=Status.EXECUTING)
    assert archive.entries(None).entries[0].status == "Killed"
    with record.held(result.folder):
        (entry,) = archive.entries(None).entries
    assert entry.status == "Executing"
    assert entry.seconds is not None
    assert entry.seconds >= result.seconds


def test_a_mounted_folder_that_is_gone_hides_nothing_else(
    store: Store, archive: LocalArchive, tmp_path: Path
) -> None:
    folder = tmp_path / "recordings"
    folder.mkdir()
    records.write(store, "aaa", mounts=(Mount("bkt", "raw", folder),))
    assert archive.read("aaa").notes == ()
    shutil.rmtree(folder)
    assert [entry.id for entry in archive.entries(None).entries] == ["aaa"]
    (note,) = archive.read("aaa").notes
    assert note == f"the folder {folder} that stood in for s3://bkt/raw is gone"


def test_a_step_has_its_outputs_with_where_they_lie(store: Store, archive: LocalArchive) -> None:
    outputs = {"rows": "s3://bkt/runs/aaa/rows", "none": "s3://bkt/runs/aaa/none"}
    cached = records.step("Fit", reused="cached", source="zzz", saved_seconds=9.0, seconds=0.0)
    records.write(
        store,
        "aaa",
        records.step("Clean", outputs=outputs, exit_message="done"),
        cached,
        records.step("Export", Status.NOT_RUN),
    )
    records.put(store, "s3://bkt/runs/aaa/rows/1.csv")
    steps = archive.read("aaa").steps
    assert steps["Clean"].outputs["rows"].path == str(store.root / "bkt/runs/aaa/rows")
    assert steps["Clean"].outputs["none"].path == ""
    assert (steps["Clean"].seconds, steps["Clean"].message) == (2.0, "done")
    assert (steps["Fit"].reused, steps["Fit"].source, steps["Fit"].seconds) == (
        "cached",
        "zzz",
        None,
    )
    assert (steps["Export"].status, steps["Export"].seconds) == ("Not run", None)


def test_metrics_are_what_the_property_files_have(store: Store, archive: LocalArchive) -> None:
    outputs = {"metrics": "s3://bkt/runs/aaa/metrics/"}
    records.write(store, "aaa", records.step("Clean"), records.step("Fit", outputs=outputs))
    past = archive.read("aaa")
    assert metrics(past, archive) == {}
    records.put(store, "s3://bkt/runs/aaa/metrics/metrics.json", b'{"share": 0.5}')
    assert metrics(past, archive) == {"Fit.FitMetrics": {"share": 0.5}}


def test_metrics_in_a_mounted_folder(store: Store, archive: LocalArchive, tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "metrics.json").write_text("[1]")
    fit = records.step("Fit", outputs={"metrics": "s3://bkt/m"})
    records.write(store, "aaa", fit, mounts=(Mount("bkt", "m", folder, writable=True),))
    assert metrics(archive.read("aaa"), archive) == {"Fit.FitMetrics": [1]}


# --- logs --------------------------------------------------------------------------------------


@pytest.fixture
def past(store: Store, archive: LocalArchive) -> PastExecution:
    result = records.write(store, "aaa", records.step("Clean"), records.step("Fit"))
    for number in (1, 2, 10):
        text = "".join(f"{number}.{line}\n" for line in range(5))
        records.log(result, "Clean", f"algo-{number}", text)
    return archive.read("aaa")


def test_each_instances_lines_in_the_instances_order(
    past: PastExecution, archive: LocalArchive
) -> None:
    found = list(archive.log(past, WantedLog("Clean", last=1)))
    assert found == [("algo-1", "1.4"), ("algo-2", "2.4"), ("algo-10", "10.4")]
    found = list(archive.log(past, WantedLog("Clean", host="algo-2")))
    assert found == [("algo-2", f"2.{line}") for line in range(5)]


def test_a_line_that_has_no_end_or_is_no_text_is_shown(
    store: Store, past: PastExecution, archive: LocalArchive
) -> None:
    (record.folder_of(store, "aaa") / "Clean" / "algo-1.log").write_bytes(b"a\r\n\xffb\n\nend")
    found = [line for _, line in archive.log(past, WantedLog("Clean", host="algo-1"))]
    assert found == ["a", "\ufffdb", "", "end"]


def test_the_last_attempt_is_shown(store: Store, archive: LocalArchive) -> None:
    result = records.write(store, "aaa", records.step("Clean"))
    for attempt in (1, 2, 10):
        records.log(result, "Clean", "algo-1", f"try {attempt}\n", attempt)
    assert list(archive.log(archive.read("aaa"), WantedLog("Clean"))) == [("algo-1", "try 10")]


def test_a_cached_steps_log_is_that_of_who_ran_it(
    store: Store, past: PastExecution, archive: LocalArchive
) -> None:
    clean = records.step("Clean", reused="cached", source="aaa")
    records.write(store, "bbb", clean)
    found = list(archive.log(archive.read("bbb"), WantedLog("Clean", last=1, host="algo-1")))
    assert found == [("algo-1", "1.4")]
    shutil.rmtree(record.folder_of(store, "aaa"))
    with pytest.raises(ExecutionError, match="its result is that of aaa, whose logs are gone"):
        list(archive.log(archive.read("bbb"), WantedLog("Clean")))


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        (WantedLog("Clean", host="algo-3"), "no instance algo-3; there are algo-1, algo-2, algo-1"),
        (WantedLog("Fit"), "step Fit of execution aaa has no log: it was removed, or never began"),
        (WantedLog("Fits"), "execution aaa has no step 'Fits'; there are Clean, Fit"),
    ],
)
def test_why_there_is_no_log(
    past: PastExecution, archive: LocalArchive, wanted: WantedLog, words: str
) -> None:
    with pytest.raises(ExecutionError, match=words):
        list(archive.log(past, wanted))


def test_following_tells_what_is_written_until_the_end(
    store: Store, archive: LocalArchive, monkeypatch: pytest.MonkeyPatch
) -> None:
    running = records.step("Clean", Status.EXECUTING)
    result = records.write(store, "aaa", running, status=Status.EXECUTING)
    records.log(result, "Clean", "algo-1", "one\ntwo\nthr")
    written = iter(["ee\nfour", "\nfive"])

    def sleep(_: float) -> None:
        text = next(written)
        with (result.folder / "Clean" / "algo-1.log").open("a") as file:
            file.write(text)
        if text.endswith("five"):
            records.write(store, "aaa", records.step("Clean"))

    monkeypatch.setattr("sagepipe.executions.local_logs.time.sleep", sleep)
    with record.held(result.folder):
        past = archive.read("aaa")
        found = [line for _, line in archive.log(past, WantedLog("Clean", last=1, follow=True))]
    assert found == ["two", "three", "four", "five"]


def test_following_what_has_ended_ends(past: PastExecution, archive: LocalArchive) -> None:
    found = list(archive.log(past, WantedLog("Clean", last=1, follow=True)))
    assert len(found) == 3
