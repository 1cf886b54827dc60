"""Run the pipeline on this machine: the definition that is deployed, without Docker or AWS."""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.console import Console

from pipelines import report
from pipelines.errors import ParameterError, PipelinesError, SettingsError
from pipelines.local import engine, instance
from pipelines.local.events import Status
from pipelines.local.job import Runtime
from pipelines.local.record import ExecutionResult
from pipelines.local.store import Location, Mount, Store
from pipelines.progress import Progress

EXAMPLES = """\
examples:
  python -m pipelines.run
      a generated 12-lead sample through Preprocess, Pca, the gate and SparkTransform
  python -m pipelines.run --input ~/recordings -p Leads=i,ii,v1 -p NComponents=2
      your own CSV files, three leads of them
  python -m pipelines.run --input ~/recordings -p PcaInstanceCount=13 --at-once 2
      13 instances, of which two run at the same time
  python -m pipelines.run --json --quiet > result.json
      for scripts

exit code: 0 only when the execution succeeded; 1 when it failed or an input was wrong; 2 for a
wrong command line; 130 when it was stopped with Ctrl-C
"""

STOPPED = 130


def main(argv: Sequence[str] | None = None) -> int:
    """The command. Returns its exit code."""
    arguments = _parser().parse_args(argv)
    console = Console(stderr=True, quiet=arguments.quiet, highlight=False)
    try:
        result, store = _run(arguments, console)
    except PipelinesError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    return _finish(result, store, arguments)


def _run(arguments: argparse.Namespace, console: Console) -> tuple[ExecutionResult, Store]:
    given = _parameters(arguments.parameter)
    console.print("building the definition …")
    document, artifacts, name = _build()
    if arguments.input is None:
        from pipelines import sample

        given.setdefault("RowsPerPart", str(sample.ROWS_PER_PART))
    planned = engine.plan(document, given, name)
    recordings = Location(str(planned.values["InputBucket"]), str(planned.values["InputPrefix"]))
    store = _store(arguments, recordings, console)
    for location, data in artifacts:
        store.put(location, data)
    runtime = Runtime(
        store=store,
        isolated=_isolated(arguments.isolation, console),
        at_once=arguments.at_once,
        cores=os.cpu_count() or 1,
        cache=_cache(),
    )
    with _stopped_by_signals(console) as stop, Progress(planned.definition.steps, console) as tell:
        return engine.execute(planned, runtime, tell, stop), store


def _build() -> tuple[dict[str, Any], list[tuple[Location, bytes]], str]:
    """The definition, the objects it refers to, and the pipeline's name."""
    from pipelines import bundle, ecg_pca, validate
    from pipelines.settings import Settings

    settings = Settings.local()
    bundled = bundle.bundle(settings)
    document = json.loads(ecg_pca.definition(settings, bundled))
    validate.check(document)
    artifacts = [(Location(bundled.bucket, item.key), item.data) for item in bundled.artifacts]
    return document, artifacts, settings.pipeline_name


def _store(arguments: argparse.Namespace, recordings: Location, console: Console) -> Store:
    """The store with the recordings in it: the user's folder, or the generated sample."""
    root = arguments.store.resolve()
    if root.exists() and not root.is_dir():
        raise SettingsError(f"--store {arguments.store} is a file; name a folder")
    if arguments.input is not None:
        folder = arguments.input.resolve()
        if not folder.is_dir():
            raise SettingsError(f"--input {arguments.input} is not a folder")
        if not any(path.is_file() for path in folder.rglob("*")):
            raise SettingsError(
                f"--input {arguments.input} has no files; put recordings (*.csv, *.csv.gz) there"
            )
        return Store(root, (Mount(recordings.bucket, recordings.key, folder),))
    from pipelines import sample

    store = Store(root)
    folder = store.path(recordings)
    made = sample.ensure(
        folder, lambda done, total: console.print(f"generating recordings: {done} of {total}")
    )
    if made:
        console.print(f"the sample lies in {folder}", soft_wrap=True)
    return store


def _isolated(choice: str, console: Console) -> bool:
    if choice == "paths":
        return False
    reason = instance.can_isolate()
    if reason is None:
        return True
    if choice == "namespaces":
        raise SettingsError(f"--isolation namespaces: not to be had here: {reason}")
    console.print(
        "no namespaces here: /opt/ml is rewritten in commands, environment and configuration, "
        f"inputs are copied, and instances share this machine's host names ({reason})",
        soft_wrap=True,
    )
    return False


@contextmanager
def _stopped_by_signals(console: Console) -> Iterator[threading.Event]:
    """An event that Ctrl-C and a request to terminate set, in place of ending this process."""
    stop = threading.Event()

    def handle(number: int, _frame: object) -> None:
        stop.set()
        console.print("stopping every process …")

    before = {number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _finish(result: ExecutionResult, store: Store, arguments: argparse.Namespace) -> int:
    found = report.figures(result, store)
    if arguments.json:
        print(json.dumps(report.to_json(result, found, store), indent=2))
    elif not arguments.quiet:
        report.show(result, found, store, Console(highlight=False))
    for line in report.failures(result):
        print(line, file=sys.stderr)
    if result.status is Status.STOPPED:
        print(
            f"stopped; every process has ended. Finished steps keep their outputs in {store.root}, "
            f"and the record is {result.folder}",
            file=sys.stderr,
        )
        return STOPPED
    return 0 if result.status is Status.SUCCEEDED else 1


def _parameters(pairs: Sequence[str]) -> dict[str, str]:
    given: dict[str, str] = {}
    for pair in pairs:
        name, separator, value = pair.partition("=")
        if not separator or not name:
            raise ParameterError(f"-p {pair}: write -p NAME=VALUE")
        given[name] = value
    return given


def _cache() -> Path:
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "ecg-pipelines"


def _positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return value


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m pipelines.run",
        description=__doc__,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add(
        "--input",
        type=Path,
        metavar="DIR",
        help="recordings: a folder of *.csv and *.csv.gz, "
        "read where it is and never written to (default: a generated 12-lead sample)",
    )
    add(
        "-p",
        "--parameter",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="a pipeline parameter; may be repeated",
    )
    add(
        "--store",
        type=Path,
        default=Path("local-store"),
        metavar="DIR",
        help="the folder that stands in for S3 (default: %(default)s)",
    )
    add(
        "--at-once",
        type=_positive,
        metavar="N",
        help="run at most N instances of a job at the same time (default: all, as SageMaker does)",
    )
    add(
        "--isolation",
        choices=("auto", "namespaces", "paths"),
        default="auto",
        help="give each instance its own /opt/ml, or rewrite paths (default: namespaces where "
        "they are to be had)",
    )
    add("--quiet", action="store_true", help="print errors only")
    add("--json", action="store_true", help="print the result as JSON on standard output")
    return parser


if __name__ == "__main__":
    sys.exit(main())
