"""The results as a page of Markdown and a chart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.measure import BenchmarkError
from benchmarks.results import TIMES, write

PAGE = "README.md"
CHART = "speed.svg"

_BEGIN = "<!-- written by python -m benchmarks -->"
_END = "<!-- to here -->"

_WIDTH, _BAR, _LEFT = 760, 26, 300
_COLOURS = {"ours": "#1f6f8b", "theirs": "#b8b8b8"}


def save(folder: Path, content: Mapping[str, Any]) -> None:
    """Write the page and, where speed has been measured, the chart."""
    scenarios = content["scenarios"]
    has_chart = "speed" in scenarios
    if has_chart:
        write(folder / CHART, chart(scenarios["speed"]))
    write(folder / PAGE, page(content, has_chart=has_chart))


def page(content: Mapping[str, Any], *, has_chart: bool) -> str:
    """Return all that is known as Markdown: targets first, then each scenario's tables."""
    scenarios = content["scenarios"]
    lines = ["# Measured", "", "Written by `python -m benchmarks`; not to be edited.", ""]
    if any(one["quick"] for one in scenarios.values()):
        lines += ["**Of a `--quick` run: it shows that everything works, and no speed.**", ""]
    lines += ["## Targets", "", *_targets(content)]
    if has_chart:
        lines += ["", f"![CPU seconds, usual script and ours]({CHART})"]
    for name, one in scenarios.items():
        lines += ["", f"## {name}"]
        for table in one["tables"]:
            lines += ["", f"{table['title']}:", "", *markdown(table["header"], table["rows"])]
            lines += ["", table["note"]] if table["note"] else []
        lines += ["", f"*{_measured(one['measured'])}*"]
    return "\n".join(lines) + "\n"


def in_readme(text: str, content: Mapping[str, Any]) -> str:
    """Return docs/numbers.md with the table of targets put between its two comments.

    Raises:
        BenchmarkError: it has no such place.
    """
    before, opening, rest = text.partition(_BEGIN)
    _, closing, after = rest.partition(_END)
    if not closing:
        raise BenchmarkError(
            f"docs/numbers.md: no place for the targets: put in {_BEGIN} and {_END}"
        )
    return "\n".join([before + opening, *_targets(content), closing + after])


def markdown(header: Sequence[str], rows: Any) -> list[str]:
    """Return a table's lines."""
    lines = [f"| {' | '.join(header)} |", f"|{'---|' * len(header)}"]
    return lines + [f"| {' | '.join(row)} |" for row in rows]


def chart(speed: Mapping[str, Any]) -> str:
    """Return a bar chart of CPU seconds at 4 leads as SVG: one bar for each way."""
    wanted = {
        "usual script": "the usual script",
        "Preprocess + Pca, CSV out": "ours, CSV out",
        "Pca of each recording": "ours, drop-in (each recording, CSV)",
        "Preprocess + Pca": "ours, Parquet out",
        "Pca": "of which Pca",
    }
    found = {row[1]: row for row in speed["tables"][0]["rows"] if row[0] == "4"}
    bars = [(label, float(found[name][2].split()[0])) for name, label in wanted.items()]
    most = max(seconds for _, seconds in bars)
    scale = (_WIDTH - _LEFT - 90) / most
    height = 60 + len(bars) * (_BAR + 12)
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" '
        f'width="{_WIDTH}" height="{height}" font-family="sans-serif" font-size="14">',
        f'<rect width="{_WIDTH}" height="{height}" fill="white"/>',
        '<text x="16" y="28" font-weight="bold">'
        "CPU seconds on one core: 8 recordings of 60 MB, 4 leads</text>",
    ]
    for place, (label, seconds) in enumerate(bars):
        y = 48 + place * (_BAR + 12)
        length = max(1.0, seconds * scale)
        colour = _COLOURS["theirs" if place == 0 else "ours"]
        times = "" if place == 0 else f" ({bars[0][1] / seconds:.0f} {TIMES} less)"
        lines += [
            f'<text x="{_LEFT - 10}" y="{y + 18}" text-anchor="end">{label}</text>',
            f'<rect x="{_LEFT}" y="{y}" width="{length:.1f}" height="{_BAR}" fill="{colour}"/>',
            f'<text x="{_LEFT + min(length, _WIDTH - _LEFT - 90) + 8:.1f}" y="{y + 18}">'
            f"{seconds:.1f}{times}</text>",
        ]
    return "\n".join([*lines, "</svg>"]) + "\n"


def _targets(content: Mapping[str, Any]) -> list[str]:
    targets = [target for one in content["scenarios"].values() for target in one["targets"]]
    return markdown(("what", "reached", "target", "holds"), map(_row, targets))


def _row(target: Mapping[str, Any]) -> list[str]:
    relation = {">=": "≥", "<=": "≤"}[target["relation"]]
    unit = f" {target['unit']}" if target["unit"] else ""
    reached = target["spread"] or _number(target["value"])
    return [
        target["what"],
        f"{reached}{unit}",
        f"{relation} {_number(target['bound'])}{unit}",
        "yes" if target["holds"] else "**no**",
    ]


def _number(value: float) -> str:
    return f"{value:.3g}" if value < 100 else f"{value:.0f}"


def _measured(facts: Mapping[str, Any]) -> str:
    versions = ", ".join(f"{name} {version}" for name, version in facts["versions"].items())
    return (
        f"{facts['processor']}, {facts['cores']} cores, {facts['memory_gib']} GiB, "
        f"{facts['system']}; {versions}"
    )
