"""The verb `spark-ui`: Spark's history server over the event logs of runs."""

from __future__ import annotations

import argparse
import signal
import sys
import tempfile
import threading
import webbrowser
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sagepipe.cli.frame import Call, Command, add_pipeline
from sagepipe.errors import LocalError, SettingsError
from sagepipe.executions import spark_history
from sagepipe.executions.spark_history import Find
from sagepipe.language.s3 import Location
from sagepipe.local.given import DEFAULT_STORE
from sagepipe.local.spark import history_logs, history_server
from sagepipe.local.store import Store
from sagepipe.settings import configuration

EXAMPLES = """\
examples:
  sagepipe spark-ui
      all Spark jobs that ran here, and those that will run while it serves
  sagepipe spark-ui 3e1uuxuy3o2k
      those of one execution, by its id
  sagepipe spark-ui --logs ~/event-logs
      the event logs in a folder, however deep
  sagepipe spark-ui --logs s3://bucket/runs/p4jn9xou8a8s/spark-events
      jobs on SageMaker: copies their logs, with your AWS credentials, and serves the copies

It listens on this machine only, and prints its address on standard output once it answers. Ctrl-C,
or SIGTERM, ends it.

exit code: 0 when it was ended so; 1 when there was nothing to serve or it failed; 2 for a wrong
command line
"""


def run(arguments: argparse.Namespace, call: Call) -> int:
    """Serve until somebody ends it."""
    with _stopped_by_signals() as stop, tempfile.TemporaryDirectory(prefix="history-") as folder:
        _serve(arguments, call, Path(folder), stop)
    return 0


def _serve(arguments: argparse.Namespace, call: Call, work: Path, stop: threading.Event) -> None:
    port = history_server.free_port(arguments.port)
    find, where = _source(arguments, call, work, stop)
    logs = work / "logs"
    logs.mkdir()
    count = history_logs.mirror(find(), logs)
    if stop.is_set():
        return
    if not count:
        raise LocalError(
            f"no Spark event log in {where}; a job writes one when it is given "
            "spark_event_logs_s3_uri"
        )
    _say(f"starting the history server over {spark_history.words(count)} …")
    with history_server.serve(logs, port, work, stop) as server:
        if server is not None:
            print(server.url, flush=True)
            _say("Ctrl-C ends it")
            if arguments.open:
                webbrowser.open(server.url)
            spark_history.keep_current(server, find, logs, stop, _say)
    _say("the history server has ended")


def _source(
    arguments: argparse.Namespace, call: Call, work: Path, stop: threading.Event
) -> tuple[Find, str]:
    """What finds the logs, again and again, and where it looks, in words."""
    if arguments.logs is not None:
        if arguments.execution or arguments.store:
            raise SettingsError("--logs says where the logs are: give no execution or --store")
        if "://" in arguments.logs:
            return _in_s3(arguments, call, work, stop)
        folder = Path(arguments.logs).expanduser()
        if not folder.is_dir():
            raise SettingsError(f"--logs {folder} is not a folder")
        return lambda: history_logs.find(folder), str(folder)
    return spark_history.of_store(Store(arguments.store or DEFAULT_STORE), arguments.execution)


def _in_s3(
    arguments: argparse.Namespace, call: Call, work: Path, stop: threading.Event
) -> tuple[Find, str]:
    prefix = Location.parse(arguments.logs)
    sources = call.settings(arguments)
    sources.require("region")
    copies = work / "copies"
    copies.mkdir()
    return spark_history.of_bucket(prefix, sources.get("region"), copies, stop, _say)


@contextmanager
def _stopped_by_signals() -> Iterator[threading.Event]:
    """An event that Ctrl-C and a request to terminate set, in place of ending this process."""
    stop = threading.Event()
    numbers = (signal.SIGINT, signal.SIGTERM)
    before = {number: signal.signal(number, lambda *_: stop.set()) for number in numbers}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _port(text: str) -> int:
    port = int(text)
    if not 0 <= port < 2**16:
        raise argparse.ArgumentTypeError("must be 0 to 65535")
    return port


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options."""
    add = parser.add_argument
    add("execution", nargs="?", help="a local execution's id (default: all of the store)")
    add(
        "--store",
        type=Path,
        metavar="DIR",
        help=f"the folder that stands in for S3 (default: {DEFAULT_STORE})",
    )
    add("--logs", metavar="DIR|S3_URI", help="event logs in a folder, or in S3 on AWS")
    add(
        "--port",
        type=_port,
        default=18080,
        metavar="N",
        help="where to listen, 0 for any port that is free (default: %(default)s)",
    )
    add("--open", action="store_true", help="open it in the browser")
    add_pipeline(parser, positional=False)
    configuration.add_arguments(parser)


COMMAND = Command(EXAMPLES, add_arguments, run)
