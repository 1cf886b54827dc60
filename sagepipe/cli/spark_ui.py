"""sagepipe spark-ui: Spark's history server over the event logs of runs."""

from __future__ import annotations

import argparse
import contextlib
import signal
import sys
import tempfile
import threading
import time
import webbrowser
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from sagepipe.errors import LocalError, SagepipeError, SettingsError, StoreError
from sagepipe.language.s3 import Location
from sagepipe.local.spark import history_logs, history_server
from sagepipe.local.spark.history_server import HistoryServer
from sagepipe.local.store import Store

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

STORE = Path("local-store")
PORT = 18080
# A second look at a large store must not become all that this process does.
_IDLE_SHARE = 20

Find = Callable[[], list[Path]]


def main(argv: Sequence[str] | None = None) -> int:
    """The command. Returns its exit code."""
    arguments = _parser().parse_args(argv)
    with _stopped_by_signals() as stop, tempfile.TemporaryDirectory(prefix="history-") as folder:
        try:
            _serve(arguments, Path(folder), stop)
        except SagepipeError as error:
            print(f"error: {error}", file=sys.stderr)
            return error.exit_code
    return 0


def _serve(arguments: argparse.Namespace, work: Path, stop: threading.Event) -> None:
    port = history_server.free_port(arguments.port)
    find, where = _source(arguments, work, stop)
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
    _say(f"starting the history server over {_logs(count)} …")
    with history_server.serve(logs, port, work, stop) as server:
        if server is not None:
            print(server.url, flush=True)
            _say("Ctrl-C ends it")
            if arguments.open:
                webbrowser.open(server.url)
            _watch(server, find, logs, stop)
    _say("the history server has ended")


def _watch(server: HistoryServer, find: Find, logs: Path, stop: threading.Event) -> None:
    """Keep the server's folder up to date until `stop` is set; say once what it can't show."""
    began = time.monotonic()
    pause = 2.0 * history_server.UPDATE_SECONDS
    told = False
    while not stop.wait(min(pause, 1.0)):
        server.check()
        if time.monotonic() - began < pause:
            continue
        if not told:
            told = True
            _name_unreadable(server, logs)
        began = time.monotonic()
        history_logs.mirror(find(), logs)
        pause = max(history_server.UPDATE_SECONDS, _IDLE_SHARE * (time.monotonic() - began))


def _name_unreadable(server: HistoryServer, logs: Path) -> None:
    with contextlib.suppress(OSError):
        shown = tuple(application["id"] for application in server.applications())
        for link in sorted(logs.iterdir()):
            if not any(identity in link.name for identity in shown):
                _say(f"the server can't read {link.readlink()}: damaged, or without an application")


def _source(arguments: argparse.Namespace, work: Path, stop: threading.Event) -> tuple[Find, str]:
    """What finds the logs, again and again, and where it looks, in words."""
    if arguments.logs is not None:
        if arguments.execution or arguments.store:
            raise SettingsError("--logs says where the logs are: give no execution or --store")
        if "://" in arguments.logs:
            return _in_s3(arguments, work, stop)
        folder = Path(arguments.logs).expanduser()
        if not folder.is_dir():
            raise SettingsError(f"--logs {folder} is not a folder")
        return lambda: history_logs.find(folder), str(folder)
    store = Store(arguments.store or STORE)
    if not store.root.is_dir():
        raise StoreError(
            f"there is no store {store.root}; run the pipeline first (sagepipe run), "
            "or name its --store"
        )
    identity = arguments.execution
    if identity is None:
        return lambda: history_logs.find(store.root), f"the store {store.root}"
    executions = store.state / "executions"
    if identity in ("", ".", "..") or not (executions / identity).is_dir():
        raise StoreError(f"no execution {identity!r} has run in {store.root}; see {executions}")

    def find() -> list[Path]:
        return history_logs.of_execution(history_logs.find(store.root), identity)

    return find, f"execution {identity} of the store {store.root}"


def _in_s3(arguments: argparse.Namespace, work: Path, stop: threading.Event) -> tuple[Find, str]:
    # Only now: what runs locally doesn't need AWS's packages.
    from sagepipe.executions.event_logs import download
    from sagepipe.settings import configuration

    prefix = Location.parse(arguments.logs)
    sources = configuration.read(arguments)
    sources.require("region")
    copies = work / "copies"
    copies.mkdir()

    def tell(count: int, size: int) -> None:
        _say(f"copying {_logs(count)} from {prefix}, {size / 2**20:.1f} MiB …")

    download(prefix, copies, sources.get("region"), stop, tell)
    return lambda: history_logs.find(copies), str(prefix)


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


def _logs(count: int) -> str:
    return "one event log" if count == 1 else f"{count} event logs"


def _port(text: str) -> int:
    port = int(text)
    if not 0 <= port < 2**16:
        raise argparse.ArgumentTypeError("must be 0 to 65535")
    return port


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="sagepipe spark-ui",
        description="Serve Spark's history server over the event logs of runs.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("execution", nargs="?", help="a local execution's id (default: all of the store)")
    add(
        "--store",
        type=Path,
        metavar="DIR",
        help=f"the folder that stands in for S3 (default: {STORE})",
    )
    add("--logs", metavar="DIR|S3_URI", help="event logs in a folder, or in S3 on AWS")
    add(
        "--port",
        type=_port,
        default=PORT,
        metavar="N",
        help="where to listen, 0 for any port that is free (default: %(default)s)",
    )
    add("--open", action="store_true", help="open it in the browser")
    add("--region", help="region of the bucket, for logs on AWS")
    add("--config", type=Path, metavar="FILE", help="settings (default: pipeline.toml)")
    return parser


if __name__ == "__main__":
    sys.exit(main())
