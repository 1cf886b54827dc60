"""Texts of a definition are shown as they are: `[/b]` is no markup of the terminal's."""

from __future__ import annotations

import io
from pathlib import Path

from rich.console import Console

from sagepipe.local.events import ExecutionStarted, Note, Remark, Status, StepChanged
from sagepipe.local.record import ExecutionResult, StepResult
from sagepipe.local.store import Store
from sagepipe.report import summary
from sagepipe.report.figures import Figures
from sagepipe.report.progress import Progress

ODD = "a [/b] of [red]text"


def test_the_summary(tmp_path: Path) -> None:
    step = StepResult(
        "Fit", "Processing", Status.SUCCEEDED, reason=ODD, outputs={"[/b]": "s3://b/[/b]/x"}
    )
    (tmp_path / "b" / "[" / "b]" / "x").mkdir(parents=True)
    result = ExecutionResult("abc", Status.SUCCEEDED, ODD, {}, {"Fit": step}, tmp_path, 1.0, "p")
    out = io.StringIO()
    console = Console(file=out, width=200, force_terminal=True, color_system=None)
    summary.show(result, Figures({"Fit": 3}, (ODD,)), Store(tmp_path), console)
    assert ODD in out.getvalue()
    assert "[/b]" in out.getvalue().split("outputs below")[1]


def test_progress() -> None:
    out = io.StringIO()
    with Progress(Console(file=out, width=200)) as show:
        show(ExecutionStarted("abc", ODD, ("Fit",)))
        show(StepChanged("Fit", "Processing", Status.EXECUTING, 2))
        show(Note("Fit", ODD))
        show(Remark(ODD))
    assert out.getvalue().count(ODD) == 3
