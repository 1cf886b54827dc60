"""Instances without namespaces: /opt/ml is rewritten to a folder in all that they are told.

Only a path is rewritten that is /opt/ml or lies below it. `/opt/mlflow`, `/data/opt/ml` and
`s3://bucket/opt/ml/key` are other places; `file:///opt/ml/x`, `--dir=/opt/ml/x`, `-r/opt/ml/x` and
`a:/opt/ml/b` name this one. What a script has as a constant of its own is out of reach.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from sagepipe.local.launch import launcher, process
from sagepipe.local.launch.instance import OPT_ML, Instance

_NAME = r"\w.~\-"  # what a path's segment goes on with
_BEGINS = (
    rf"(?<![{_NAME}/}})\]])",  # after nothing that a path goes on with
    r"(?<=[a-z]://)",  # after the scheme of a URI without a host
    r"(?<![^\s\"'=])(-[A-Za-z])",  # after an option of one letter
)
_PATH = re.compile(rf"(?:{'|'.join(_BEGINS)}){OPT_ML}(?![{_NAME}+@%])")


class RewrittenPaths(launcher.Machine):
    """For machines without namespaces. Inputs are copies, since a script could write through a
    link, and instances share this machine's host names."""

    def seen(self, instance: Instance, text: str) -> str:
        """The text with the instance's folder for /opt/ml."""
        return rewrite(text, str(instance.opt_ml))

    def spawn(
        self,
        instance: Instance,
        argv: Sequence[str],
        environment: Mapping[str, str],
        read_only: Sequence[Path],
    ) -> subprocess.Popen[bytes]:
        """Start a command; nothing keeps it from writing where it likes."""
        return process.start(launcher.command(instance, argv, environment), instance.log)


def rewrite(text: str, folder: str) -> str:
    """A text with `folder` for each /opt/ml that is a path, or the beginning of one."""
    return _PATH.sub(lambda match: f"{match[1] or ''}{folder}", text)
