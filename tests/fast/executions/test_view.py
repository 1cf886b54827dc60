"""How an execution on SageMaker is shown while it is watched."""

from __future__ import annotations

import dataclasses
import io
from datetime import UTC, datetime, timedelta

import pytest
from rich.console import Console

from sagepipe.executions import view
from sagepipe.executions.remote import Execution, Step

ARN = "arn:aws:sagemaker:eu-west-1:123456789012:pipeline/tables/execution/p4jn9xou8a8s"
NOW = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)

STEPS = (
    Step("Clean", "ProcessingJob", "Succeeded", NOW, NOW + timedelta(seconds=65), job="a"),
    Step("Fit", "ProcessingJob", "Executing", NOW, attempts=2, job="b"),
)


def test_a_terminal_gets_a_table_with_what_is_still_waiting() -> None:
    out = io.StringIO()
    console = Console(file=out, force_terminal=True, width=100, color_system=None)
    shown = view.View(console, ["Clean", "Fit", "Export"], lambda _: 8)
    with shown:
        shown(Execution(ARN, "Executing", steps=STEPS))
    console.print(shown.table(Execution(ARN, "Failed", steps=STEPS)))
    text = out.getvalue()
    for words in ("Clean", "Executing", "1 min 05 s", "attempt 2", "waiting", "not run", "8"):
        assert words in text


def test_steps_that_the_definition_lacks_are_shown_too() -> None:
    console = Console(file=io.StringIO(), width=100)
    table = view.View(console, [], lambda _: 0).table(Execution(ARN, "Executing", steps=STEPS))
    assert table.row_count == 2


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(-1, "0 s"), (0.4, "0 s"), (59.6, "1 min 00 s"), (3599, "59 min 59 s"), (7800, "2 h 10 min")],
)
def test_durations(seconds: float, words: str) -> None:
    assert view.duration(seconds) == words


def test_a_studio_link_only_where_the_domain_is_known() -> None:
    execution = Execution(ARN, "Executing", domain="d-abc123")
    assert execution.studio_link == (
        "https://studio-d-abc123.studio.eu-west-1.sagemaker.aws"
        "/pipelines/view/tables/executions/p4jn9xou8a8s/graph"
    )
    assert dataclasses.replace(execution, domain="").studio_link == ""


def test_why_a_step_is_tried_again_is_said_while_it_is() -> None:
    step = Step("Fit", "ProcessingJob", "Executing", NOW, attempts=3, reason="no capacity")
    assert view.remark(step) == "attempt 3: no capacity"
    assert view.remark(dataclasses.replace(step, ended=NOW)) == "attempt 3"
    assert view.remark(dataclasses.replace(step, attempts=1, reason="")) == ""
