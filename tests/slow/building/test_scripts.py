"""Scripts are asked about their steps' arguments, in a process of their own."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import tables

from sagepipe.building.scripts import UNKNOWN, Invocation, by_scripts
from sagepipe.errors import ParameterError
from sagepipe.language.definition import Definition
from sagepipe.settings.facts import Settings

Script = Callable[[str, str], Invocation]


@pytest.fixture
def script(tmp_path: Path) -> Script:
    def make(name: str, text: str) -> Invocation:
        path = tmp_path / f"{name}.py"
        path.write_text(text)
        return Invocation(name.title(), path, ("--x", "1"))

    return make


def test_each_script_says_why(script: Script) -> None:
    asked = [
        script("first", "def refusal(argv): return f'no {argv[0]} {argv[1]}'"),
        script("second", "def refusal(argv): return ''"),
        script("third", "import argparse\ndef refusal(a): argparse.ArgumentParser().parse_args(a)"),
    ]
    with pytest.raises(ParameterError) as caught:
        by_scripts(asked)
    assert str(caught.value).splitlines() == [
        "step 'First': first.py refuses its arguments: no --x 1",
        "step 'Third': third.py refuses its arguments: unrecognized arguments: --x 1",
    ]


def test_a_script_that_can_not_be_asked_is_named(script: Script) -> None:
    (note,) = by_scripts([script("lone", "import no_such_module")])
    assert "step 'Lone'" in note
    assert "lone.py" in note
    assert "no_such_module" in note


def test_a_script_without_the_function_is_not_run(script: Script) -> None:
    assert by_scripts([script("plain", "print('imported')")]) == []


def test_a_bug_in_it_keeps_its_traceback(script: Script) -> None:
    with pytest.raises(RuntimeError, match="ZeroDivisionError"):
        by_scripts([script("broken", "def refusal(argv): return 1 / 0")])


def test_what_it_imports_stays_out_of_this_process(script: Script) -> None:
    by_scripts([script("heavy", "import sqlite3.dump\ndef refusal(argv): return ''")])
    assert "sqlite3.dump" not in sys.modules
    assert "heavy" not in sys.modules


def definition(code: Path) -> Definition:
    return Definition.read(tables.project(code)["tables"].built(Settings.local("tables")).document)


def test_a_step_s_script_gets_the_step_s_arguments() -> None:
    seen: list[Invocation] = []

    def ask(invocations: object) -> tuple[str, ...]:
        seen.extend(invocations)  # type: ignore[call-overload]
        return ("a note",)

    pipeline = tables.project(ask=ask)["tables"]
    assert pipeline.checked(definition(tables.CODE), {"Columns": "a,b"}) == ("a note",)
    assert [(one.step, one.script.name, one.arguments) for one in seen] == [
        ("Clean", "clean.py", ("--columns", "a,b", "--fill", "zero")),
        ("Fit", "fit.py", ("--seed", "0")),
        ("Export", "export.py", ("--scale", "false")),
    ]
    assert UNKNOWN.startswith("s3://")


def test_the_project_s_scripts_refuse() -> None:
    pipeline = tables.project(ask=by_scripts)["tables"]
    with pytest.raises(ParameterError, match=r"step 'Clean': clean\.py refuses .* two commas"):
        pipeline.checked(definition(tables.CODE), {"Columns": "a,,b"})


def test_another_version_of_a_script_is_not_asked(tmp_path: Path) -> None:
    code = tmp_path / "code"
    shutil.copytree(tables.CODE, code, ignore=shutil.ignore_patterns("__pycache__"))
    with (code / "clean.py").open("a") as file:
        file.write("# changed\n")
    pipeline = tables.project(ask=by_scripts)["tables"]
    (note,) = pipeline.checked(definition(code), {"Columns": "a,,b"})
    assert "step 'Clean' is deployed with another clean.py" in note
    assert "not checked" in note
