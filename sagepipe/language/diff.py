"""What differs between two pipeline definitions, by step and parameter.

Works on any definition's JSON. What has a name is compared by it: steps wherever they stand,
inputs, outputs, environment variables, options of a command line. Expressions are written as
people read them: `${Rows}` for a parameter, `${Steps.Clean.…}` for a property. Where two values
read the same, such as 1 and "1", they are shown as JSON.
"""

from __future__ import annotations

import json
import re
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sagepipe.errors import DefinitionError
from sagepipe.language.definition import TOO_DEEP, Definition
from sagepipe.language.expressions import is_expression
from sagepipe.language.walk import objects

Json = Any

# The member that names an entry of a list, in the definition language and in CreateProcessingJob.
_NAMES = ("InputName", "OutputName", "PropertyFileName", "Name", "Key", "ExceptionType")

# Lists that are command lines.
_COMMANDS = ("ContainerArguments", "ContainerEntrypoint")

# Where a value stands -> what people call it; the first that fits.
_LABELS = tuple(
    (re.compile(pattern), label)
    for pattern, label in (
        (r"Arguments\.AppSpecification\.ContainerArguments\[(.+)\]", r"argument \1"),
        (r"Arguments\.AppSpecification\.ContainerEntrypoint\[(.+)\]", r"entrypoint \1"),
        (r"Arguments\.AppSpecification\.ImageUri", "image"),
        (r"Arguments\.ProcessingInputs\[(.+?)\]\.S3Input\.S3Uri", r"input \1"),
        (r"Arguments\.ProcessingInputs\[(.+?)\](?:\.S3Input)?\.(.+)", r"input \1, \2"),
        (
            r"Arguments\.ProcessingOutputConfig\.Outputs\[(.+?)\]\.S3Output\.S3Uri",
            r"output \1",
        ),
        (
            r"Arguments\.ProcessingOutputConfig\.Outputs\[(.+?)\](?:\.S3Output)?\.(.+)",
            r"output \1, \2",
        ),
        (r"Arguments\.ProcessingResources\.ClusterConfig\.InstanceCount", "instance count"),
        (r"Arguments\.ProcessingResources\.ClusterConfig\.InstanceType", "instance type"),
        (r"Arguments\.ProcessingResources\.ClusterConfig\.VolumeSizeInGB", "volume size in GB"),
        (r"Arguments\.Environment\.(.+)", r"environment \1"),
        (r"Arguments\.RoleArn", "role"),
        (r"Arguments\.Tags\[(.+)\]\.Value", r"tag \1"),
        (r"Arguments\.(.+)", r"\1"),
        (r"DefaultValue", "default"),
        (r"EnumValues", "choices"),
        (r"Type", "type"),
    )
)

_HASH = re.compile(r"\b([0-9a-f]{12})[0-9a-f]{52}\b")


@dataclass(frozen=True)
class Change:
    """One difference: `subject` is "step Clean", "parameter Rows" or "pipeline".

    `field` is "" where the whole subject is new or gone. `before` or `after` is None for what
    wasn't there.
    """

    subject: str
    field: str
    before: str | None
    after: str | None

    @property
    def sign(self) -> str:
        """`+` for new, `-` for gone, `~` for changed."""
        if self.before is None:
            return "+"
        return "-" if self.after is None else "~"


@dataclass(frozen=True)
class _Leaf:
    """A value that is compared as a whole, and how people read it."""

    value: Json
    text: str


def diff(before: Mapping[str, Json], after: Mapping[str, Json]) -> tuple[Change, ...]:
    """All changes, parameters first, then steps, in the order of `after`.

    Raises:
        DefinitionError: one of them is nested too deeply to be compared.
    """
    changes: list[Change] = []
    definitions = Definition.read(before), Definition.read(after)
    if any(definition.deep for definition in definitions):
        raise DefinitionError([TOO_DEEP])
    old, new = map(_subjects, definitions)
    for subject in [*new, *(subject for subject in old if subject not in new)]:
        changes += _compare(subject, old.get(subject), new.get(subject))
    if not changes and canonical(before) != canonical(after):
        changes.append(Change("pipeline", "order", "as it was", "only the order differs"))
    return tuple(changes)


def canonical(value: Json) -> str:
    """A definition's one text, whatever the order of its members and its white space."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


def lines(changes: Sequence[Change]) -> Iterator[str]:
    """For people: a line for each subject, with its fields below it."""
    subject = None
    for change in changes:
        if not change.field:
            about = change.after if change.before is None else change.before
            yield f"{change.sign} {change.subject}: {shorten(about or '')}"
            continue
        if change.subject != subject:
            subject = change.subject
            yield f"~ {subject}"
        yield f"    {change.sign} {change.field}: {_arrow(change)}"


def shorten(text: str) -> str:
    """Hashes cut to twelve digits."""
    return _HASH.sub(r"\1…", text)


def _arrow(change: Change) -> str:
    before, after = (None if v is None else shorten(v) for v in (change.before, change.after))
    if before is None:
        return f"{after}"
    return f"{before}" if after is None else f"{before} → {after}"


def _compare(
    subject: str, before: Mapping[str, _Leaf] | None, after: Mapping[str, _Leaf] | None
) -> Iterator[Change]:
    if before is None or after is None:
        old, new = (None if one is None else _summary(one) for one in (before, after))
        yield Change(subject, "", old, new)
        return
    for path in [*after, *(path for path in before if path not in after)]:
        yield from _changed(subject, _label(path), before.get(path), after.get(path))


def _changed(subject: str, field: str, old: _Leaf | None, new: _Leaf | None) -> Iterator[Change]:
    if old is None or new is None:
        yield Change(subject, field, old.text if old else None, new.text if new else None)
    elif canonical(old.value) != canonical(new.value):
        same = old.text == new.text
        before, after = ((canonical(one.value) if same else one.text) for one in (old, new))
        yield Change(subject, field, before, after)


def _summary(fields: Mapping[str, _Leaf]) -> str:
    default, type_ = fields.get("DefaultValue"), fields.get("Type")
    return (type_.text if type_ else "") + (f", default {default.text}" if default else "")


def _subjects(definition: Definition) -> dict[str, dict[str, _Leaf]]:
    """Each parameter, each step and the rest, as flat path -> leaf."""
    rest = {
        name: value
        for name, value in definition.document.items()
        if name not in ("Parameters", "Steps")
    }
    subjects = {"pipeline": dict(_flat(rest, ""))} if rest else {}
    for _, parameter in objects(definition.document.get("Parameters"), ""):
        subjects[f"parameter {parameter.get('Name')}"] = dict(_members(parameter))
    for step in definition.written:
        branch = {"branch": _Leaf(step.home, step.home)} if step.home else {}
        subjects[f"step {step.name}"] = dict(_members(step.own)) | branch
    return subjects


def _members(named: Mapping[str, Json]) -> Iterator[tuple[str, _Leaf]]:
    return _flat({name: value for name, value in named.items() if name != "Name"}, "")


def _flat(value: Json, path: str) -> Iterator[tuple[str, _Leaf]]:
    """Path -> leaf for every leaf; an expression is a leaf."""
    if path.endswith(_COMMANDS) and isinstance(value, list):
        for option, values in _options(value):
            yield f"{path}[{option}]", _Leaf(values, " ".join(map(text, values)))
    elif isinstance(value, Mapping) and value and not is_expression(value):
        for name, member in value.items():
            yield from _flat(member, f"{path}.{name}".lstrip("."))
    elif isinstance(value, list) and any(isinstance(one, Mapping) for one in value):
        for name, rest in _entries(value):
            yield from _flat(rest, f"{path}[{name}]")
    elif value is not None:
        yield path, _Leaf(value, "" if value == {} else text(value))


def _entries(listed: Sequence[Json]) -> Iterator[tuple[str, Json]]:
    """A list's entries by their names, or by their positions if they have none.

    A name may be there twice, as two retry policies of one exception type: each has its own.
    """
    seen: set[str] = set()
    for index, entry in enumerate(listed):
        name, rest = _named(entry, index)
        name = _unused(name, seen)
        seen.add(name)
        yield name, rest


def _named(entry: Json, index: int) -> tuple[str, Json]:
    if isinstance(entry, Mapping) and not is_expression(entry):
        for member in _NAMES:
            if member in entry:
                rest = {name: value for name, value in entry.items() if name != member}
                return text(entry[member]), rest
    return str(index), entry


def _unused(name: str, used: Container[str]) -> str:
    while name in used:
        name += " again"
    return name


def _options(arguments: Sequence[Json]) -> Iterator[tuple[str, list[Json]]]:
    """A command line as option -> values; what stands before the first option has its position."""
    found: dict[str, list[Json]] = {}
    option = ""
    for position, argument in enumerate(arguments):
        if isinstance(argument, str) and argument.startswith("--"):
            option = _unused(argument, found)  # an option may be given twice
            found[option] = []
        elif option:
            found[option].append(argument)
        else:
            found[str(position)] = [argument]
    yield from found.items()


def text(value: Json) -> str:
    """A value or an expression as people read it."""
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return ", ".join(text(one) for one in value)
    match value:
        case {"Get": target}:
            return "${" + str(target).removeprefix("Parameters.") + "}"
        case {"Std:Join": {"On": str(on), "Values": list(values)}}:
            return on.join(text(one) for one in values)
        case {"Std:JsonGet": {"Path": path, **where}}:
            return f"{text(where.get('PropertyFile') or where.get('S3Uri'))} at {path}"
    return json.dumps(value)


def _label(path: str) -> str:
    for pattern, label in _LABELS:
        if found := pattern.fullmatch(path):
            return found.expand(label)
    return path
