"""What goes over the wire to the moto server: recorded, and broken on demand."""

from __future__ import annotations

import io
import re
import socket
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs

READING = ("Describe", "List", "Get", "Head", "Filter")

_S3 = {"GET": "GetObject", "HEAD": "HeadObject", "PUT": "PutObject", "DELETE": "DeleteObject"}
_BUCKET = {
    "GET": "ListObjects",
    "HEAD": "HeadBucket",
    "PUT": "CreateBucket",
    "POST": "DeleteObjects",
}
# What a request to a bucket is about, where its query begins so.
_OF_A_BUCKET = {
    "notification": "GetBucketNotificationConfiguration",
    "versions": "ListObjectVersions",
}
_SCHEDULES = {
    "GET": "GetSchedule",
    "POST": "CreateSchedule",
    "PUT": "UpdateSchedule",
    "DELETE": "DeleteSchedule",
}


@dataclass(frozen=True)
class Call:
    """A request: `operation` such as sagemaker:UpdatePipeline, `path` and body as they came."""

    operation: str
    path: str
    body: bytes = field(repr=False)
    expected_owner: str = ""

    @property
    def bucket(self) -> str:
        return self.path.split("/")[1]

    @property
    def mutating(self) -> bool:
        return not self.operation.partition(":")[2].startswith(READING)


@dataclass(frozen=True)
class Fault:
    """What happens to the request that `match` picks, once or as often as it comes.

    `how` "drop" closes the connection without an answer; anything else is an AWS error code.
    `after` lets the request take effect first: then only the answer is lost.
    """

    match: Callable[[int, Call], bool]
    how: str = "drop"
    after: bool = False
    message: str = "injected"
    status: int = 400


class Wire:
    """WSGI middleware around moto; `calls` has each request since the last `clear`."""

    def __init__(self, application: Any) -> None:
        self._application = application
        self._lock = threading.Lock()
        self._faults: list[Fault] = []
        self._taps: list[Callable[[int, Call], None]] = []
        self.calls: list[Call] = []
        self.foreign: set[str] = set()
        """Buckets of another account: refused to whoever expects them to be ours."""

    def clear(self) -> None:
        self.calls.clear()
        self._faults.clear()
        self._taps.clear()
        self.foreign.clear()

    @property
    def operations(self) -> list[str]:
        return [call.operation for call in self.calls]

    @property
    def mutations(self) -> list[str]:
        return [call.operation for call in self.calls if call.mutating]

    @contextmanager
    def fault(self, fault: Fault) -> Iterator[None]:
        self._faults.append(fault)
        try:
            yield
        finally:
            self._faults.remove(fault)

    @contextmanager
    def tap(self, tap: Callable[[int, Call], None]) -> Iterator[None]:
        """Calls `tap` with each request's index before moto has it, as if somebody came between."""
        self._taps.append(tap)
        try:
            yield
        finally:
            self._taps.remove(tap)

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        if environ["PATH_INFO"].startswith("/moto-api"):
            return list(self._application(environ, start_response))
        call = _call(environ)
        with self._lock:
            index = len(self.calls)
            self.calls.append(call)
        for tap in list(self._taps):
            tap(index, call)
        fault = next((one for one in self._faults if one.match(index, call)), None)
        if fault is None and call.expected_owner and call.bucket in self.foreign:
            fault = Fault(lambda *_: True, "AccessDenied", status=403)
        if fault is None:
            return self._application(environ, start_response)  # type: ignore[no-any-return]
        if fault.after:
            # Exhausted and thrown away: it has happened, and nobody hears of it.
            b"".join(self._application(environ, lambda *_: lambda _data: None))
        if fault.how == "drop":
            environ["werkzeug.socket"].shutdown(socket.SHUT_RDWR)
            raise ConnectionAbortedError("injected")
        return _error(environ, start_response, fault)


def _call(environ: dict[str, Any]) -> Call:
    length = int(environ.get("CONTENT_LENGTH") or 0)
    body = environ["wsgi.input"].read(length) if length else b""
    environ["wsgi.input"] = io.BytesIO(body)
    path, method = environ["PATH_INFO"], environ["REQUEST_METHOD"]
    scope = re.search(r"Credential=[^/]+/\d+/[^/]+/([^/]+)/", environ.get("HTTP_AUTHORIZATION", ""))
    service = scope[1] if scope else "unsigned"
    operation = f"{method} {path}"
    if target := environ.get("HTTP_X_AMZ_TARGET"):
        operation = target.rpartition(".")[2]
    elif service == "s3":
        bucket_only = path.count("/") == 1 or (path.endswith("/") and path.count("/") == 2)
        operation = (_BUCKET if bucket_only else _S3).get(method, operation)
        about = re.match(r"\w*", environ.get("QUERY_STRING", ""))
        if bucket_only and method == "GET" and about:
            operation = _OF_A_BUCKET.get(about[0], operation)
    elif service == "scheduler":
        operation = "ListSchedules" if path == "/schedules" else _SCHEDULES.get(method, operation)
    elif actions := parse_qs(body.decode(errors="replace")).get("Action"):
        operation = actions[0]
    owner = environ.get("HTTP_X_AMZ_EXPECTED_BUCKET_OWNER", "")
    return Call(f"{service}:{operation}", path, body, owner)


def _error(environ: dict[str, Any], start_response: Any, fault: Fault) -> list[bytes]:
    """The error in the form of the protocol that the request speaks."""
    code, message = fault.how, fault.message
    headers = [("Content-Type", "application/json"), ("x-amzn-errortype", code)]
    text = f'{{"__type": "{code}", "message": "{message}"}}'
    if "HTTP_X_AMZ_TARGET" not in environ and "/scheduler/" not in environ["HTTP_AUTHORIZATION"]:
        headers = [("Content-Type", "text/xml")]
        inner = f"<Error><Code>{code}</Code><Message>{message}</Message></Error>"
        is_s3 = "/s3/" in environ["HTTP_AUTHORIZATION"]
        text = inner if is_s3 else f"<ErrorResponse>{inner}</ErrorResponse>"
    body = b"" if environ["REQUEST_METHOD"] == "HEAD" else text.encode()
    start_response(f"{fault.status} Error", [*headers, ("Content-Length", str(len(body)))])
    return [body]
