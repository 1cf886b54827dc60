"""The toolkit can be read without knowing the project: it doesn't speak of it."""

from __future__ import annotations

import importlib
import re
from pathlib import Path

import pytest
from sources import ROOT, modules

import steps
from pipelines import PROJECT

TOOLKIT = sorted(
    path
    for path in (ROOT / "sagepipe").rglob("*")
    if path.suffix in (".py", ".java", ".toml", ".json", ".html", ".css", ".js")
)


def step_names() -> set[str]:
    """The names that step modules give their steps."""
    found = set[str]()
    for path in modules("steps"):
        module = importlib.import_module(f"{steps.__name__}.{path.stem}")
        found |= {value for name, value in vars(module).items() if name in ("NAME", "FAILED")}
    return found


def script_names() -> set[str]:
    """The scripts that containers run, with and without their suffix, and their helpers."""
    return {
        name
        for path in (ROOT / "code").iterdir()
        if not path.name.startswith((".", "_"))
        for name in (path.name, path.stem)
    }


def parameter_names() -> set[str]:
    return {parameter.name for pipeline in PROJECT for parameter in pipeline.parameters}


WORDS = step_names() | script_names() | parameter_names() | {one.name for one in PROJECT}
# A name that is an ordinary word too, as Count may be, is the project's only where it is quoted or
# given as a parameter; the stem of a script called so says nothing.
ORDINARY = re.compile(r"[A-Z]?[a-z]+")
PLAIN = sorted(one for one in WORDS if ORDINARY.fullmatch(one) and not one.islower())
OWN = sorted(one for one in WORDS if not ORDINARY.fullmatch(one))
SPOKEN = re.compile(
    "|".join(
        [
            *(rf"(?<![\w-]){re.escape(one)}(?![\w-])" for one in OWN),
            *(rf"[\"'`]{one}[\"'`]|-p {one}=|[Ss]teps?[ .]{one}\b" for one in PLAIN),
        ]
    )
)
SUBJECT = re.compile("ecg", re.IGNORECASE)


def test_the_words_are_those_of_the_project() -> None:
    assert {"Preprocess", "Pca", "PcaRecordings", "SparkTransform", "QualityGate"} <= WORDS
    assert {"pca.py", "spark_transform", "ecglib", "NComponents", "ecg-pca"} <= WORDS
    assert SPOKEN.search("run pca.py, then SparkTransform")
    assert all(map(SPOKEN.search, ["'Pca'", "step Pca", "-p Leads=ii", "Steps.Pca"]))
    assert not SPOKEN.search("SparkTransformer, Split the line, Fill it")


@pytest.mark.parametrize("path", TOOLKIT, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_word_of_the_project_is_in_the_toolkit(path: Path) -> None:
    lines = enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
    said = [
        f"line {number}: {line.strip()}"
        for number, line in lines
        if SPOKEN.search(line) or SUBJECT.search(line)
    ]
    assert said == []
