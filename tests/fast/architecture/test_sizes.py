"""A file that outgrows its bounds usually holds two ideas."""

from __future__ import annotations

from pathlib import Path

import pytest
from sources import ROOT, modules

from sagepipe.cli import verbs

MOST = 350
MOST_OF_A_VERB = 149


def lines(path: Path) -> int:
    return len((ROOT / path).read_text(encoding="utf-8").splitlines())


@pytest.mark.parametrize("path", modules("sagepipe"), ids=str)
def test_no_file_of_the_toolkit_is_too_long(path: Path) -> None:
    assert lines(path) <= MOST


@pytest.mark.parametrize("verb", verbs.VERBS)
def test_a_verb_is_thin(verb: str) -> None:
    assert lines(Path(f"sagepipe/cli/{verbs.module_name(verb)}.py")) <= MOST_OF_A_VERB
