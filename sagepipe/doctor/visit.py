"""From settings, or from what is deployed already, to findings."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sagepipe.aws import boto
from sagepipe.deploy import deployed
from sagepipe.doctor.case import Case
from sagepipe.doctor.examine import examine
from sagepipe.doctor.findings import Finding
from sagepipe.errors import AwsError, SettingsError
from sagepipe.language import foreseen, parameters, validate
from sagepipe.language.definition import Definition

if TYPE_CHECKING:
    from sagepipe.building.build import Built
    from sagepipe.deploy.release import Release
    from sagepipe.project import Pipeline
    from sagepipe.settings.configuration import Deployment, Sources

_MENDS = {  # AWS's error codes -> what signs in
    "NoCredentialsError": "aws configure",
    "PartialCredentialsError": "aws configure",
    "ProfileNotFound": "aws configure list-profiles",
}
_EXPIRED = re.compile(r"Expired|SSO|TokenRefresh|TokenRetrieval|LoginRefresh")


@dataclass(frozen=True)
class Report:
    """What was found, by the name of the check; `whole` unless something kept it from going on."""

    findings: tuple[tuple[str, Finding], ...]
    whole: bool = True

    @property
    def healthy(self) -> bool:
        """Nothing that would stop a start."""
        return all(one.severity != "stops" for _, one in self.findings)


def visit(pipeline: Pipeline, sources: Sources, given: Mapping[str, str]) -> Report:
    """What would stop the pipeline's first start with these settings and parameters.

    Raises `ParameterError` and `DefinitionError`: these parameters or the definition are refused
    before anything is asked of AWS.
    """
    before = tuple(_before(sources))
    if any(one.severity == "stops" for _, one in before):
        return Report(before, whole=False)
    deployment = sources.deployment()
    boto.find_credentials()  # building puts others into the environment
    try:
        built = pipeline.built(deployment.settings, deployment.defaults)
    except SettingsError as error:
        finding = Finding("stops", "the definition", str(error), error.mend)
        return Report((*before, ("definition", finding)), whole=False)
    validate.check(built.document)
    notes = pipeline.checked(Definition.read(built.document), given)
    untold = (("arguments", Finding("unknown", "the scripts", note)) for note in notes)
    case = _case(pipeline, deployment, built, given)
    found = ((check.name, finding) for check, finding in examine(case))
    return Report((*before, *untold, *found))


def of_release(release: Release) -> Iterator[Finding]:
    """What a glance tells about what is about to be deployed. Raises `AwsError`."""
    case = _case(release.pipeline, release.deployment, release.built, {})
    return (finding for _, finding in examine(case, cheap=True))


def of_start(
    pipeline: Pipeline | None,
    region: str,
    definition: Definition,
    given: Mapping[str, str],
    steps: frozenset[str],
) -> Iterator[Finding]:
    """What a glance tells about a start of what is deployed, of which these steps will run."""
    values = parameters.resolve(definition.parameters, given)
    case = Case(
        region,
        tuple(job for job in foreseen.jobs(definition, values) if job.step in steps),
        definition,
        frozenset(one.uri for one in deployed.scripts(definition.document)),
        looks_like=pipeline.looks_like if pipeline else None,
    )
    return (finding for _, finding in examine(case, cheap=True))


def _case(
    pipeline: Pipeline,
    deployment: Deployment,
    built: Built,
    given: Mapping[str, str],
) -> Case:
    definition = Definition.read(built.document)
    values = parameters.resolve(definition.parameters, given)
    return Case(
        deployment.settings.region,
        foreseen.jobs(definition, values),
        definition,
        frozenset(f"s3://{built.bucket}/{one.key}" for one in built.artifacts),
        deployment,
        pipeline.looks_like,
    )


def _before(sources: Sources) -> Iterator[tuple[str, Finding]]:
    """What everything else needs: a region, credentials, settings."""
    region = sources.get("region")
    if region is None:
        yield "region", _of_settings(lambda: sources.require("region"))[0]
        return
    try:
        if not boto.knows_region("sagemaker", region):
            what = "isn't known to have SageMaker; the name may be wrong, or botocore too old"
            yield "region", Finding("warns", f"region {region}", what, "pip install -U boto3")
        boto.identity(region)
    except AwsError as error:
        expired = "aws sso login" if _EXPIRED.search(error.code) else "aws sts get-caller-identity"
        mend = _MENDS.get(error.code, expired)
        yield "credentials", Finding("stops", "credentials", str(error), mend)
        return
    for finding in _of_settings(sources.deployment):
        yield "settings", finding


def _of_settings(read: object) -> list[Finding]:
    """A finding for each line of what reading settings complains of."""
    try:
        assert callable(read)
        read()
    except SettingsError as error:
        return [
            Finding("stops", "settings", line, error.mend or _giving(line))
            for line in str(error).splitlines()
        ]
    return []


def _giving(line: str) -> str:
    """The option that a complaint about a setting names."""
    option = re.search(r"(?<!\w)--[a-z\-]+", line)
    return f"sagepipe doctor {option[0]} VALUE" if option else ""
