"""What an evaluated request asks for, which `request.check` has found right: its S3 channels."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

Json = Any


@dataclass(frozen=True)
class S3Input:
    """An input that SageMaker brings from S3; `manifest`: the URI is that of a list of objects."""

    name: str
    uri: str
    local_path: str
    manifest: bool
    sharded: bool
    piped: bool
    gzip: bool

    @classmethod
    def read(cls, entry: Mapping[str, Json]) -> S3Input | None:
        """An entry of ProcessingInputs; None for a DatasetDefinition. AWS states no default for
        the distribution: it is FullyReplicated here."""
        source = entry.get("S3Input")
        if source is None:
            return None
        return cls(
            name=entry["InputName"],
            uri=source["S3Uri"],
            local_path=source["LocalPath"],
            manifest=source["S3DataType"] == "ManifestFile",
            sharded=source.get("S3DataDistributionType") == "ShardedByS3Key",
            piped=source["S3InputMode"] == "Pipe",
            gzip=source.get("S3CompressionType") == "Gzip",
        )


@dataclass(frozen=True)
class S3Output:
    """An output that SageMaker uploads to S3; `continuous`: while the job runs."""

    name: str
    uri: str
    local_path: str
    continuous: bool

    @classmethod
    def read(cls, entry: Mapping[str, Json]) -> S3Output:
        """An entry of Outputs that isn't AppManaged."""
        target = entry["S3Output"]
        return cls(
            name=entry["OutputName"],
            uri=target["S3Uri"],
            local_path=target["LocalPath"],
            continuous=target["S3UploadMode"] == "Continuous",
        )


def managed(entries: Iterable[Mapping[str, Json]]) -> list[Mapping[str, Json]]:
    """The inputs or outputs that SageMaker moves; the others are the application's business."""
    return [entry for entry in entries if not entry.get("AppManaged")]
