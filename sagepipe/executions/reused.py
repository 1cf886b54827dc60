"""Whether what a cached step refers to is still there.

A step that the service takes from its cache has the outputs of the execution that ran it. If
somebody has deleted them since, the step is green and whoever reads them finds nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from sagepipe.aws.boto import calls
from sagepipe.executions.archive import PastExecution
from sagepipe.language.s3 import Location

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


def gone(s3: S3Client, execution: PastExecution) -> Iterator[str]:
    """A line for each output of a cached step that has no objects any more; one call each.

    Raises `AwsError`.
    """
    for step in execution.steps.values():
        if step.reused != "cached":
            continue
        for name, output in step.outputs.items():
            prefix = Location.parse(f"{output.uri.rstrip('/')}/")
            with calls(f"look for {prefix}"):
                answer = s3.list_objects_v2(Bucket=prefix.bucket, Prefix=prefix.key, MaxKeys=1)
            if not answer.get("Contents"):
                yield (
                    f"{step.name} is cached from execution {step.source}, and its output {name!r} "
                    f"has no objects: {prefix} was deleted since, or empty then; run {step.name} "
                    "anew by changing what it is given, or a parameter of a step before it"
                )
