"""What is a recording below the input, and what its outputs are called: one rule for links,
special files and odd names."""

import os
import socket
import sys
from pathlib import Path

import pytest
from ecglib import recordings
from ecglib.errors import StepError
from ecglib.recordings import Recording
from ecglib.staging import Staging
from hypothesis import given
from hypothesis import strategies as st
from step_helpers import Step, accounts, ecg_like, files, pca_step, preprocess_step, write_recording

ROWS = "time,a,b\n0,1,2\n1,2,1\n2,0,5\n"


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    folder = tmp_path / "raw"
    (folder / "p1").mkdir(parents=True)
    (folder / "p1" / "a.csv").write_text(ROWS)
    return folder


def sources(folder: Path) -> list[str]:
    return [recording.source for recording in recordings.find(str(folder))]


def test_a_link_counts_as_what_it_points_to(raw: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "b.csv").write_text(ROWS)
    (raw / "linked").symlink_to(elsewhere)
    (raw / "again").symlink_to("p1")
    (raw / "c.csv").symlink_to(elsewhere / "b.csv")
    (raw / "d.csv").symlink_to("p1")  # a folder, whatever its name
    assert sources(raw) == ["again/a.csv", "c.csv", "d.csv/a.csv", "linked/b.csv", "p1/a.csv"]
    (tmp_path / "input").symlink_to(raw)
    assert sources(tmp_path / "input") == sources(raw)
    assert sources(raw / "p1" / "a.csv") == ["a.csv"]
    assert sources(tmp_path / "nowhere") == []


@pytest.mark.parametrize("target", [".", "..", "../p1", "../../raw"])
def test_a_folder_that_lies_within_itself_is_refused(raw: Path, target: str) -> None:
    (raw / "p1" / "loop").symlink_to(target)
    with pytest.raises(StepError, match=r"loop.*: a link to a folder that it lies in.*remove"):
        recordings.find(str(raw))


def test_a_loop_of_two_links_is_refused(raw: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "back").symlink_to(raw)
    (raw / "out").symlink_to(other)
    with pytest.raises(StepError, match="out/back: a link to a folder that it lies in"):
        recordings.find(str(raw))


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("pipe", "x.csv: not a file but a pipe: remove it"),
        ("socket", "x.csv: not a file but a socket: remove it"),
        ("device", "x.csv: not a file but a device: remove it"),
        ("itself", r"x.csv: cannot be read \(Too many levels of symbolic links\)"),
        ("nothing", r"x.csv: cannot be read \(No such file or directory\)"),
    ],
)
def test_what_is_no_file_is_refused_by_name(
    raw: Path, monkeypatch: pytest.MonkeyPatch, kind: str, message: str
) -> None:
    path = raw / "x.csv"
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "socket":
        monkeypatch.chdir(raw)  # a socket's path may have 107 bytes
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(path.name)
    else:
        path.symlink_to({"device": "/dev/null", "itself": "x.csv", "nothing": "gone"}[kind])
    for where in (raw, path):
        with pytest.raises(StepError, match=message):
            recordings.find(str(where))


def test_special_files_of_other_names_are_left_alone(raw: Path) -> None:
    os.mkfifo(raw / "x")
    (raw / "self").symlink_to("self")
    assert sources(raw) == ["p1/a.csv"]


@pytest.mark.skipif(sys.platform == "darwin", reason="a disk of macOS has no such names")
def test_other_files_may_be_called_anything(raw: Path) -> None:
    (raw / os.fsdecode(b"caf\xe9.txt")).touch()
    assert sources(raw) == ["p1/a.csv"]


@pytest.mark.skipif(sys.platform == "darwin", reason="a disk of macOS has no such names")
@pytest.mark.parametrize("name", [b"caf\xe9.csv", b"caf\xe9/a.csv"])
def test_a_name_that_is_not_utf_8_is_refused(raw: Path, name: bytes) -> None:
    path = raw / os.fsdecode(name)
    path.parent.mkdir(exist_ok=True)
    path.write_text(ROWS)
    with pytest.raises(StepError, match=r"caf\\xe9.*: the name is not UTF-8.*rename"):
        recordings.find(str(raw))


def test_a_folder_that_cannot_be_listed_is_not_passed_over(
    raw: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.scandir

    def refuse(path: Path) -> object:
        if path.name == "p1":
            raise PermissionError(13, "Permission denied", str(path))
        return real(path)

    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(StepError, match=r"p1: this folder cannot be listed \(Permission denied\)"):
        recordings.find(str(raw))


@pytest.mark.parametrize("name", ["a\u2028b", "a\x85b", "a\nb", "a\x1b[31mb", "\U0001fac0 \u03bc"])
def test_any_character_may_be_in_a_name(
    tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    lead = name.replace("\n", "")
    write_recording(
        tmp_path / "raw" / name / f"{name}.csv", ecg_like(1), [lead, "b\u2028", "c", "d"]
    )
    step = preprocess_step(tmp_path / "one", tmp_path / "raw")
    assert step("--split", "1,0,0") == 0
    assert [one["recording"] for one in accounts(step.output / "account")] == [f"{name}/{name}"]
    after = pca_step(tmp_path / "two", step.output)
    assert after() == 0
    alone = pca_step(tmp_path / "three", tmp_path / "none", tmp_path / "raw")
    assert alone("--scope", "recording") == 0
    said = capsys.readouterr().out
    assert not [char for char in said if not char.isprintable() and char != "\n"]


def flat(name: str) -> str:
    return Recording(name, f"{name}.csv", Path()).flat_name


def test_flat_names_are_readable() -> None:
    assert flat("a") == "a"
    assert flat("p1/a_b") == "p1__a_b"
    assert flat("a__b").startswith("a__b-")
    assert flat("a_/b") != flat("a/_b")


NAMES = st.text(st.sampled_from(["a", "_", "_", "/", "-", "\u03bc", "0"]), min_size=1, max_size=9)


@given(NAMES, NAMES, st.integers(0, 400))
def test_different_recordings_have_different_flat_names(one: str, other: str, long: int) -> None:
    one, other = "x" * long + one, "x" * long + other
    assert (flat(one) == flat(other)) == (one == other)
    assert "/" not in flat(one)
    assert len(flat(one).encode()) < 230


def test_recordings_whose_names_resemble_each_other_keep_their_components(tmp_path: Path) -> None:
    raw = tmp_path / "raw"
    for number, name in enumerate(("a/b.csv", "a__b.csv", "a_/b.csv", "a/_b.csv")):
        write_recording(raw / name, ecg_like(number, 20 + number))
    step = Step(tmp_path / "x", pca_step(raw, raw).main, paths={"--input": str(raw)})
    assert step("--scope", "recording", "--format", "csv") == 0
    folder = step.output / "components"
    assert len(files(folder)) == 4
    assert (folder / "pca_a__b.csv").read_text().count("\n") == 20
    rows = sorted(path.read_text().count("\n") for path in folder.iterdir())
    assert rows == [20, 21, 22, 23]


def test_names_too_long_for_an_output_are_cut(tmp_path: Path) -> None:
    raw = tmp_path / "raw"
    long = "/".join(["\u03bc" * 100] * 5)
    for end in "ab":
        write_recording(raw / f"{long}/{end}.csv", ecg_like(1))
    step = Step(tmp_path / "x", pca_step(raw, raw).main, paths={"--input": str(raw)})
    assert step("--scope", "recording") == 0
    assert len(files(step.output / "components")) == 2
    before = preprocess_step(tmp_path / "y", raw)
    assert before("--split", "1,0,0") == 0


def test_an_output_that_cannot_have_its_name_says_so(
    raw: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    step = preprocess_step(tmp_path / "x", raw)
    assert step("--output", str(tmp_path / ("o" * 300))) == 1
    assert "File name too long" in capsys.readouterr().err


def test_a_final_name_is_given_once(tmp_path: Path) -> None:
    def twice() -> None:
        with Staging() as staging:
            staging.write_text(tmp_path / "a", "one")
            staging.write_text(tmp_path / "a", "two")

    with pytest.raises(StepError, match="a: two outputs have this name"):
        twice()
    assert files(tmp_path) == []
