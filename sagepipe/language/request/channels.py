"""Rules about a processing job's inputs and outputs that the service has and no model states."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath
from typing import Any

from sagepipe.errors import Problem
from sagepipe.language.request.model import Request
from sagepipe.language.request.rules import rule

ROOT = PurePosixPath("/opt/ml/processing")
_DATASETS = ("AthenaDatasetDefinition", "RedshiftDatasetDefinition")


def folder(path: str) -> str | None:
    """A LocalPath without doubled or final slashes; None unless it is a folder below `ROOT`."""
    pure = PurePosixPath(path)
    return str(pure) if ROOT in pure.parents and ".." not in pure.parts else None


@rule
def fast_file(request: Request) -> Iterator[Problem]:
    """FastFile is for training; SDK and guides offer it for processing too."""
    for field, channel in _s3_inputs(request):
        if request.known(channel.get("S3InputMode")) == "FastFile":
            yield Problem(
                request.step,
                f"{field}.S3InputMode",
                "FastFile is for training jobs; processing knows File and Pipe only: use File, or "
                "Pipe to stream",
            )


@rule
def managed_inputs(request: Request) -> Iterator[Problem]:
    """What SageMaker brings needs a place and a mode, though the API marks neither required."""
    needed = {"S3Input": ("LocalPath", "S3InputMode"), "DatasetDefinition": ("LocalPath",)}
    for field, entry in request.inputs:
        for source, members in needed.items():
            channel = entry.get(source)
            if not isinstance(channel, Mapping) or not _managed(request, entry):
                continue
            for member in members:
                if not channel.get(member):
                    yield Problem(
                        request.step,
                        f"{field}.{source}.{member}",
                        "is missing; an input that isn't AppManaged fails without it",
                    )


@rule
def local_paths(request: Request) -> Iterator[Problem]:
    """Managed data lies below /opt/ml/processing."""
    for field, entry, value in _paths(request):
        path = request.known(value)
        if isinstance(path, str) and _managed(request, entry) and not folder(path):
            yield Problem(request.step, field, f"is {path!r}; it must be a folder below {ROOT}/")


@rule
def distinct_paths(request: Request) -> Iterator[Problem]:
    """No two inputs or outputs of a job share a folder: the service's message for it is empty."""
    seen: dict[str, str] = {}
    for field, _, value in _paths(request):
        path = request.known(value)
        if not isinstance(path, str):
            continue
        first = seen.setdefault(folder(path) or path.rstrip("/"), field)
        if first != field:
            yield Problem(
                request.step, field, f"is {path!r}, as is {first}; give each its own folder"
            )


@rule
def channel_names(request: Request) -> Iterator[Problem]:
    """Inputs have names of their own, and so have outputs."""
    for entries, member in ((request.inputs, "InputName"), (request.outputs, "OutputName")):
        seen: set[str] = set()
        for field, entry in entries:
            name = request.known(entry.get(member))
            if isinstance(name, str) and name in seen:
                yield Problem(request.step, f"{field}.{member}", f"{name!r} is used twice")
            if isinstance(name, str):
                seen.add(name)


@rule
def piped_names(request: Request) -> Iterator[Problem]:
    """A piped input's FIFOs and manifest are named after it, so its name is part of a path."""
    for field, entry in request.inputs:
        channel = entry.get("S3Input")
        mode = request.known(channel.get("S3InputMode")) if isinstance(channel, Mapping) else None
        name = request.known(entry.get("InputName"))
        if mode != "Pipe" or not isinstance(name, str):
            continue
        if not name or name in (".", "..") or any(one in name for one in "/\0\n\r"):
            yield Problem(
                request.step,
                f"{field}.InputName",
                f"is {name!r}; in Pipe mode files are named after it, so it can't be empty, '.' or "
                "'..', or have a slash or a line break",
            )


@rule
def gzip_needs_pipe(request: Request) -> Iterator[Problem]:
    """The service unpacks while it streams; files stay packed."""
    for field, channel in _s3_inputs(request):
        mode = request.known(channel.get("S3InputMode"))
        if request.known(channel.get("S3CompressionType")) == "Gzip" and mode == "File":
            yield Problem(
                request.step,
                f"{field}.S3CompressionType",
                "Gzip works in Pipe mode only; use Pipe, or None and let the script unpack",
            )


@rule
def input_sources(request: Request) -> Iterator[Problem]:
    """An input comes from S3 or from a data set, a data set from Athena or from Redshift."""
    for field, entry in request.inputs:
        yield from _one_of(request.step, field, entry, ("S3Input", "DatasetDefinition"))
        dataset = entry.get("DatasetDefinition")
        if isinstance(dataset, Mapping):
            yield from _one_of(request.step, f"{field}.DatasetDefinition", dataset, _DATASETS)


@rule
def output_targets(request: Request) -> Iterator[Problem]:
    """An output goes to S3 or to a feature store, and the latter is the application's to fill."""
    for field, entry in request.outputs:
        yield from _one_of(request.step, field, entry, ("S3Output", "FeatureStoreOutput"))
        if "FeatureStoreOutput" in entry and _managed(request, entry):
            yield Problem(
                request.step,
                f"{field}.AppManaged",
                "must be true with FeatureStoreOutput: the script writes to it, not SageMaker",
            )


@rule
def managed_outputs(request: Request) -> Iterator[Problem]:
    """What SageMaker uploads needs a place to upload from."""
    for field, entry in request.outputs:
        channel = entry.get("S3Output")
        if not isinstance(channel, Mapping) or channel.get("LocalPath"):
            continue
        if _managed(request, entry):
            yield Problem(
                request.step,
                f"{field}.S3Output.LocalPath",
                "is missing; an output that isn't AppManaged is uploaded from there",
            )


def _managed(request: Request, entry: Mapping[str, Any]) -> bool:
    """Whether SageMaker moves the data; false too if only an execution will know."""
    return request.known(entry.get("AppManaged", False)) is False


def _one_of(
    step: str, field: str, entry: Mapping[str, Any], members: tuple[str, ...]
) -> Iterator[Problem]:
    if sum(member in entry for member in members) != 1:
        yield Problem(step, field, f"must have exactly one of {' and '.join(members)}")


def _s3_inputs(request: Request) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Field and value of every S3Input."""
    for field, entry in request.inputs:
        channel = entry.get("S3Input")
        if isinstance(channel, Mapping):
            yield f"{field}.S3Input", channel


def _paths(request: Request) -> Iterator[tuple[str, Mapping[str, Any], Any]]:
    """Field, input or output, and value of every LocalPath."""
    for field, entry in (*request.inputs, *request.outputs):
        for member in ("S3Input", "DatasetDefinition", "S3Output"):
            channel = entry.get(member)
            if isinstance(channel, Mapping) and "LocalPath" in channel:
                yield f"{field}.{member}.LocalPath", entry, channel["LocalPath"]
