"""docs/fidelity.md: no empty cell, and every test that it names is there."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
TEXT = (ROOT / "docs/fidelity.md").read_text(encoding="utf-8")
ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in TEXT.splitlines()
    if re.match(r"\| \d", line)
]


def test_every_statement_has_its_row() -> None:
    expected = [f"1.{n}" for n in range(1, 12)] + [f"2.{n}" for n in range(1, 12)]
    expected += [f"3.{n}" for n in range(1, 7)] + [f"5.{n}" for n in range(1, 15)]
    assert [row[0] for row in ROWS] == expected


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_a_row_is_complete_and_its_tests_exist(row: list[str]) -> None:
    _number, documented, ours, tests = row
    assert documented
    assert ours
    named = re.findall(r"(\w+): (\w+)", tests)
    assert named
    for file, name in named:
        sources = [
            path.read_text(encoding="utf-8") for path in ROOT.glob(f"tests/*/*/test_{file}.py")
        ]
        assert any(f"def test_{name}(" in source for source in sources), f"{file}: {name}"
