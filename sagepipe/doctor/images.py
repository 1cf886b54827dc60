"""Images that the jobs can be started from."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from sagepipe.aws import boto
from sagepipe.doctor.case import Case
from sagepipe.doctor.findings import Finding, check
from sagepipe.errors import AwsError

_URI = re.compile(
    r"(?P<account>\d{12})\.dkr\.ecr(?:-fips)?\.(?P<region>[a-z0-9\-]+)\.amazonaws\.com(?:\.cn)?/"
    r"(?P<repository>[^:@]+)(?::(?P<tag>[^@]+))?(?:@(?P<digest>sha256:[0-9a-f]{64}))?"
)


@dataclass(frozen=True)
class Image:
    """An image in ECR; `digest` has the last word where there are both."""

    account: str
    region: str
    repository: str
    tag: str | None
    digest: str | None

    @classmethod
    def parse(cls, uri: str) -> Image | None:
        """None for an image that isn't in ECR."""
        match = _URI.fullmatch(uri)
        return cls(**match.groupdict()) if match else None


@check()
def job_images(case: Case) -> Iterator[Finding]:
    """Each image is in ECR, in the pipeline's region."""
    for uri in dict.fromkeys(job.image for job in case.jobs if job.image):
        image = Image.parse(uri)
        if image is None:
            push = f"docker push {case.account.number}.dkr.ecr.{case.region}.amazonaws.com/NAME:TAG"
            yield Finding("stops", f"image {uri}", "is not in ECR, where jobs' images are", push)
        elif image.region != case.region:
            here = uri.replace(image.region, case.region, 1)
            yield Finding(
                "stops",
                f"image {uri}",
                f"is in {image.region}, but the pipeline in {case.region}",
                f"docker pull {uri} && docker tag {uri} {here} && docker push {here}",
            )
        else:
            yield from _missing(case, uri, image)


def _missing(case: Case, uri: str, image: Image) -> Iterator[Finding]:
    which = {"imageDigest": image.digest} if image.digest else {"imageTag": image.tag or "latest"}
    repository = {"registryId": image.account, "repositoryName": image.repository}
    own = image.account == case.account.number
    try:
        with boto.calls(f"look for image {uri}"):
            answer = case.client("ecr").batch_get_image(imageIds=[which], **repository)
    except AwsError as error:
        if error.code != "RepositoryNotFoundException":
            raise
        mend = (
            f"aws ecr create-repository --repository-name {image.repository} "
            f"--region {case.region} && docker push {uri}"
        )
        theirs = (
            f"aws ecr describe-repositories --registry-id {image.account} --region {case.region}"
        )
        yield Finding(
            "stops", f"image {uri}", "there is no such repository", mend if own else theirs
        )
        return
    if not answer.get("images"):
        listing = (
            f"aws ecr list-images --registry-id {image.account} "
            f"--repository-name {image.repository} --region {case.region}"
        )
        yield Finding(
            "stops",
            f"image {uri}",
            "is not in its repository",
            f"docker push {uri}" if own else listing,
        )
