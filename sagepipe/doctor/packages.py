"""Versions of what is installed that are known to work."""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib import metadata

from sagepipe.doctor.case import Case
from sagepipe.doctor.findings import Finding, check

Version = tuple[int, ...]

# From, and up to but not with; pyproject.toml says the same of them.
KNOWN: dict[str, tuple[Version, Version]] = {
    "boto3": ((1, 43), (2,)),
    "botocore": ((1, 43), (2,)),
    "sagemaker": ((3, 27), (4,)),
}


@check()
def packages(_: Case) -> Iterator[Finding]:
    """boto3, botocore and the SageMaker SDK, as far as they are installed."""
    for name, (first, last) in KNOWN.items():
        try:
            installed = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
        version = tuple(int(part) for part in re.findall(r"\d+", installed)[:3])
        # version 2 of the SDK builds as well, but it is nobody's dependency here
        if first <= version < last or (name == "sagemaker" and version[0] == 2):
            continue
        wanted = f"{name}>={_text(first)},<{_text(last)}"
        yield Finding(
            "warns",
            f"package {name}",
            f"{installed} is installed, and {wanted} is known to work",
            f"pip install '{wanted}'",
        )


def _text(version: Version) -> str:
    return ".".join(map(str, version))
