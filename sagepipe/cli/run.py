"""Run a pipeline on this machine: the definition that is deployed, without Docker or AWS."""

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

from pipelines.ecg_pca import PARALLELISM
from sagepipe.cli import run_arguments, run_source, start
from sagepipe.errors import SagepipeError, SettingsError
from sagepipe.language.s3 import Location
from sagepipe.local import engine
from sagepipe.local.events import Status
from sagepipe.local.job import Runtime
from sagepipe.local.launch import instance
from sagepipe.local.record import ExecutionResult
from sagepipe.local.store import Mount, Store
from sagepipe.report import summary
from sagepipe.report.progress import Progress
from sagepipe.settings.facts import Settings

STOPPED = 130


def main(argv: Sequence[str] | None = None) -> int:
    """The command. Returns its exit code."""
    parser = run_arguments.parser(__doc__ or "")
    start.add_arguments(parser)
    arguments = parser.parse_args(argv)
    if wrong := start.conflict(arguments, parser) or run_arguments.conflict(arguments):
        parser.error(wrong)
    console = Console(stderr=True, quiet=arguments.quiet, highlight=False)
    try:
        if arguments.on == "sagemaker":
            return start.run(arguments, run_arguments.pairs(arguments.parameter), console)
        if arguments.resume:
            result, store = _resume(arguments, console)
        elif arguments.definition or arguments.definition_of:
            result, store = _run_other(arguments, console)
        else:
            result, store = _run_own(arguments, console)
    except SagepipeError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    return _finish(result, store, arguments)


def _run_own(arguments: argparse.Namespace, console: Console) -> tuple[ExecutionResult, Store]:
    """This project's pipeline, built from its source."""
    given = run_arguments.pairs(arguments.parameter)
    console.print("building the definition …")
    document, artifacts, name = _build()
    if arguments.input is None:
        from pipelines import sample

        given.setdefault("RowsPerPart", str(sample.ROWS_PER_PART))
    choices = run_arguments.choices(arguments, PARALLELISM["MaxParallelExecutionSteps"])
    planned = engine.plan(document, given, name, choices, _earlier(arguments))
    recordings = Location(str(planned.values["InputBucket"]), str(planned.values["InputPrefix"]))
    store = _store(arguments, recordings, console)
    for location, data in artifacts:
        store.put(location, data)
    return _execute(planned, store, arguments, console), store


def _run_other(arguments: argparse.Namespace, console: Console) -> tuple[ExecutionResult, Store]:
    """Any definition: from a file, or as it is deployed."""
    given = run_arguments.pairs(arguments.parameter)
    if arguments.definition:
        source = run_source.from_file(arguments.definition)
        run_source.check(source, refuse=not arguments.unchecked, console=console)
    else:
        source = run_source.deployed(arguments.definition_of)
    store = _earlier(arguments)
    choices = run_arguments.choices(arguments, source.max_parallel_steps)
    planned = engine.plan(source.document, given, source.name, choices, store)
    if arguments.definition_of:
        run_source.fetch_scripts(source, store, console)
    return _execute(planned, store, arguments, console), store


def _resume(arguments: argparse.Namespace, console: Console) -> tuple[ExecutionResult, Store]:
    """An execution that failed, was stopped, or whose engine was killed."""
    given = _earlier(arguments)
    choices = run_arguments.choices(arguments, None)
    planned = engine.resume(given, arguments.resume, choices)
    found = planned.past.resumed
    assert found is not None
    store = given if given.mounts else Store(given.root, found.mounts)
    return _execute(planned, store, arguments, console), store


def _execute(
    planned: engine.Plan, store: Store, arguments: argparse.Namespace, console: Console
) -> ExecutionResult:
    runtime = Runtime(
        store=store,
        isolated=_isolated(arguments.isolation, console),
        at_once=arguments.at_once,
        cores=os.cpu_count() or 1,
        cache=_cache(),
        images=run_arguments.images(arguments),
        environment=run_arguments.environment(arguments),
        last_wins=arguments.on_collision == "last",
    )
    with _stopped_by_signals(console) as stop, Progress(planned.definition.steps, console) as tell:
        return engine.execute(planned, runtime, tell, stop)


def _earlier(arguments: argparse.Namespace) -> Store:
    """The store with the buckets that are given as folders, and with earlier executions."""
    root = arguments.store.resolve()
    if root.exists() and not root.is_dir():
        raise SettingsError(f"--store {arguments.store} is a file; name a folder")
    return Store(root, tuple(Mount.parse(text) for text in arguments.bucket))


def _build() -> tuple[dict[str, Any], list[tuple[Location, bytes]], str]:
    """The definition, the objects it refers to, and the pipeline's name."""
    from pipelines import ecg_pca
    from sagepipe.deploy import bundle
    from sagepipe.language import validate

    settings = Settings.local()
    bundled = bundle.bundle(settings)
    document = json.loads(ecg_pca.definition(settings, bundled))
    validate.check(document)
    artifacts = [(Location(bundled.bucket, item.key), item.data) for item in bundled.artifacts]
    return document, artifacts, settings.pipeline_name


def _store(arguments: argparse.Namespace, recordings: Location, console: Console) -> Store:
    """The store with the recordings in it: the user's folder, or the generated sample."""
    store = _earlier(arguments)
    if arguments.input is not None:
        folder = arguments.input.resolve()
        if not folder.is_dir():
            raise SettingsError(f"--input {arguments.input} is not a folder")
        if not any(path.is_file() for path in folder.rglob("*")):
            raise SettingsError(
                f"--input {arguments.input} has no files; put recordings (*.csv, *.csv.gz) there"
            )
        return Store(store.root, (*store.mounts, Mount(recordings.bucket, recordings.key, folder)))
    if any(mount.covers(recordings) for mount in store.mounts):
        return store  # a --bucket: what it lacks is not for us to put there
    from pipelines import sample

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
    own = result.pipeline == Settings.local().pipeline_name
    found = summary.figures(result, store) if own else summary.NONE
    if arguments.json:
        print(json.dumps(summary.to_json(result, found, store), indent=2))
    elif not arguments.quiet:
        summary.show(result, found, store, Console(highlight=False))
    for line in summary.failures(result):
        print(line, file=sys.stderr)
    if result.status is Status.STOPPED:
        print(
            f"stopped; every process has ended. Finished steps keep their outputs in {store.root}, "
            f"and the record is {result.folder}",
            file=sys.stderr,
        )
    if result.status is not Status.SUCCEEDED and not any(
        step.type == "Fail" and step.status is Status.FAILED for step in result.steps.values()
    ):
        print(f"to go on from here: --resume {result.execution_id}", file=sys.stderr)
    if result.status is Status.STOPPED:
        return STOPPED
    return 0 if result.status is Status.SUCCEEDED else 1


def _cache() -> Path:
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "ecg-pipelines"


if __name__ == "__main__":
    sys.exit(main())
