"""What the options of `sagepipe run` stand for, and which of them go together."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from typing import Any

from sagepipe.errors import ParameterError, SettingsError

# What an execution keeps from its beginning to its end, so that --resume takes none of it.
_ITS_OWN = (
    "definition",
    "definition_of",
    "pipeline",
    "input",
    "parameter",
    "skip",
    "stub",
    "source",
)
_SETTINGS = ("region", "config", "settings_env")


def conflict(arguments: argparse.Namespace) -> str:
    """Why the options don't go together; "" if they do."""
    other = arguments.definition or arguments.definition_of
    if arguments.definition and arguments.definition_of:
        return "--definition and --definition-of: give one of them"
    if other and arguments.pipeline:
        return f"{arguments.pipeline} and another definition: give one of them"
    if other and arguments.input:
        return "--input is for a pipeline of the project; with a definition, give --bucket"
    where = [name for name in _SETTINGS if getattr(arguments, name) is not None]
    if where and not arguments.definition_of:
        return f"{flag(where[0])} goes with --definition-of; a run here needs no settings"
    if arguments.resume and (own := [name for name in _ITS_OWN if getattr(arguments, name)]):
        return (
            "--resume goes on with the execution's own definition, parameters, input and steps; "
            f"leave out {flag(own[0])}, or run it anew without --resume"
        )
    return ""


def shared(arguments: argparse.Namespace) -> dict[str, Any]:
    """What a new and a resumed execution are both given."""
    return {
        "store": arguments.store,
        "buckets": buckets(arguments.bucket),
        "images": named(arguments.image, "--image URI=COMMAND"),
        "environment": environment(arguments.env),
        "at_once": arguments.at_once,
        "wait": not arguments.no_wait,
        "faults": arguments.fault,
        "logs": arguments.logs,
        "max_parallel_steps": arguments.max_parallel_steps,
    }


def buckets(texts: Sequence[str]) -> dict[str, str]:
    """The folders that stand in for buckets. Raises `ParameterError`."""
    return named(texts, "--bucket NAME=DIR, or NAME=DIR:ro to only read it")


def named(texts: Sequence[str], form: str) -> dict[str, str]:
    """Texts of a form such as `--bucket NAME=DIR` by what stands before the sign; the last of two
    goes last. Raises `ParameterError`."""
    found: dict[str, str] = {}
    for text in texts:
        name, separator, value = text.partition("=")
        if not separator or not name or not value:
            raise ParameterError(f"{form.split()[0]} {text}: write {form}")
        found.pop(name, None)
        found[name] = value
    return found


def environment(texts: Sequence[str]) -> dict[str, str]:
    """Variables for all instances; one without a value has this process's. Raises
    `SettingsError`."""
    found = {}
    for text in texts:
        name, separator, value = text.partition("=")
        if not separator and name not in os.environ:
            raise SettingsError(f"--env {name}: there is no such variable; write NAME=VALUE")
        found[name] = value if separator else os.environ[name]
    return found


def flag(name: str) -> str:
    """An argument as the user types it."""
    if name == "parameter":
        return "-p"
    return name if name == "pipeline" else f"--{name.replace('_', '-')}"
