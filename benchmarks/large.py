"""One long recording: peak memory against a short one, and what a second core gives."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from benchmarks import data, measure, second_core
from benchmarks.bench import GB, MB, Bench
from benchmarks.data import Recordings
from benchmarks.measure import Usage, ratio
from benchmarks.results import TIMES, Result, Table, Target

SETTINGS = ("60 MB, 1 core", "2 GB, 1 core", "60 MB, 2 cores", "2 GB, 2 cores")
STEPS = {
    "Preprocess": SETTINGS,
    "Pca": SETTINGS,
    "Pca of each recording": SETTINGS[2:],  # a minute more on one core would show nothing new
}


def run(bench: Bench) -> Result:
    """Run every Python step on 60 MB and on 2 GB, and on 2 GB with one core and with two."""
    folder = bench.folder / "recordings"
    eight = data.equal(folder / "4-leads", 4, 8, bench.size(60 * MB))
    short = data.equal(folder / "short", 4, 1, bench.size(60 * MB))
    long = data.long(folder / "long", eight, bench.size(2 * GB))
    two = second_core.two(bench)
    contestants: dict[str, Callable[[], Usage]] = {}
    for setting, recordings, on in zip(
        SETTINGS, (short, long, short, long), (bench.core, bench.core, two, two), strict=True
    ):
        # Pca reads what the Preprocess before it has written.
        contestants |= {
            f"{step}, {setting}": _step(bench, step, recordings, on)
            for step, settings in STEPS.items()
            if setting in settings
        }
    bare = second_core.contestants(bench, eight.files)
    found = measure.in_turns(contestants | bare, bench.rounds, bench.tell)
    parsers = {name: found.pop(name) for name in bare}
    machine = second_core.gain(parsers)
    peaks = {name: measure.peak(usages) for name, usages in found.items()}
    growth = [
        abs(peak / peaks[name.replace("2 GB", "60 MB")] - 1)
        for name, peak in peaks.items()
        if "2 GB" in name
    ]
    gain = {
        step: ratio(
            found[f"{step}, 2 GB, 1 core"], found[f"{step}, 2 GB, 2 cores"], lambda u: u.wall
        )
        for step, settings in STEPS.items()
        if settings == SETTINGS
    }
    rows = [
        [
            step,
            *(f"{peaks[f'{step}, {s}']:.0f}" if s in settings else "-" for s in SETTINGS),
            *(
                f"{measure.wall(found[f'{step}, {s}']).median:.1f}" if s in settings else "-"
                for s in (SETTINGS[1], SETTINGS[3])
            ),
            f"{gain[step].median:.2f} {TIMES}" if step in gain else "-",
        ]
        for step, settings in STEPS.items()
    ]
    preprocess = gain["Preprocess"]
    return Result(
        targets=[
            Target("peak memory of the Python steps", max(peaks.values()), "<=", 300, "MiB"),
            Target("2 GB against 60 MB, difference in peak memory", max(growth), "<=", 0.1, ""),
            Target(
                "one large recording, 2 cores against 1",
                *(preprocess.median, ">=", 1.6, TIMES, preprocess.text(".2f")),
            ),
            Target(
                "the same, of what 2 bare parsers gain on these cores",
                *(preprocess.median / machine.median, ">=", 0.85, ""),
            ),
        ],
        tables=[
            Table(
                "One recording of 60 MB and of 2 GB: peak memory in MiB, wall time in s",
                ("step", *SETTINGS, "2 GB: wall, 1 core", "wall, 2 cores", "gain"),
                rows,
                f"Two bare parsers that share nothing gain {machine.text('.2f')} {TIMES} on these "
                "cores.",
            )
        ],
        figures={f"{step.lower()}_gain_of_2_cores": times.median for step, times in gain.items()},
        runs=measure.as_json(found | parsers),
    )


def _step(
    bench: Bench, step: str, recordings: Recordings, on: Sequence[int]
) -> Callable[[], Usage]:
    kept = bench.folder / "scratch" / "kept"
    commands: dict[str, Callable[[Path], list[str]]] = {
        "Preprocess": lambda _: bench.preprocess(recordings.folder, bench.scratch("kept")),
        "Pca": lambda out: bench.pca(kept, out),
        "Pca of each recording": lambda out: bench.pca_each(recordings, out),
    }

    def contest() -> Usage:
        return bench.run(commands[step](bench.scratch("out")), on)

    return contest
