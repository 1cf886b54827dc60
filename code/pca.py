"""Pca: principal components of all recordings together, or of each one by itself.

--scope global (default) merges the moments of all train recordings, which every instance has,
into one model, the same on every instance to the last bit, and projects this instance's parts:

    components/split=<split>/  one file for each part: recording, sample, time, pc1, pc2, …
    model/model.json           leads, mean, scale, components, variances (first instance only)
    metrics/metrics.json       figures for the quality gate             (first instance only)

--scope recording fits each recording by itself. Parts are projected as above, by their recordings'
own moments. Where --input has raw CSV instead, each file is read as a stream, its clean rows wait
on the output's disk for their model (8 bytes a cell), and it gives components/pca_<recording>.csv
(--format csv; no header, no index) or .parquet.
A component's largest absolute weight is positive (of equal ones, the first).
"""

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ecglib import (
    account,
    arguments,
    clean,
    hosts,
    memory,
    metrics,
    model,
    momentfiles,
    recordings,
)
from ecglib.components import FORMATS
from ecglib.errors import StepError, run
from ecglib.hosts import Hosts
from ecglib.leads import HEADERS
from ecglib.messages import listed, say
from ecglib.model import Options
from ecglib.momentfiles import RecordedMoments
from ecglib.moments import merged
from ecglib.projection import ComponentsWriter, Models, find_parts
from ecglib.split import SPLITS
from ecglib.staging import Staging
from ecglib.stream import Reading

EXAMPLES = """examples:
  pca.py --input parts --moments out/moments --account out/account --output pca
  pca.py --input parts --moments out/moments --account out/account --output pca --n-components 3
  pca.py --scope recording --input raw --output pca --leads 1,2,3,4 --n-components all --format csv
"""


@dataclass(frozen=True)
class Settings:
    """The command line, checked."""

    scope: str
    input: str
    moments: str
    account: str
    output: Path
    options: Options
    format: str
    reading: Reading
    hosts: Hosts


def main(argv: Sequence[str] | None = None) -> int:
    """Run the step; return 0, or 1 after an error in input or options."""
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=EXAMPLES, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    base = "/opt/ml/processing"
    parser.add_argument("--scope", default="global", metavar="global|recording")
    parser.add_argument("--input", default=f"{base}/input/parts", metavar="DIR")
    parser.add_argument("--moments", default=f"{base}/input/moments", metavar="DIR")
    parser.add_argument("--account", default=f"{base}/input/account", metavar="DIR")
    parser.add_argument("--output", default=f"{base}/output", metavar="DIR")
    parser.add_argument(
        "--n-components",
        default="0.95",
        metavar="all|K|SHARE",
        help="how many to keep, or the share of the variance to exceed (default: %(default)s)",
    )
    for option, purpose in (
        ("--standardize", "divide each lead by its standard deviation"),
        ("--whiten", "give each component the variance 1"),
    ):
        parser.add_argument(
            option, nargs="?", const="true", default="false", metavar="true|false", help=purpose
        )
    parser.add_argument("--format", default="parquet", metavar="|".join(FORMATS))
    arguments.add_cleaning(parser.add_argument_group("raw CSV with --scope recording"))
    arguments.add_common(parser)
    args = parser.parse_args(argv)
    memory.keep_freed()
    return run(lambda: pca(_settings(args)), args.message_file)


def _settings(args: argparse.Namespace) -> Settings:
    fill = arguments.choice(args.fill, "--fill", clean.FILLS)
    return Settings(
        scope=arguments.choice(args.scope, "--scope", ("global", "recording")),
        input=args.input,
        moments=args.moments,
        account=args.account,
        output=Path(args.output),
        options=Options(
            n_components=args.n_components,
            standardize=arguments.boolean(args.standardize, "--standardize"),
            whiten=arguments.boolean(args.whiten, "--whiten"),
        ),
        format=arguments.choice(args.format, "--format", FORMATS),
        reading=Reading(
            leads=args.leads,
            fill=fill,
            max_gap=arguments.positive(args.max_gap, "--max-gap"),
            rate=arguments.sampling_rate(args.sampling_rate),
            header=arguments.choice(args.header, "--header", HEADERS),
            # The components don't need a time; interpolation does.
            timed=fill == "interpolate",
        ),
        hosts=hosts.load(args.resource_config),
    )


def pca(settings: Settings) -> None:
    """Fit and project, by the scope asked for."""
    parts = find_parts(settings.input)
    raw = [] if parts or settings.scope == "global" else recordings.find(settings.input)
    with Staging() as staging:
        writer = ComponentsWriter(
            staging, settings.output / "components", settings.format, settings.hosts.current
        )
        if settings.scope == "global":
            writer.project(parts, _global(settings, staging))
        elif raw:
            for recording in raw:
                writer.fit_and_project(recording, settings.reading, settings.options)
        elif parts or Path(settings.moments).is_dir():
            writer.project(parts, _by_recording(settings))
        elif settings.hosts.alone:
            raise StepError(
                f"neither parts (train/*.parquet, …) nor recordings (*.csv, *.csv.gz) below "
                f"{settings.input}: check --input"
            )
        else:
            writer.idle()


def _global(settings: Settings, staging: Staging) -> Models:
    """Fit the one model; on the first instance, stage it and its metrics."""
    recorded = {name: list(momentfiles.load(settings.moments, name)) for name in SPLITS}
    accounts = account.load(settings.account)
    metrics.require_same_rows(recorded, accounts)
    by_split = {name: merged(r.moments for r in several) for name, several in recorded.items()}
    train = by_split["train"]
    if train is None or train.n < 2:
        raise StepError(
            f"{settings.moments}: {train.n if train else 'no'} train rows, of at least 2 that a "
            "PCA needs: give more recordings, or run Preprocess with another --split or --seed"
        )
    leads = recorded["train"][0].leads
    _require_leads(recorded, leads)
    largest = max(recorded["train"], key=lambda one: one.moments.reach.max())
    source = f"the train recordings (largest: {largest.recording!r})"
    fitted = model.fit(leads, train, settings.options, source)
    for several in recorded.values():
        for one in several:
            fitted.require_range(one.moments, f"recording {one.recording!r}")
    figures = metrics.content(fitted, by_split, accounts)
    if settings.hosts.is_first:
        for path, content in (
            ("model/model.json", fitted.content()),
            ("metrics/metrics.json", figures),
        ):
            text = json.dumps(content, ensure_ascii=False, allow_nan=False, indent=2) + "\n"
            staging.write_text(settings.output / path, text)
    say(
        f"model of {train.n} train rows, {len(leads)} leads: {fitted.kept} components keep "
        f"{figures['explained_variance']:.4%} of the variance, rank {fitted.rank}"
    )
    return Models(leads, fitted.kept, shared=fitted)


def _by_recording(settings: Settings) -> Models:
    """Fit each recording by itself, from its own moments."""
    recorded = {name: list(momentfiles.load(settings.moments, name)) for name in SPLITS}
    everything = [one for several in recorded.values() for one in several]
    if not everything:
        raise StepError(f"{settings.moments}: no moments: give Preprocess's moments output")
    leads = everything[0].leads
    _require_leads(recorded, leads)
    return Models.fit_each(leads, everything, settings.options)


def _require_leads(recorded: dict[str, list[RecordedMoments]], leads: tuple[str, ...]) -> None:
    ones = [several[0] for several in recorded.values() if several]
    for one in ones:
        if one.leads != leads:
            raise StepError(
                f"recordings {ones[0].recording!r} and {one.recording!r} have different leads: "
                f"{listed(leads)} and {listed(one.leads)}. "
                "Choose common ones with Preprocess's --leads"
            )


if __name__ == "__main__":
    sys.exit(main())
