"""The frame of all commands: how they are called, how they fail, how they end.

    exit code   0    done (a verb may have codes of its own, which its help lists)
                1    an expected error: a line on standard error for each thing that is wrong
                2    a wrong command line
                130  Ctrl-C

The toolkit's texts say `sagepipe VERB …`. A project has a module for each verb as well, and whoever
calls `sagepipe VERB` is answered in these words.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from functools import partial
from typing import TYPE_CHECKING, Any

from sagepipe import __version__
from sagepipe.cli import verbs
from sagepipe.errors import NoProjectError, SagepipeError

if TYPE_CHECKING:
    from sagepipe.project import Pipeline, Project
    from sagepipe.settings.configuration import Sources

INTERRUPTED = 130

_SPOKEN = re.compile(rf"\bsagepipe ({'|'.join(map(re.escape, verbs.VERBS))})\b")


@dataclass(frozen=True)
class Call:
    """How a verb was called: `prefix` is `sagepipe` or `python -m pipelines`."""

    verb: str
    prefix: str
    find: Callable[[], Project]

    @property
    def prog(self) -> str:
        """The verb as the user types it."""
        return self.words(f"sagepipe {self.verb}")

    def words(self, text: str) -> str:
        """A text of the toolkit's, with its commands spelled as the user spells them."""
        if self.prefix.endswith("sagepipe"):
            return _SPOKEN.sub(lambda match: f"{self.prefix} {match[1]}", text)
        return _SPOKEN.sub(lambda match: f"{self.prefix}.{verbs.module_name(match[1])}", text)

    def project(self) -> Project:
        """The project that the command is about. Raises `ProjectError`: there is none."""
        return self.find()

    def pipeline(self, name: str | None) -> Pipeline:
        """The project's pipeline of that name, or its first. Raises `ProjectError`."""
        return self.project().pipeline(name)

    def settings(self, arguments: argparse.Namespace) -> Sources:
        """The settings of the pipeline that `arguments.pipeline` names, read from all sources.

        Where there is no project, options and settings say which deployed pipeline is meant.
        Raises `SettingsError`, `ProjectError`.
        """
        from sagepipe.settings import configuration

        name: str | None = None
        try:
            name = self.pipeline(arguments.pipeline).name
        except NoProjectError:
            if arguments.pipeline:
                raise
        return configuration.read(arguments, name)


@dataclass(frozen=True)
class Command:
    """A verb: its options, and what it does.

    `run(arguments, call)` returns the exit code. `interrupted` is what Ctrl-C is answered with.
    """

    examples: str
    add_arguments: Callable[[argparse.ArgumentParser], None]
    run: Callable[[argparse.Namespace, Call], int]
    interrupted: str = "interrupted"


def main(
    argv: Sequence[str] | None = None,
    *,
    prefix: str = "sagepipe",
    project: Project | None = None,
) -> int:
    """`sagepipe [--project MODULE:NAME] VERB …`. Returns the exit code."""
    words = list(sys.argv[1:] if argv is None else argv)
    named = None
    if words and (words[0] == "--project" or words[0].startswith("--project=")):
        option, separator, named = words.pop(0).partition("=")
        if not separator:
            if not words:
                return _wrong(f"{prefix}: {option} takes MODULE:NAME")
            named = words.pop(0)
    if not words or words[0] in ("-h", "--help"):
        print(_usage(prefix))
        return 0
    if words[0] == "--version":
        print(f"sagepipe {__version__}")
        return 0
    if words[0] not in verbs.VERBS:
        return _wrong(verbs.unknown(words[0], prefix))
    return run_verb(words[0], words[1:], prefix=prefix, project=project, named=named)


def run_verb(
    verb: str,
    argv: Sequence[str] | None = None,
    *,
    prefix: str = "python -m pipelines",
    project: Project | None = None,
    named: str | None = None,
) -> int:
    """Run one verb for `project`, or for the one that is `named` or found from here."""
    call = Call(verb, prefix, partial(_find, project, named))
    message = "interrupted"
    try:
        command = verbs.load(verb)
        message = command.interrupted
        arguments = parser(command, call).parse_args(argv)
        code = command.run(arguments, call)
        sys.stdout.flush()  # a reader that has gone is met here, not while Python ends
        return code
    except SagepipeError as error:
        complain(call.words(str(error)))
        return error.exit_code
    except KeyboardInterrupt:
        complain(call.words(message), label="")
        return INTERRUPTED
    except BrokenPipeError:  # whoever reads has seen enough, as head has
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def complain(text: str, label: str = "error: ") -> None:
    """Print lines to standard error; what a terminal would obey is shown instead."""
    for line in text.splitlines():
        print(label + printable(line), file=sys.stderr)


def printable(text: str) -> str:
    """The text with control characters written as escapes."""
    if text.isprintable():
        return text
    return "".join(
        one if one.isprintable() or one == "\t" else one.encode("unicode_escape").decode()
        for one in text
    )


def print_json(value: Any) -> None:
    """Print a value for scripts; times in ISO form."""
    print(json.dumps(value, indent=2, default=_plain))


def _plain(value: object) -> str:
    return value.isoformat() if isinstance(value, date) else str(value)


def add_pipeline(parser: argparse.ArgumentParser, *, positional: bool = True) -> None:
    """Let the user say which of the project's pipelines: `pipeline` in the arguments."""
    text = "which of the project's pipelines (default: the first)"
    if positional:
        parser.add_argument("pipeline", nargs="?", metavar="PIPELINE", help=text)
    else:
        parser.add_argument("--pipeline", metavar="NAME", help=text)


def parser(command: Command, call: Call) -> argparse.ArgumentParser:
    """The parser of a verb's words and options."""
    made = argparse.ArgumentParser(
        prog=call.prog,
        description=f"{verbs.VERBS[call.verb][:1].upper()}{verbs.VERBS[call.verb][1:]}.",
        epilog=call.words(command.examples),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    command.add_arguments(made)
    return made


def _find(project: Project | None, named: str | None) -> Project:
    if project is not None:
        return project
    from sagepipe.project import find

    return find(named)


def _usage(prefix: str) -> str:
    options = " [--project MODULE:NAME]" if prefix == "sagepipe" else ""
    where = (
        "\n\nThe project is --project MODULE:NAME, what [tool.sagepipe] in pyproject.toml says, or "
        "PROJECT\nin the package pipelines/ of the folder that this is called in."
    )
    return f"usage: {prefix}{options} VERB …\n\n{verbs.listing(prefix)}{where if options else ''}"


def _wrong(text: str) -> int:
    print(text, file=sys.stderr)
    return 2
