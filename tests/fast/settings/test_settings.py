from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from sagepipe.errors import SettingsError
from sagepipe.settings.facts import Settings


def test_local_settings_are_valid_and_frozen() -> None:
    settings = Settings.local("tables")
    assert settings.region == "us-east-1"
    with pytest.raises(dataclasses.FrozenInstanceError):
        settings.region = "eu-west-1"  # type: ignore[misc]


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("region", "Ireland", "region is 'Ireland'; it must be something like eu-west-1"),
        ("region", None, "region is None"),
        ("role_arn", "MyRole", "a role's name alone isn't enough"),
        ("role_arn", "arn:aws:iam::1:role/x", "role_arn is 'arn:aws:iam::1:role/x'"),
        ("artifact_bucket", "s3://bucket", "without s3://"),
        ("artifact_bucket", "Bucket", "lower-case"),
        ("artifact_bucket", "ab", "3 to 63"),
        ("artifact_prefix", "/code", "without a slash at either end"),
        ("artifact_prefix", "a//b", "without a slash at either end"),
        ("artifact_prefix", "x" * 81, "at most 80 characters"),
        ("pipeline_name", "ecg_pca", "letters, digits and hyphens"),
        ("pipeline_name", "x" * 257, "1 to 256"),
        ("sklearn_image", "my image", "an image URI"),
        ("spark_image", "i" * 256, "at most 255"),
        ("volume_kms_key", "key with spaces", "a KMS key"),
        ("output_kms_key", "", "a KMS key"),
        ("subnets", ("subnet-1", "sub net"), "subnets is 'sub net'"),
        ("subnets", ("subnet-1",), "subnets without security_group_ids"),
        ("security_group_ids", ("sg-1",), "security_group_ids without subnets"),
        ("tags", (("", "x"),), "is not a tag"),
        ("tags", (("aws:x", "x"),), "doesn't begin with aws:"),
        ("tags", (("k", "v" * 257),), "at most 256"),
        ("tags", (("k", "1"), ("k", "2")), "names 'k' twice"),
        ("tags", tuple((f"k{i}", "v") for i in range(51)), "51 entries"),
    ],
)
def test_a_bad_setting_is_named_with_what_it_should_be(name: str, value: Any, message: str) -> None:
    with pytest.raises(SettingsError, match=name) as caught:
        dataclasses.replace(Settings.local("tables"), **{name: value})
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_vpc_has_limits() -> None:
    with pytest.raises(SettingsError, match=r"security_group_ids has 6 entries; .* at most 5"):
        dataclasses.replace(
            Settings.local("tables"),
            subnets=("subnet-1",),
            security_group_ids=tuple(f"sg-{i}" for i in range(6)),
        )


def test_everything_at_its_limit_is_taken() -> None:
    settings = dataclasses.replace(
        Settings.local("tables"),
        region="us-gov-west-1",
        role_arn="arn:aws-us-gov:iam::123456789012:role/team/ecg.role",
        artifact_bucket="b" * 63,
        artifact_prefix="p" * 80,
        subnets=tuple(f"subnet-{i}" for i in range(16)),
        security_group_ids=tuple(f"sg-{i}" for i in range(5)),
        tags=(("k" * 128, "v" * 256), ("empty", "")),
    )
    assert settings.tags[1] == ("empty", "")
