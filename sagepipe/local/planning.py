"""Plans an execution: definition, parameters and choices are checked before anything starts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from sagepipe.errors import DefinitionError, LocalError
from sagepipe.language import parameters
from sagepipe.language.definition import Definition
from sagepipe.language.validate import parse
from sagepipe.local import names, past, record, runnable, stub
from sagepipe.local.choices import Choices
from sagepipe.local.past import Past
from sagepipe.local.store import Store

Json = Any


@dataclass(frozen=True)
class Plan:
    """A checked execution, ready to run: nothing in it can be a user's typing error any more.

    `origin` is the file that the definition comes from, if it is one.
    """

    definition: Definition
    values: Mapping[str, parameters.Value]
    pipeline_name: str
    document: Mapping[str, Json] = field(default_factory=dict)
    choices: Choices = field(default_factory=Choices)
    past: Past = field(default_factory=Past)
    skipped: frozenset[str] = frozenset()
    origin: Path | None = None


def plan(
    document: Mapping[str, Json],
    given: Mapping[str, str],
    pipeline_name: str,
    choices: Choices | None = None,
    store: Store | None = None,
    defaults: Mapping[str, str] | None = None,
) -> Plan:
    """Check a definition document, the parameters given and the user's choices, before anything
    starts. `store` has the earlier executions that a selective execution takes results from;
    `defaults` are values of parameters that nobody gives, instead of the definition's own.

    Raises:
        ParameterError, UnsupportedError, DefinitionError, LocalError
    """
    choices = choices or Choices()
    definition = parse(document)
    skipped = runnable.skipped(definition, choices.skip, choices.stubs)
    for name in definition.steps:
        names.as_step(name)
    for name, folder in choices.stubs.items():
        stub.check(definition.steps[name], folder)
    check_names(definition, choices)
    taken = past.select(definition, choices, skipped, pipeline_name, store)
    if taken.source is not None:
        declared = definition.parameters
        before = past.as_given(taken.source.parameters)
        given = {name: text for name, text in before.items() if name in declared} | dict(given)
    given = {**(defaults or {}), **given}
    values = parameters.resolve(definition.parameters, given)
    return Plan(definition, values, pipeline_name, document, choices, taken, skipped)


def check_names(definition: Definition, choices: Choices) -> None:
    """Raises UnsupportedError unless the steps to follow and to fail are there."""
    for name in choices.logs:
        runnable.known(name, definition.steps, "--logs")
    for fault in choices.faults:
        runnable.known(fault.step, definition.steps, "--fault")


def resume(store: Store, execution_id: str, choices: Choices | None = None) -> Plan:
    """Check that an execution can go on where it ended. Its own definition, parameters and
    selection of steps hold; the rest of `choices` is as given.

    Raises:
        LocalError: there is no such execution, or it can't be resumed.
    """
    found = past.resumable(store, execution_id)
    own = past.chosen(found)
    choices = replace(
        choices or Choices(),
        skip=own.skip,
        stubs=own.stubs,
        only=own.only,
        from_step=own.from_step,
        source=own.source,
    )
    document = record.read_definition(store, found.execution_id)
    path = found.folder / record.DEFINITION
    try:
        steps = parse(document).steps
    except DefinitionError as error:
        raise LocalError(f"{path} can't be read: {error}") from error
    if steps.keys() != found.steps.keys():
        raise LocalError(f"{path} can't be read: it hasn't the steps of its record")
    planned = plan(document, past.as_given(found.parameters), found.pipeline, choices, store)
    return replace(planned, values=found.parameters, past=past.resume(planned.past, found))
