"""What differs between two pipeline definitions, by step and parameter.

Works on any definition's JSON. What has a name is compared by it: steps wherever they stand,
inputs, outputs, environment variables, options of a command line. Expressions are written as
people read them: `${Rows}` for a parameter, `${Steps.Clean.…}` for a property.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

# The member that names an entry of a list, in the definition language and in CreateProcessingJob.
_NAMES = ("InputName", "OutputName", "PropertyFileName", "Name", "Key", "ExceptionType")

# Lists that are command lines.
_COMMANDS = ("ContainerArguments", "ContainerEntrypoint")

_BRANCHES = ("IfSteps", "ElseSteps")

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


def diff(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[Change, ...]:
    """All changes, parameters first, then steps, in the order of `after`."""
    changes: list[Change] = []
    old, new = _subjects(before), _subjects(after)
    for subject in [*new, *(subject for subject in old if subject not in new)]:
        changes += _compare(subject, old.get(subject), new.get(subject))
    if not changes and canonical(before) != canonical(after):
        changes.append(Change("pipeline", "order", "as it was", "only the order differs"))
    return tuple(changes)


def step_names(definition: Mapping[str, Any]) -> list[str]:
    """All steps, those in branches among them."""
    return [step["Name"] for _, step in _steps(definition.get("Steps") or [], "")]


def canonical(definition: Mapping[str, Any]) -> str:
    """The definition's one text, whatever the order of its members and its white space."""
    return json.dumps(definition, sort_keys=True, separators=(",", ":"))


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
    subject: str, before: Mapping[str, str] | None, after: Mapping[str, str] | None
) -> Iterator[Change]:
    if before is None or after is None:
        old, new = (None if one is None else _summary(one) for one in (before, after))
        yield Change(subject, "", old, new)
        return
    for path in [*after, *(path for path in before if path not in after)]:
        old, new = before.get(path), after.get(path)
        if old != new:
            yield Change(subject, _label(path), old, new)


def _summary(fields: Mapping[str, str]) -> str:
    default = fields.get("DefaultValue")
    return fields.get("Type", "") + ("" if default is None else f", default {default}")


def _subjects(definition: Mapping[str, Any]) -> dict[str, dict[str, str]]:
    """Each parameter, each step and the rest, as flat path -> text."""
    rest = {
        name: value for name, value in definition.items() if name not in ("Parameters", "Steps")
    }
    subjects = {"pipeline": dict(_flat(rest, ""))} if rest else {}
    for parameter in definition.get("Parameters") or []:
        subjects[f"parameter {parameter['Name']}"] = dict(_members(parameter))
    for branch, step in _steps(definition.get("Steps") or [], ""):
        fields = dict(_members(step))
        subjects[f"step {step['Name']}"] = fields | ({"branch": branch} if branch else {})
    return subjects


def _steps(steps: Sequence[Mapping[str, Any]], branch: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every step with the branch that it stands in, branches apart from their condition."""
    for step in steps:
        arguments = step.get("Arguments") or {}
        branches = {name: arguments[name] for name in _BRANCHES if name in arguments}
        own = {name: value for name, value in arguments.items() if name not in branches}
        yield branch, {**step, "Arguments": own}
        for name, inside in branches.items():
            yield from _steps(inside, f"{step['Name']}.{name}")


def _members(named: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    return _flat({name: value for name, value in named.items() if name != "Name"}, "")


def _flat(value: Any, path: str) -> Iterator[tuple[str, str]]:
    """Path -> text of every leaf; an expression is a leaf."""
    if path.endswith(_COMMANDS) and isinstance(value, list):
        yield from ((f"{path}[{option}]", text) for option, text in _options(value))
    elif isinstance(value, Mapping) and not _is_expression(value):
        for name, member in value.items():
            yield from _flat(member, f"{path}.{name}".lstrip("."))
    elif isinstance(value, list) and any(isinstance(one, Mapping) for one in value):
        for index, one in enumerate(value):
            name, rest = _named(one, index)
            yield from _flat(rest, f"{path}[{name}]")
    elif value is not None:
        yield path, text(value)


def _named(entry: Any, index: int) -> tuple[str, Any]:
    """A list's entry by its name, or by its position if it has none."""
    if isinstance(entry, Mapping):
        for member in _NAMES:
            if member in entry and not _is_expression(entry):
                rest = {name: value for name, value in entry.items() if name != member}
                return text(entry[member]), rest
    return str(index), entry


def _options(arguments: Sequence[Any]) -> Iterator[tuple[str, str]]:
    """A command line as option -> value; what stands before the first option has its position."""
    found: dict[str, list[str]] = {}
    option = ""
    for position, argument in enumerate(arguments):
        if isinstance(argument, str) and argument.startswith("--"):
            # An option may be given twice: each has its own entry.
            option = argument + " again" * (argument in found)
            while option in found:
                option += " again"
            found[option] = []
        elif option:
            found[option].append(text(argument))
        else:
            found[str(position)] = [text(argument)]
    return ((name, " ".join(values)) for name, values in found.items())


def _is_expression(value: Any) -> bool:
    return isinstance(value, Mapping) and any(
        name == "Get" or name.startswith("Std:") for name in value
    )


def text(value: Any) -> str:
    """A value or an expression as people read it."""
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return ", ".join(text(one) for one in value)
    if isinstance(value, Mapping):
        if "Get" in value:
            return "${" + str(value["Get"]).removeprefix("Parameters.") + "}"
        if "Std:Join" in value:
            join = value["Std:Join"]
            return str(join.get("On", "")).join(text(one) for one in join.get("Values", []))
        if "Std:JsonGet" in value:
            get = value["Std:JsonGet"]
            return f"{text(get.get('PropertyFile') or get.get('S3Uri'))} at {get.get('Path')}"
    return json.dumps(value)


def _label(path: str) -> str:
    for pattern, label in _LABELS:
        if found := pattern.fullmatch(path):
            return found.expand(label)
    return path
