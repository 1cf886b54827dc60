"""A step that the service caches should read what never changes.

The service's step cache compares the URIs of inputs, never their contents. A cached step that reads
a prefix which people add to takes its first result again and again, and the execution is green.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from typing import Any

from sagepipe.errors import Problem
from sagepipe.language.definition import Definition
from sagepipe.language.expressions import Unknown, find
from sagepipe.language.walk import objects

# A key with the hash of its content has a segment of at least so many hexadecimal digits.
_CONTENT = re.compile(r"(?:^|[/._-])[0-9a-f]{32,}(?:[/._-]|$)", re.IGNORECASE)


def mutable_inputs(definition: Definition, immutable: Collection[str]) -> Iterator[Problem]:
    """The inputs of cached steps that may change under their URI.

    Fixed are keys that hold their content's hash, keys that hold an execution's id, other steps'
    outputs, and what its author says is fixed: `immutable` has such inputs as `Step.Input`.
    """
    for step in definition.of_type("Processing"):
        if not step.cache.enabled:
            continue
        for field, entry in objects(step.arguments.get("ProcessingInputs"), "ProcessingInputs"):
            s3_input, name = entry.get("S3Input"), entry.get("InputName")
            if not isinstance(s3_input, dict) or f"{step.name}.{name}" in immutable:
                continue
            uri = s3_input.get("S3Uri")
            if not _fixed(uri, definition.known(uri)):
                yield Problem(
                    step.name,
                    f"Arguments.{field}.S3Input.S3Uri",
                    "the step is cached, and what lies there may change: the service's cache "
                    "compares URIs, not contents, and takes the old result; drop the step's "
                    "CacheConfig, name objects by their content, or say that it never changes: "
                    f"Pipeline(immutable=('{step.name}.{name}',))",
                )


def _fixed(written: Any, known: Any) -> bool:
    gets = [str(body.get("Get")) for _, body in find(written, "")]
    if any(get.startswith(("Steps.", "Execution.PipelineExecution")) for get in gets):
        return True
    return not isinstance(known, Unknown) and bool(_CONTENT.search(str(known)))
