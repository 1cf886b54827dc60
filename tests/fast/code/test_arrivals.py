"""Which recordings are new: by the dates in their keys, and by the marker beside them."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from ecglib import arrivals
from ecglib.errors import StepError
from ecglib.recordings import named
from hypothesis import given
from hypothesis import strategies as st
from step_helpers import accounts, ecg_like, preprocess_step, write_recording

NOW = datetime(2026, 11, 21, 2, 30, tzinfo=UTC)
URI = "s3://bucket/raw/"


def has(source: str, since: str = "all", marker: str = "none") -> bool:
    return arrivals.parse(since, marker, URI, NOW).has(named(source, Path(source)))


@pytest.mark.parametrize(
    ("source", "since", "wanted"),
    [
        ("a.csv", "all", True),
        # a day counts until its end: what came at any time of it is not lost
        ("2026-11-20/a.csv", "24h", True),
        ("2026-11-21/a.csv", "24h", True),
        ("2026-11-19/a.csv", "24h", False),
        ("2026-11-19/a.csv", "2d", True),
        ("2026-11-19/a.csv", "7d", True),
        ("2026/11/20/a.csv", "24h", True),
        ("2026/11/18/a.csv", "24h", False),
        ("rec-20261120.csv", "24h", True),
        ("2026_11_20.csv.gz", "24h", True),
        # a time is more exact
        ("20261120T0229.csv", "24h", False),
        ("20261120T0230.csv", "24h", True),
        ("2026-11-20T02:29:59Z.csv", "24h", False),
        ("2026-11-20T02:30:01.csv", "24h", True),
        # the last date counts
        ("2025-01-01/2026-11-20.csv", "24h", True),
        ("2026-11-20/2025-01-01.csv", "24h", False),
        # digits that are no date
        ("2026-11-20/2026-13-45.csv", "24h", True),
        ("2026-11-20/patient-00120261121.csv", "24h", True),
        ("2026-11-20/a.csv", "2026-11-20", True),
        ("2026-11-19/a.csv", "2026-11-20", False),
        ("2026-11-20/a.csv", "2026-11-20T23:59", True),
        ("2026-11-20/a.csv", "2026-11-21T00:00:00+00:00", False),
        ("2026-11-20/a.csv", "2026-11-21T00:00+02:00", True),
        ("2026-11-20/a.csv", "2026-11-21T02:30:00Z", False),
    ],
)
def test_dates_in_keys(source: str, since: str, wanted: bool) -> None:
    assert has(source, since) is wanted


@given(st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1)), st.integers(1, 10_000))
def test_nightly_runs_leave_nothing_out(arrived: datetime, hours: int) -> None:
    """Whatever came since the last run, with the date of that day in its key, is read."""
    now = arrived.replace(tzinfo=UTC) + timedelta(hours=hours)
    wanted = arrivals.parse(f"{hours}h", "none", URI, now)
    for form in ("%Y-%m-%d/a.csv", "%Y/%m/%d/a.csv", "%Y%m%dT%H%M.csv", "%Y-%m-%dT%H:%M:%S.csv"):
        source = arrived.strftime(form)
        assert wanted.has(named(source, Path(source)))


@pytest.mark.parametrize(
    ("source", "marker", "wanted"),
    [
        ("new/a.csv", "raw/new/_READY", True),
        ("new/deep/a.csv", "raw/new/_READY", True),
        ("newer/a.csv", "raw/new/_READY", False),
        ("a.csv", "raw/new/_READY", False),
        ("a.csv", "raw/_READY", True),
        ("new/a.csv", "raw/_READY", True),
    ],
)
def test_a_marker_brings_what_lies_beside_and_below(source: str, marker: str, wanted: bool) -> None:
    assert has(source, marker=marker) is wanted


@pytest.mark.parametrize("since", ["", "24", "24x", "tomorrow", "2026-13-01", "-1h", "99999999h"])
def test_a_wrong_since_is_refused(since: str) -> None:
    with pytest.raises(StepError, match="--since must be all, 24h, 7d, or a date"):
        arrivals.parse(since, "none", URI, NOW)


def test_longer_than_there_is_time_is_refused() -> None:
    with pytest.raises(StepError, match="--since must be"):
        arrivals.parse("99999d", "none", URI, datetime(100, 1, 1, tzinfo=UTC))


def test_a_marker_that_lies_elsewhere_is_refused() -> None:
    for marker, uri in (("other/_READY", URI), ("raw-old/_READY", URI), ("raw/_READY", "")):
        with pytest.raises(StepError, match=r"is not below the input.*let the trigger look"):
            arrivals.parse("all", marker, uri, NOW)


def test_a_recording_without_a_date_is_named() -> None:
    with pytest.raises(StepError, match=r"raw-a\.csv: has no date .* --since all"):
        has("raw-a.csv", "24h")


def three(folder: Path) -> Path:
    for number, day in enumerate(("2026-11-18", "2026-11-19", "2026-11-20")):
        (folder / day).mkdir(parents=True)
        write_recording(folder / day / "a.csv", ecg_like(number))
    return folder


def test_a_date_chooses_recordings(tmp_path: Path) -> None:
    step = preprocess_step(tmp_path / "out", three(tmp_path / "raw"))
    assert step("--since", "2026-11-19") == 0
    read = [one["recording"] for one in accounts(step.output / "account")]
    assert read == ["2026-11-19/a", "2026-11-20/a"]


def test_a_marker_chooses_a_folder(tmp_path: Path) -> None:
    step = preprocess_step(tmp_path / "out", three(tmp_path / "raw"))
    assert step("--input-uri", URI, "--marker", "raw/2026-11-18/_READY") == 0
    read = [one["recording"] for one in accounts(step.output / "account")]
    assert read == ["2026-11-18/a"]


def test_nothing_new_is_an_error_in_words(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    step = preprocess_step(tmp_path / "out", three(tmp_path / "raw"))
    assert step("--since", "2026-12-24") == 1
    said = capsys.readouterr().err
    assert "none of 3 recordings below" in said
    assert "is from after 2026-12-24 00:00 UTC" in said
