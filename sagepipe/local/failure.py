"""Why a job failed, and whether this machine or the script is to blame."""

from __future__ import annotations

import errno
from dataclasses import dataclass

from sagepipe.language import retries

# What this machine, not the script, is to blame for.
_MACHINE_FAULTS = (
    errno.ENOSPC,
    errno.EDQUOT,
    errno.ENOMEM,
    errno.EAGAIN,
    errno.EMFILE,
    errno.ENFILE,
    errno.EIO,
    errno.EROFS,
)


@dataclass(frozen=True)
class Failure:
    """Why a job failed: in the service's words, on which host ("" for none), and the type of
    exception that retry policies know it by, if they know it."""

    host: str
    reason: str
    exception_type: str = ""
    timed_out: bool = False


def of_exit(host: str, code: int) -> Failure:
    """That of a script: its exit code is a shell's, 128 + n for death by signal n."""
    shown = code if code >= 0 else 128 - code
    return Failure(host, f"AlgorithmError: , exit code: {shown}")


def of_client(error: BaseException | str, host: str = "") -> Failure:
    """That of a request which asks for what can't be."""
    return Failure(host, f"ClientError: {error}")


def of_machine(cause: str, host: str = "") -> Failure:
    """That of this machine; `cause` says what it did."""
    return Failure(host, f"InternalServerError: {cause}", retries.INTERNAL)


def of_system(error: BaseException | None) -> Failure | None:
    """That of an operating system's error, if this machine is to blame for it."""
    if isinstance(error, OSError) and error.errno in _MACHINE_FAULTS:
        return of_machine(f"this machine failed the job: {error}")
    return None
