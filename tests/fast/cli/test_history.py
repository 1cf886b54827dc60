"""sagepipe history over a store: what it prints, its options, its exit codes."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest
import records

from sagepipe.cli.frame import run_verb
from sagepipe.cli.history_options import _size
from sagepipe.local import record
from sagepipe.local.events import Status
from sagepipe.local.store import Store


class Result(NamedTuple):
    code: int
    out: str
    err: str


History = Callable[..., Result]


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    """Two executions in the store of the current folder; `two` failed in Fit."""
    monkeypatch.chdir(tmp_path)
    store = Store(Path("local-store"))
    rows = {"rows": "s3://bkt/runs/one/rows"}
    records.put(store, "s3://bkt/runs/one/rows/part")
    one = records.write(store, "one", records.step("Clean", outputs=rows), days_ago=2)
    records.log(one, "Clean", "algo-1", "[/b] markup\nthe end\n")
    cached = records.step("Clean", reused="cached", source="one", outputs=rows)
    fit = records.step("Fit", Status.FAILED, reason="exit code: 3", exit_message="[/b] bad")
    records.write(
        store,
        "two",
        cached,
        fit,
        status=Status.FAILED,
        reason="step Fit failed: exit code: 3",
        days_ago=1,
        parameters={"Seed": 7, "Columns": "[/b]"},
    )
    return store


@pytest.fixture
def history(store: Store, capsys: pytest.CaptureFixture[str]) -> History:
    def run(*arguments: str) -> Result:
        capsys.readouterr()
        return Result(run_verb("history", list(arguments), prefix="sagepipe"), *capsys.readouterr())

    return run


def test_without_a_word_it_lists(history: History) -> None:
    code, out, err = history()
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert lines[0].split() == ["execution", "status", "started", "took", "pipeline"]
    assert lines[1].split()[:2] == ["two", "Failed"]
    assert lines[2] == "    Seed=7  Columns=[/b]"
    assert lines[3].split()[:2] == ["one", "Succeeded"]
    assert history("list").out == out
    assert "and 1 more: --limit 0 shows all" in history("--limit", "1").out


def test_options_may_stand_before_the_word_or_after_it(history: History, tmp_path: Path) -> None:
    (tmp_path / "local-store").rename(tmp_path / "other")
    before = history("--store", "other", "--json", "show", "one")
    assert before == history("show", "one", "--json", "--store", "other")
    assert json.loads(before.out)["id"] == "one"
    code, _, err = history("show", "one")
    assert code == 1
    assert err.startswith("error: there is no store local-store; run the pipeline first (sagepipe")


def test_a_damaged_record_is_a_warning(history: History, store: Store) -> None:
    (record.folder_of(store, "one") / record.RECORD).write_text("{")
    code, out, err = history("--json")
    assert code == 0
    assert err.startswith("warning: local-store/.local/executions/one/execution.json can't be read")
    found = json.loads(out)
    assert [one["id"] for one in found["executions"]] == ["two"]
    assert len(found["damaged"]) == 1


def test_one_whole(history: History) -> None:
    out = history("show").out
    assert out.startswith("execution two of tables\nFailed after 1 min 30 s")
    assert "cached from execution one" in out
    assert "Fit: exit code: 3\n  its message: [/b] bad" in out
    assert "* Seed     7" in out
    assert "  Clean rows  local-store/bkt/runs/one/rows" in out


def test_a_step_that_was_not_run_shows_whose_log_it_is(history: History) -> None:
    assert history("logs", "two", "Clean").out == "[/b] markup\nthe end\n"
    lines = history("logs", "two", "Clean", "--json", "--lines", "1").out
    assert json.loads(lines) == {"host": "algo-1", "line": "the end"}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("show", "three"), "there is no execution 'three' in the store local-store; the latest"),
        (("show", "../x"), "'../x' is no execution id"),
        (("logs", "two", "Fit"), "step Fit of execution two has no log"),
        (("logs", "two", "Fits"), "execution two has no step 'Fits'; there are Clean, Fit"),
        (("compare", "one", "three"), "there is no execution 'three'"),
        (("clean",), "say what may go: --older-than DAYS, --keep N or --max-size SIZE"),
    ],
)
def test_mistakes(history: History, arguments: tuple[str, ...], words: str) -> None:
    code, out, err = history(*arguments)
    assert (code, out) == (1, "")
    assert words in err
    assert len(err.splitlines()) == 1


@pytest.mark.parametrize(
    "arguments",
    [
        ("clean", "--keep", "-1"),
        ("clean", "--older-than", "nan"),
        ("clean", "--max-size", "5X"),
        ("clean", "--on", "sagemaker"),
        ("logs", "one"),
        ("--limit", "x"),
        ("forget",),
    ],
)
def test_a_wrong_command_line(history: History, arguments: tuple[str, ...]) -> None:
    with pytest.raises(SystemExit) as caught:
        history(*arguments)
    assert caught.value.code == 2


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("0", 0),
        ("512", 512),
        ("512B", 512),
        ("1k", 1000),
        ("1.5 GB", 1_500_000_000),
        ("2MiB", 2 * 2**20),
    ],
)
def test_sizes(text: str, size: int) -> None:
    assert _size(text) == size


def test_cleaning_is_dry_until_it_is_told_to_delete(history: History, store: Store) -> None:
    code, out, _ = history("clean", "--keep", "1")
    assert code == 0
    lines = out.splitlines()
    assert lines[0].startswith("- one  Succeeded, ")
    assert lines[-1].endswith("would be removed with --delete; one execution stays")
    assert record.folder_of(store, "one").is_dir()
    found = json.loads(history("clean", "--keep", "1", "--delete", "--outputs", "--json").out)
    (gone,) = found["executions"]
    assert (gone["id"], gone["removed"], gone["files"]) == ("one", True, [])
    assert gone["left"] == {"s3://bkt/runs/one/rows": "execution two refers to it"}
    assert not record.folder_of(store, "one").exists()
    assert history("clean", "--keep", "1").out == "nothing to remove; one execution stays\n"


def test_two_compared(history: History) -> None:
    out = history("compare", "one", "two").out
    assert out.startswith("one (Succeeded) → two (Failed)\nparameters\n  Seed: 0 → 7\n")
    found = json.loads(history("compare", "one", "latest", "--json").out)
    assert [pair["name"] for pair in found["parameters"]] == ["Seed", "Columns"]
    assert found["code"] == []
