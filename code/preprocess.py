"""Preprocess: raw recordings into train, validation and test parts, moments and a row account.

Each instance reads its own recordings (CSV or CSV.gz: a header, a first column with the time in
seconds, one column for each lead) as a stream, cleans the rows, and writes below --output

    train/ validation/ test/   part-<host>-<number>.parquet, all of --rows-per-part rows but the
                               last: recording, sample, time, and a float64 column for each lead.
                               `sample` numbers all rows read: a rejected row leaves a hole.
    moments/<split>/           count, mean and co-moments of each recording, for Pca
    account/<host>.jsonl       what became of each row: read = written + rejected, with reasons

A recording goes as a whole to the split that a hash of its name and --seed points to.
"""

import argparse
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from ecglib import arguments, clean, hosts, memory, moments, recordings, split
from ecglib.account import RecordingAccount, Totals, instance_line, reasons
from ecglib.errors import StepError, run
from ecglib.hosts import Hosts
from ecglib.leads import HEADERS, RESERVED
from ecglib.messages import listed, say
from ecglib.momentfiles import RecordedMoments
from ecglib.parts import PartWriter
from ecglib.pipe import FILE_MODE, PipedRecordings
from ecglib.recordings import Recording
from ecglib.split import SPLITS
from ecglib.staging import Staging
from ecglib.stream import Reading, RecordingStream

EXAMPLES = """examples:
  preprocess.py --input recordings --output out
  preprocess.py --input recordings --output out --leads i,ii,v1 --fill interpolate --max-gap 0.05
  preprocess.py --input adc --output out --leads 1,2,3,4 --sampling-rate 360 --split 0.7,0.15,0.15
  preprocess.py --input tables --output out --header none --leads 1,2
  preprocess.py --input-mode Pipe --input /opt/ml/processing/input/raw --input-uri s3://bucket/raw/
"""


@dataclass(frozen=True)
class Settings:
    """The command line, checked."""

    input: str
    input_mode: str
    input_uri: str
    output: Path
    reading: Reading
    shares: tuple[float, ...]
    seed: int
    rows_per_part: int
    require_all_splits: bool
    hosts: Hosts


def main(argv: Sequence[str] | None = None) -> int:
    """Run the step; return 0, or 1 after an error in input or options."""
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=EXAMPLES, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    base = "/opt/ml/processing"
    parser.add_argument("--input", default=f"{base}/input/raw", metavar="DIR")
    parser.add_argument(
        "--input-mode",
        default="File",
        metavar="File|Pipe",
        help="Pipe: --input has a manifest and a pipe with all recordings, which then must have "
        "one header (default: File)",
    )
    parser.add_argument(
        "--input-uri",
        default="",
        metavar="S3URI",
        help="Pipe: the input's prefix; recordings are named by what follows it",
    )
    parser.add_argument("--output", default=f"{base}/output", metavar="DIR")
    arguments.add_cleaning(parser)
    parser.add_argument(
        "--split", default="0.8,0.1,0.1", help="shares of train,validation,test (%(default)s)"
    )
    parser.add_argument("--seed", default="0", help="another seed, another split (%(default)s)")
    parser.add_argument(
        "--require-all-splits",
        nargs="?",
        const="true",
        default="false",
        metavar="true|false",
        help="fail if a split with a share stays empty (one instance sees that only when alone)",
    )
    parser.add_argument("--rows-per-part", default="50000", metavar="N", help="(%(default)s)")
    arguments.add_common(parser)
    args = parser.parse_args(argv)
    memory.keep_freed()
    return run(lambda: preprocess(_settings(args)), args.message_file)


def _settings(args: argparse.Namespace) -> Settings:
    return Settings(
        input=args.input,
        input_mode=arguments.choice(args.input_mode, "--input-mode", ("File", "Pipe")),
        input_uri=args.input_uri,
        output=Path(args.output),
        reading=Reading(
            leads=args.leads,
            fill=arguments.choice(args.fill, "--fill", clean.FILLS),
            max_gap=arguments.positive(args.max_gap, "--max-gap"),
            rate=arguments.sampling_rate(args.sampling_rate),
            header=arguments.choice(args.header, "--header", HEADERS),
        ),
        shares=split.parse(args.split),
        seed=arguments.whole(args.seed, "--seed"),
        rows_per_part=arguments.whole(args.rows_per_part, "--rows-per-part", minimum=1),
        require_all_splits=arguments.boolean(args.require_all_splits, "--require-all-splits"),
        hosts=hosts.load(args.resource_config),
    )


def preprocess(settings: Settings) -> None:
    """Turn this instance's recordings into parts, moments and an account."""
    found: list[Recording] | PipedRecordings
    if settings.input_mode == "Pipe" and settings.reading.header == "none":
        raise StepError(
            "--header none: recordings in a pipe are told apart by their header: give them one, or "
            f"{FILE_MODE}"
        )
    if settings.input_mode == "Pipe":
        found = PipedRecordings(settings.input, settings.input_uri)
    else:
        found = recordings.find(settings.input)
    if not found and settings.hosts.alone:
        raise StepError(f"no recordings (*.csv, *.csv.gz) below {settings.input}: check --input")
    with Staging() as staging, ExitStack() as stack:
        output = _Output(settings, staging, stack)
        for recording in found:
            output.add(recording)
        output.finish()
    output.summarise()


class _Output:
    """Everything one instance writes."""

    def __init__(self, settings: Settings, staging: Staging, stack: ExitStack) -> None:
        self._settings, self._staging = settings, staging
        self._leads: tuple[str, ...] = ()
        self._first: Recording | None = None
        self._accounts: list[RecordingAccount] = []
        self._writers = {}
        host = settings.hosts.current
        for name in SPLITS:
            folder = settings.output / name
            staging.replace(folder, f"part-{host}-*.parquet")
            writer = PartWriter(staging, folder, host, settings.rows_per_part)
            self._writers[name] = writer
            stack.callback(writer.close)
        staging.replace(settings.output / "moments" / "train", f"none-{host}.json")

    def add(self, recording: Recording) -> None:
        """Read one recording and write its rows and moments."""
        stream = RecordingStream(recording, self._settings.reading)
        leads = stream.layout.leads
        self._require_same(recording, leads)
        name = split.assign(recording.id, self._settings.shares, self._settings.seed)
        accumulator = moments.Accumulator(len(leads))
        for rows in stream:
            accumulator.add(rows.values)
            self._writers[name].add(recording.id, leads, rows)
        account = stream.account(name)
        self._accounts.append(account)
        found = accumulator.result()
        found.require_range(recording.source, leads)
        self._write_moments(recording.id, recording.file_stem, name, found)
        notes = f", {account.filled} cells filled" if account.filled else ""
        if account.rejected:
            notes += f", rejected: {reasons(account.rejected)}"
        say(f"{recording.source}: {account.written} rows to {name}{notes}")

    def finish(self) -> None:
        """Write the last parts, and the files that must be there even without rows."""
        settings, host = self._settings, self._settings.hosts.current
        empty = [name for name in SPLITS if not any(a.split == name for a in self._accounts)]
        wanted = [n for n, share in zip(SPLITS, settings.shares, strict=True) if share]
        missing = [name for name in empty if name in wanted]
        if missing and settings.require_all_splits and settings.hosts.alone:
            raise StepError(
                f"no recording falls to {', '.join(missing)} with --split and --seed "
                f"{settings.seed}: give more than these {len(self._accounts)} recordings, "
                "another --seed, or leave out --require-all-splits"
            )
        for writer in self._writers.values():
            writer.finish(self._leads)
        if "train" in empty:
            none = moments.empty(len(self._leads))
            self._write_moments(None, f"none-{host}", "train", none)
        about = {
            "fill": settings.reading.fill,
            "split": list(settings.shares),
            "seed": settings.seed,
        }
        lines = [instance_line(host, len(self._accounts), self._leads, about)]
        lines += [account.line() for account in self._accounts]
        self._staging.write_text(settings.output / "account" / f"{host}.jsonl", "".join(lines))

    def summarise(self) -> None:
        """Print what has been done."""
        total = Totals()
        by_split = {name: Totals() for name in SPLITS}
        for account in self._accounts:
            total.add(account)
            by_split[account.split].add(account)
        host = self._settings.hosts.current
        say(
            f"{host}: {total.recordings} recordings, {total.read} rows read, "
            f"{total.written} written, {total.filled} cells filled, "
            f"rejected: {reasons(total.rejected)}"
        )
        for name, part in by_split.items():
            note = "" if part.recordings else " (empty: no recording of this instance falls here)"
            say(f"{host}: {name}: {part.recordings} recordings, {part.written} rows{note}")

    def _require_same(self, recording: Recording, leads: tuple[str, ...]) -> None:
        clash = [lead for lead in leads if lead in RESERVED]
        if clash:
            raise StepError(
                f"{recording.source}: a lead is named {clash[0]!r}, as a column of the output is: "
                "choose the leads with --leads, or rename that column"
            )
        if self._first is None:
            self._first, self._leads = recording, leads
        if leads != self._leads:
            raise StepError(
                f"{recording.source}: its leads are {listed(leads)}, but those of "
                f"{self._first.source} are {listed(self._leads)}: "
                "choose common ones with --leads"
            )

    def _write_moments(
        self, recording: str | None, stem: str, name: str, result: moments.Moments
    ) -> None:
        path = self._settings.output / "moments" / name / f"{stem}.json"
        text = RecordedMoments(recording, name, self._leads, result).text()
        self._staging.write_text(path, text)


if __name__ == "__main__":
    sys.exit(main())
