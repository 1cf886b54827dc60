"""Account facts: what the definition needs to know about where it will run."""

from __future__ import annotations

import re
from dataclasses import dataclass

from sagepipe.errors import SettingsError

# A Spark argument holds an artifact's whole URI and may have 256 characters: "s3://", a bucket
# (63), this prefix, "/code/", a SHA-256 (64) and the longest file name leave this much.
_MAX_PREFIX = 80

_PATTERNS = {
    "region": (r"[a-z]{2}(-[a-z]+)+-\d{1,2}", "something like eu-west-1"),
    "role_arn": (
        r"arn:aws[a-z\-]*:iam::\d{12}:role/[a-zA-Z_0-9+=,.@\-/]+",
        "an ARN like arn:aws:iam::123456789012:role/name (a role's name alone isn't enough)",
    ),
    "artifact_bucket": (
        r"[a-z0-9][a-z0-9.\-]{1,61}[a-z0-9]",
        "a bucket name: 3 to 63 lower-case letters, digits, dots and hyphens, without s3://",
    ),
    "artifact_prefix": (
        rf"(?=.{{1,{_MAX_PREFIX}}}\Z)[A-Za-z0-9!_.*'()\-]+(/[A-Za-z0-9!_.*'()\-]+)*",
        f"a key prefix of at most {_MAX_PREFIX} characters, without a slash at either end",
    ),
    "pipeline_name": (
        r"[a-zA-Z0-9](-*[a-zA-Z0-9]){0,255}",
        "1 to 256 letters, digits and hyphens, beginning and ending with a letter or digit",
    ),
    "sklearn_image": (r"(?=.{1,255}\Z)\S+", "an image URI of at most 255 characters"),
    "spark_image": (r"(?=.{1,255}\Z)\S+", "an image URI of at most 255 characters"),
    "volume_kms_key": (r"(?=.{1,2048}\Z)[a-zA-Z0-9:/_\-]+", "a KMS key id, ARN or alias"),
    "output_kms_key": (r"(?=.{1,2048}\Z)[a-zA-Z0-9:/_\-]+", "a KMS key id, ARN or alias"),
    "subnets": (r"(?=.{1,32}\Z)[\-0-9a-zA-Z]+", "subnet ids like subnet-0a1b2c3d"),
    "security_group_ids": (r"(?=.{1,32}\Z)[\-0-9a-zA-Z]+", "security group ids like sg-0a1b2c3d"),
}


@dataclass(frozen=True)
class Settings:
    """Where a pipeline runs and under which rules; checked when it is made.

    `artifact_bucket` and `artifact_prefix` say where scripts are kept; builders may take the
    bucket as the default of others. What the images stand for where none is given is the builder's
    choice, and so is which of its jobs `network_isolation` reaches: a job that reads `s3://` itself
    can't be isolated. `subnets` and `security_group_ids` go together.

    Raises `SettingsError`, naming the setting and what it should look like.
    """

    region: str
    role_arn: str
    artifact_bucket: str
    pipeline_name: str
    artifact_prefix: str
    sklearn_image: str | None = None
    spark_image: str | None = None
    subnets: tuple[str, ...] = ()
    security_group_ids: tuple[str, ...] = ()
    volume_kms_key: str | None = None
    output_kms_key: str | None = None
    network_isolation: bool = False
    inter_container_encryption: bool = False
    tags: tuple[tuple[str, str], ...] = ()

    def __post_init__(self) -> None:
        for name, (pattern, wanted) in _PATTERNS.items():
            value = getattr(self, name)
            for one in value if isinstance(value, tuple) else (value,):
                _check(name, one, pattern, wanted)
        self._check_network()
        self._check_tags()

    @classmethod
    def local(cls, pipeline: str) -> Settings:
        """Placeholders that need no account: for the local engine, for tests and for a look."""
        return cls(
            region="us-east-1",
            role_arn="arn:aws:iam::000000000000:role/local",
            artifact_bucket="local-artifacts",
            pipeline_name=pipeline,
            artifact_prefix=pipeline,
        )

    def _check_network(self) -> None:
        if bool(self.subnets) != bool(self.security_group_ids):
            there, missing = (
                ("subnets", "security_group_ids")
                if self.subnets
                else ("security_group_ids", "subnets")
            )
            raise SettingsError(
                f"{there} without {missing}: a VPC needs both, give both or neither", there
            )
        for name, limit in (("subnets", 16), ("security_group_ids", 5)):
            count = len(getattr(self, name))
            if count > limit:
                raise SettingsError(
                    f"{name} has {count} entries; SageMaker takes at most {limit}", name
                )

    def _check_tags(self) -> None:
        keys = [key for key, _ in self.tags]
        if len(keys) > 50:
            raise SettingsError(f"tags has {len(keys)} entries; SageMaker takes at most 50", "tags")
        if len(set(keys)) != len(keys):
            twice = next(key for key in keys if keys.count(key) > 1)
            raise SettingsError(f"tags names {twice!r} twice; give each key one value", "tags")
        for key, value in self.tags:
            if not 1 <= len(key) <= 128 or len(value) > 256 or key.lower().startswith("aws:"):
                raise SettingsError(
                    f"tags: {key!r}={value!r} is not a tag: a key has 1 to 128 characters and "
                    "doesn't begin with aws:, a value has at most 256",
                    "tags",
                )


def _check(name: str, value: object, pattern: str, wanted: str) -> None:
    if value is None and name in (
        "sklearn_image",
        "spark_image",
        "volume_kms_key",
        "output_kms_key",
    ):
        return
    if not isinstance(value, str) or not re.fullmatch(pattern, value):
        raise SettingsError(f"{name} is {value!r}; it must be {wanted}", name)
