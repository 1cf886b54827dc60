"""The verbs, a line each. A verb's module is found by its name: `spark-ui` is cli/spark_ui.py."""

from __future__ import annotations

import difflib
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sagepipe.cli.frame import Command

VERBS = {
    "run": "run a pipeline on this machine, without Docker or AWS",
    "history": "executions that ran: list, show, logs, compare, clean",
    "spark-ui": "Spark's own history server over the Spark jobs of runs",
    "definition": "print the definition as SageMaker gets it, validated",
    "upsert": "deploy, and say before what that will change",
    "versions": "deployed versions: list, show, diff, rollback, prune",
    "schedule": "start executions at set times, with EventBridge Scheduler",
    "start": "start an execution of the deployed pipeline on SageMaker",
    "watch": "follow an execution on SageMaker to its end; stop or retry it",
    "estimate": "how long an execution will take on SageMaker, and what it will cost",
}


def load(verb: str) -> Command:
    """The command of a verb; imports that verb's module and no other."""
    command: Command = import_module(f"sagepipe.cli.{module_name(verb)}").COMMAND
    return command


def module_name(verb: str) -> str:
    """How a verb is spelled as a module: `sagepipe spark_ui`."""
    return verb.replace("-", "_")


def listing(prefix: str) -> str:
    """All verbs with what they do, as the help shows them."""
    width = max(map(len, VERBS))
    lines = [f"  {verb:{width}}  {text}" for verb, text in VERBS.items()]
    return "\n".join(["verbs:", *lines, "", f"{prefix} VERB --help tells more, with examples"])


def unknown(verb: str, prefix: str) -> str:
    """What to say to a verb that there isn't."""
    close = difflib.get_close_matches(verb.replace("_", "-"), VERBS, n=1, cutoff=0.5)
    hint = f"did you mean {close[0]}?" if close else f"there are {', '.join(VERBS)}"
    return f"{prefix}: there is no verb {verb!r}; {hint}"
