"""Rules about a processing job's inputs and outputs that the service has and no model states."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from sagepipe.errors import Problem
from sagepipe.language.validate.rules import rule
from sagepipe.language.validate.view import Step, View, items

_ROOT = "/opt/ml/processing/"
_DATASETS = ("AthenaDatasetDefinition", "RedshiftDatasetDefinition")


@rule
def fast_file(view: View) -> Iterator[Problem]:
    """FastFile is for training; SDK and guides offer it for processing too."""
    for step, field, channel in _s3_inputs(view):
        if view.resolve(channel.get("S3InputMode")) == "FastFile":
            yield Problem(
                step.name,
                f"{field}.S3InputMode",
                "FastFile is for training jobs; processing knows File and Pipe only: use File, or "
                "Pipe to stream",
            )


@rule
def managed_inputs(view: View) -> Iterator[Problem]:
    """What SageMaker brings needs a place and a mode, though the API marks neither required."""
    needed = {"S3Input": ("LocalPath", "S3InputMode"), "DatasetDefinition": ("LocalPath",)}
    for step in view.of_type("Processing"):
        for field, entry in _inputs(step):
            for source, members in needed.items():
                channel = entry.get(source)
                if not isinstance(channel, Mapping) or not _managed(view, entry):
                    continue
                for member in members:
                    if not channel.get(member):
                        yield Problem(
                            step.name,
                            f"{field}.{source}.{member}",
                            "is missing; an input that isn't AppManaged fails without it",
                        )


@rule
def local_paths(view: View) -> Iterator[Problem]:
    """Managed data lies below /opt/ml/processing."""
    for step, field, entry, value in _paths(view):
        path = view.resolve(value)
        if not isinstance(path, str) or not _managed(view, entry):
            continue
        if not path.startswith(_ROOT) or path == _ROOT:
            yield Problem(step.name, field, f"is {path!r}; it must be a folder below {_ROOT}")


@rule
def distinct_paths(view: View) -> Iterator[Problem]:
    """No two inputs or outputs of a job share a folder: the service's message for it is empty."""
    seen: dict[tuple[str, str], str] = {}
    for step, field, _, value in _paths(view):
        path = view.resolve(value)
        if not isinstance(path, str):
            continue
        first = seen.setdefault((step.name, path.rstrip("/")), field)
        if first != field:
            yield Problem(step.name, field, f"is {path!r}, as is {first}; give each its own folder")


@rule
def channel_names(view: View) -> Iterator[Problem]:
    """Inputs have names of their own, and so have outputs."""
    for step in view.of_type("Processing"):
        for entries, member in ((_inputs(step), "InputName"), (_outputs(step), "OutputName")):
            seen: set[str] = set()
            for field, entry in entries:
                name = entry.get(member)
                if isinstance(name, str) and name in seen:
                    yield Problem(step.name, f"{field}.{member}", f"{name!r} is used twice")
                if isinstance(name, str):
                    seen.add(name)


@rule
def gzip_needs_pipe(view: View) -> Iterator[Problem]:
    """The service unpacks while it streams; files stay packed."""
    for step, field, channel in _s3_inputs(view):
        mode = view.resolve(channel.get("S3InputMode"))
        if view.resolve(channel.get("S3CompressionType")) == "Gzip" and mode == "File":
            yield Problem(
                step.name,
                f"{field}.S3CompressionType",
                "Gzip works in Pipe mode only; use Pipe, or None and let the script unpack",
            )


@rule
def input_sources(view: View) -> Iterator[Problem]:
    """An input comes from S3 or from a data set, a data set from Athena or from Redshift."""
    for step in view.of_type("Processing"):
        for field, entry in _inputs(step):
            yield from _one_of(step, field, entry, ("S3Input", "DatasetDefinition"))
            dataset = entry.get("DatasetDefinition")
            if isinstance(dataset, Mapping):
                yield from _one_of(step, f"{field}.DatasetDefinition", dataset, _DATASETS)


@rule
def output_targets(view: View) -> Iterator[Problem]:
    """An output goes to S3 or to a feature store, and the latter is the application's to fill."""
    for step in view.of_type("Processing"):
        for field, entry in _outputs(step):
            yield from _one_of(step, field, entry, ("S3Output", "FeatureStoreOutput"))
            if "FeatureStoreOutput" in entry and _managed(view, entry):
                yield Problem(
                    step.name,
                    f"{field}.AppManaged",
                    "must be true with FeatureStoreOutput: the script writes to it, not SageMaker",
                )


@rule
def managed_outputs(view: View) -> Iterator[Problem]:
    """What SageMaker uploads needs a place to upload from."""
    for step in view.of_type("Processing"):
        for field, entry in _outputs(step):
            channel = entry.get("S3Output")
            if (
                isinstance(channel, Mapping)
                and _managed(view, entry)
                and not channel.get("LocalPath")
            ):
                yield Problem(
                    step.name,
                    f"{field}.S3Output.LocalPath",
                    "is missing; an output that isn't AppManaged is uploaded from there",
                )


def _managed(view: View, entry: Mapping[str, Any]) -> bool:
    """Whether SageMaker moves the data; false too if only an execution will know."""
    return view.resolve(entry.get("AppManaged", False)) is False


def _one_of(
    step: Step, field: str, entry: Mapping[str, Any], members: tuple[str, ...]
) -> Iterator[Problem]:
    if sum(member in entry for member in members) != 1:
        yield Problem(step.name, field, f"must have exactly one of {' and '.join(members)}")


def _inputs(step: Step) -> Iterator[tuple[str, Mapping[str, Any]]]:
    return items(step, "Arguments", "ProcessingInputs")


def _outputs(step: Step) -> Iterator[tuple[str, Mapping[str, Any]]]:
    return items(step, "Arguments", "ProcessingOutputConfig", "Outputs")


def _s3_inputs(view: View) -> Iterator[tuple[Step, str, Mapping[str, Any]]]:
    """Step, field and value of every S3Input."""
    for step in view.of_type("Processing"):
        for field, entry in _inputs(step):
            channel = entry.get("S3Input")
            if isinstance(channel, Mapping):
                yield step, f"{field}.S3Input", channel


def _paths(view: View) -> Iterator[tuple[Step, str, Mapping[str, Any], Any]]:
    """Step, field, input or output, and value of every LocalPath."""
    for step in view.of_type("Processing"):
        for field, entry in (*_inputs(step), *_outputs(step)):
            for member in ("S3Input", "DatasetDefinition", "S3Output"):
                channel = entry.get(member)
                if isinstance(channel, Mapping) and "LocalPath" in channel:
                    yield step, f"{field}.{member}.LocalPath", entry, channel["LocalPath"]
