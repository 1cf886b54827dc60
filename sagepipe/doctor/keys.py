"""KMS keys that can be used."""

from __future__ import annotations

from collections.abc import Iterator

from sagepipe.aws import boto
from sagepipe.doctor.case import Case
from sagepipe.doctor.findings import Finding, check
from sagepipe.errors import AwsError

VOLUME_KEY = ("ProcessingResources", "ClusterConfig", "VolumeKmsKeyId")
OUTPUT_KEY = ("ProcessingOutputConfig", "KmsKeyId")
_GONE = ("NotFoundException", "InvalidArnException")


@check()
def kms_keys(case: Case) -> Iterator[Finding]:
    """The keys of scripts, volumes and outputs exist and are enabled."""
    options = {str(value): "--volume-kms-key" for _, value in case.members(*VOLUME_KEY)}
    volumes = set(options)
    options |= {str(value): "--output-kms-key" for _, value in case.members(*OUTPUT_KEY)}
    if case.deployment and case.deployment.artifact_kms_key:
        options.setdefault(case.deployment.artifact_kms_key, "--artifact-kms-key")
    for key, option in options.items():
        yield from _findings(case, key, option, of_volumes=key in volumes)


def _findings(case: Case, key: str, option: str, *, of_volumes: bool) -> Iterator[Finding]:
    where = f"key {key}"
    try:
        with boto.calls(f"look at {where}"):
            found = case.client("kms").describe_key(KeyId=key)["KeyMetadata"]
    except AwsError as error:
        if error.code not in _GONE:
            raise
        mend = f"aws kms create-key --region {case.region}"
        yield Finding("stops", where, f"there is no such key in {case.region}; see {option}", mend)
        return
    id_, state = found["KeyId"], found["KeyState"]
    if state == "PendingDeletion":
        mend = (
            f"aws kms cancel-key-deletion --key-id {id_} --region {case.region} && "
            f"aws kms enable-key --key-id {id_} --region {case.region}"
        )
        yield Finding("stops", where, "is about to be deleted", mend)
    elif state != "Enabled":
        mend = f"aws kms enable-key --key-id {id_} --region {case.region}"
        yield Finding("stops", where, f"is {state}", mend)
    elif found.get("KeyUsage", "ENCRYPT_DECRYPT") != "ENCRYPT_DECRYPT":
        mend = f"aws kms create-key --region {case.region}"
        yield Finding("stops", where, f"is for {found['KeyUsage']}, not for encryption", mend)
    elif of_volumes and key.startswith("alias/"):
        yield Finding(
            "warns",
            where,
            "SageMaker documents ids and ARNs for volumes, and no alias",
            f"sagepipe upsert --volume-kms-key {found['Arn']}",
        )
