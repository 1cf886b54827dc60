"""Errors the user can act on, and how a script reports them. Standard library only."""

import errno
import os
import sys
from collections.abc import Callable

from .messages import printable

MESSAGE_BYTES = 1024
"""The service shows this much of the message file as the job's ExitMessage."""

_ENVIRONMENT = {
    errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EPERM, errno.EROFS, errno.ENAMETOOLONG
}  # fmt: skip


class StepError(Exception):
    """Something is wrong with the input or the options: says where, what, and what to do."""


def run(step: Callable[[], None], message_file: str) -> int:
    """Run a step's body and return its exit code: 0, or 1 after an expected error.

    A `StepError` (or a disk that is full, read-only or forbidden, or refuses a name that long) is
    printed on stderr and its text written to `message_file`, which the service publishes as the
    job's ExitMessage. Any other exception is a bug of ours and passes through with its traceback.
    """
    try:
        step()
    except StepError as error:
        return _report(str(error), message_file)
    except OSError as error:
        if error.errno not in _ENVIRONMENT:
            raise
        return _report(f"{error.filename or 'output'}: {error.strerror or error}", message_file)
    return 0


def _report(text: str, message_file: str) -> int:
    text = printable(text)
    print(f"error: {text}", file=sys.stderr, flush=True)
    # The service fails a job whose message is not UTF-8, so the cut must not fall inside
    # a character. Outside a container the default folder is usually not ours to make.
    message = text.encode("utf-8", "replace")[:MESSAGE_BYTES].decode("utf-8", "ignore")
    try:
        os.makedirs(os.path.dirname(message_file) or ".", exist_ok=True)
        with open(message_file, "w", encoding="utf-8") as file:
            file.write(message)
    except OSError:
        pass
    return 1
