"""The throughput table: read, written, refused."""

from __future__ import annotations

from pathlib import Path

import pytest
from estimated import TABLE
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sagepipe.errors import SettingsError
from sagepipe.report import throughput
from sagepipe.report.throughput import FIGURES, StepThroughput, Throughput

NUMBERS = st.floats(0, 1e15, allow_nan=False)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1)
STEPS = st.builds(
    StepThroughput,
    rate=st.floats(1e-3, 1e15),
    read=NUMBERS,
    written=NUMBERS,
    second_core=st.floats(0.1, 4),
    threads=st.none() | st.integers(1, 1000),
    shuffle=NUMBERS,
    streams=st.booleans(),
    shares=st.sampled_from(["objects", "evenly"]),
    assumed=st.lists(st.sampled_from(FIGURES), unique=True).map(tuple),
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(machine=TEXTS, steps=st.dictionaries(TEXTS, STEPS, max_size=3), quick=st.booleans())
def test_what_is_written_is_read(
    tmp_path: Path, machine: str, steps: dict[str, StepThroughput], quick: bool
) -> None:
    path = tmp_path / "table.toml"
    text = throughput.dump(Throughput(machine, steps, str(path), quick), "Head.\nMore of it.")
    path.write_text(text if steps else f"{text}[steps]\n", encoding="utf-8")
    assert throughput.load(path) == Throughput(machine, steps, str(path), quick)
    assert text.startswith("# Head.\n# More of it.\n\n")


def test_figures_that_may_be_left_out(tmp_path: Path) -> None:
    path = tmp_path / "table.toml"
    path.write_text('machine = "m"\n[steps.A]\nrate = 1e6\nread = 1\nwritten = 2\n')
    assert throughput.load(path).steps["A"] == StepThroughput(rate=1e6, read=1, written=2)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (None, "can't be read (No such file"),
        ("[steps", "Expected"),
        ("[steps]", "has no machine"),
        ('machine = "m"', "has no steps"),
        ('machine = "m"\nsteps = 3', "steps must be a table"),
        ('machine = "m"\n[steps]\nA = 3', "[steps.A] must be a table"),
        ("rate = 1\nread = 1", "[steps.A] has no written"),
        ("rate = 0\nread = 1\nwritten = 1", "[steps.A] rate and second_core must be above 0"),
        ("rate = inf\nread = 1\nwritten = 1", "rate is inf; it must be finite"),
        ("rate = 1\nread = -1\nwritten = 1", "read is -1; it must be finite and not negative"),
        ("rate = 1\nread = '1'\nwritten = 1", "read is '1'; it must be a number"),
        ("rate = 1\nread = true\nwritten = 1", "read is True; it must be a number"),
        ("rate = 1\nread = 1\nwritten = 1\nthreads = 0", "threads is 0"),
        ("rate = 1\nread = 1\nwritten = 1\nthreads = 1.5", "threads is 1.5"),
        ("rate = 1\nread = 1\nwritten = 1\nshares = 'rows'", "shares is 'rows'"),
        ("rate = 1\nread = 1\nwritten = 1\nstreams = 1", "streams is 1; it must be true or false"),
        ("rate = 1\nread = 1\nwritten = 1\nraet = 1", "has 'raet'; there are assumed, rate"),
        ("rate = 1\nread = 1\nwritten = 1\nassumed = 'rate'", "must be a list of names"),
        ("rate = 1\nread = 1\nwritten = 1\nassumed = ['rte']", "assumed names 'rte'"),
    ],
)
def test_a_wrong_table_is_one_line_that_names_it(
    tmp_path: Path, text: str | None, expected: str
) -> None:
    path = tmp_path / "table.toml"
    if text is not None:
        path.write_text(f'machine = "m"\n[steps.A]\n{text}' if text.startswith("rate") else text)
    with pytest.raises(SettingsError) as caught:
        throughput.load(path)
    said = str(caught.value)
    assert expected in said
    assert str(path) in said
    assert "\n" not in said


def test_a_share_stays_on_one_core_as_far_as_the_second_was_no_help() -> None:
    def serial(gain: float) -> float:
        return StepThroughput(rate=1, read=0, written=0, second_core=gain).serial

    assert serial(2.0) == 0
    assert serial(1.6) == pytest.approx(0.25)
    assert serial(0.9) == 1
    assert serial(2.2) == 0


def test_the_fixture_names_what_is_assumed() -> None:
    assert TABLE.steps["Note"].assumed == ("rate",)
