"""Checks of doctor without a server: what moto has no answer for, and what needs none."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import metadata
from typing import Any

import pytest
import tables
from hypothesis import given
from hypothesis import strategies as st
from pytest_mock import MockerFixture

from sagepipe.aws import boto
from sagepipe.deploy.preflight import Account
from sagepipe.doctor import access, data, images, packages, quotas
from sagepipe.doctor.case import Case
from sagepipe.doctor.images import Image
from sagepipe.errors import SettingsError
from sagepipe.language import foreseen, parameters
from sagepipe.language.definition import Definition
from sagepipe.settings.facts import Settings

ROLE = "arn:aws:iam::123456789012:role/jobs"

Make = Callable[..., Case]


@pytest.fixture
def case(mocker: MockerFixture) -> Make:
    """A case whose clients answer as `clients` says: service, then the client."""

    def make(clients: Mapping[str, Any] | None = None, **given: str) -> Case:
        mocker.patch.object(
            boto, "client", side_effect=lambda service, _, **__: (clients or {})[service]
        )
        mocker.patch.object(
            boto, "identity", return_value=boto.Identity("123456789012", "aws", "arn:aws:iam::x")
        )
        document = tables.PROJECT["tables"].built(Settings.local("tables")).document
        definition = Definition.read(document)
        values = parameters.resolve(definition.parameters, given)
        return Case("eu-west-1", foreseen.jobs(definition, values), definition)

    return make


# --- quotas ------------------------------------------------------------------------------------


def service_quotas(mocker: MockerFixture, own: list[Any], default: list[Any]) -> Any:
    answers = {"list_service_quotas": own, "list_aws_default_service_quotas": default}
    client = mocker.Mock()
    client.get_paginator.side_effect = lambda operation: mocker.Mock(
        paginate=lambda ServiceCode: [{"Quotas": [one]} for one in answers[operation]]
    )
    return client


def quota(name: str, value: float, *, adjustable: bool = True) -> dict[str, Any]:
    return {"QuotaName": name, "QuotaCode": "L-1", "Value": value, "Adjustable": adjustable}


TYPES = [f"ml.m5.{size} for processing job usage" for size in ("large", "xlarge")]


def test_the_account_s_own_quota_counts_over_the_default(case: Make, mocker: MockerFixture) -> None:
    none = [quota(name, 0.0) for name in TYPES]
    own = [quota(name, 8.0) for name in TYPES]
    enough = service_quotas(mocker, own, none)
    assert list(quotas.instance_quotas(case({"service-quotas": enough}))) == []
    fresh = service_quotas(mocker, [], none)
    found = list(quotas.instance_quotas(case({"service-quotas": fresh})))
    assert [one.where for one in found] == ["step 'Clean'", "step 'Fit'", "step 'Export'"]
    assert found[1].mend == (
        "aws service-quotas request-service-quota-increase --service-code sagemaker "
        "--quota-code L-1 --desired-value 8 --region eu-west-1"
    )


def test_a_quota_that_can_not_be_raised_is_mended_by_asking_for_less(
    case: Make, mocker: MockerFixture
) -> None:
    own = [quota(name, 50.0) for name in TYPES]
    own.append(quota("Maximum number of instances per processing job", 20.0, adjustable=False))
    client = service_quotas(mocker, own, [])
    (one,) = quotas.instance_quotas(case({"service-quotas": client}, FitInstanceCount="21"))
    assert "is 20, and it asks for 21" in one.what
    assert one.mend == "sagepipe start -p FitInstanceCount=20"


def test_all_instances_of_the_account_count(case: Make, mocker: MockerFixture) -> None:
    own = [quota(name, 50.0) for name in TYPES]
    own.append(quota("Number of instances across all processing jobs", 4.0))
    client = service_quotas(mocker, own, [])
    (one,) = quotas.instance_quotas(case({"service-quotas": client}))
    assert (one.where, one.severity) == ("step 'Fit'", "stops")


def test_a_type_that_has_no_quota_is_unknown(case: Make, mocker: MockerFixture) -> None:
    client = service_quotas(mocker, [], [])
    found = list(quotas.instance_quotas(case({"service-quotas": client})))
    assert {one.severity for one in found} == {"unknown"}
    assert len(found) == 3


# --- IAM's simulator ---------------------------------------------------------------------------


def iam(mocker: MockerFixture, *results: Mapping[str, Any]) -> Any:
    client = mocker.Mock()
    client.get_paginator.return_value.paginate.return_value = [{"EvaluationResults": results}]
    return client


NEED = access.Need("read", ("s3:GetObject",), ("arn:aws:s3:::a/*", "arn:aws:s3:::b/*"))


def test_each_resource_has_a_verdict_of_its_own(case: Make, mocker: MockerFixture) -> None:
    client = iam(
        mocker,
        {
            "EvalActionName": "s3:GetObject",
            "EvalResourceName": "*",
            "EvalDecision": "implicitDeny",
            "ResourceSpecificResults": [
                {"EvalResourceName": "arn:aws:s3:::a/*", "EvalResourceDecision": "allowed"},
                {"EvalResourceName": "arn:aws:s3:::b/*", "EvalResourceDecision": "implicitDeny"},
            ],
        },
    )
    (one,) = access.missing(case({"iam": client}), ROLE, NEED)
    assert one.what == "may not s3:GetObject on arn:aws:s3:::b/*"
    assert one.severity == "stops"
    assert "arn:aws:s3:::a/*" not in one.mend


@pytest.mark.parametrize(
    ("more", "severity", "said"),
    [
        ({"EvalDecision": "explicitDeny"}, "stops", "a policy denies it"),
        (
            {"EvalDecision": "implicitDeny", "MissingContextValues": ["aws:SourceVpc"]},
            "unknown",
            "only under a condition on aws:SourceVpc",
        ),
    ],
)
def test_denials_and_conditions(
    case: Make, mocker: MockerFixture, more: dict[str, Any], severity: str, said: str
) -> None:
    client = iam(mocker, {"EvalActionName": "s3:GetObject", **more})
    (one,) = access.missing(case({"iam": client}), ROLE, NEED)
    assert (one.severity, said in one.what) == (severity, True)


def test_a_role_of_another_account_is_not_asked_about(case: Make, mocker: MockerFixture) -> None:
    client = mocker.Mock()
    other = ROLE.replace("123456789012", "999999999999")
    assert list(access.missing(case({"iam": client}), other, NEED)) == []
    client.get_paginator.assert_not_called()


# --- inputs ------------------------------------------------------------------------------------


def test_an_execution_s_own_keys_and_scripts_are_no_data(case: Make) -> None:
    found = case(InputPrefix="today")
    assert [str(one.where) for one in found.data if one.name == "raw"] == [
        "s3://local-artifacts/today"
    ]
    built = tables.PROJECT["tables"].built(Settings.local("tables"))
    scripts = frozenset(f"s3://{built.bucket}/{one.key}" for one in built.artifacts)
    clean = Case(found.region, found.jobs, found.definition, scripts)
    assert [one.name for one in clean.data] == ["raw"]


def test_a_folder_s_marker_is_no_object(case: Make, mocker: MockerFixture) -> None:
    s3 = mocker.Mock()
    s3.list_objects_v2.return_value = {"Contents": [{"Key": "raw/"}]}
    found = list(data.inputs(case({"s3": s3})))
    assert any("there are no objects at s3://local-artifacts/raw" in one.what for one in found)


# --- images ------------------------------------------------------------------------------------


@given(
    account=st.from_regex(r"\d{12}", fullmatch=True),
    repository=st.from_regex(r"[a-z0-9]+(?:[._/-][a-z0-9]+)*", fullmatch=True),
    tag=st.none() | st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,20}", fullmatch=True),
    digest=st.none() | st.from_regex(r"sha256:[0-9a-f]{64}", fullmatch=True),
)
def test_an_image_is_read_as_it_was_written(
    account: str, repository: str, tag: str | None, digest: str | None
) -> None:
    if not (account.isascii() and repository.isascii()):
        return
    uri = f"{account}.dkr.ecr.eu-west-1.amazonaws.com/{repository}"
    uri += f":{tag}" if tag else ""
    uri += f"@{digest}" if digest else ""
    assert Image.parse(uri) == Image(account, "eu-west-1", repository, tag, digest)


@pytest.mark.parametrize(
    "uri", ["python:3.12", "registry/image:1", "", "x.dkr.ecr.y.amazonaws.com/"]
)
def test_an_image_that_is_not_in_ecr(uri: str) -> None:
    assert Image.parse(uri) is None


def test_an_image_of_another_region_needs_no_call(case: Make) -> None:
    moved = Case("us-west-2", case().jobs, case().definition)
    (one,) = images.job_images(moved)
    assert "is in eu-west-1, but the pipeline in us-west-2" in one.what
    assert one.mend.count("us-west-2") == 2


# --- packages ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "installed", "known"),
    [
        ("botocore", "1.43.0", True),
        ("botocore", "1.42.99", False),
        ("boto3", "2.0", False),
        ("sagemaker", "3.27.0", True),
        ("sagemaker", "3.26.1", False),
        ("sagemaker", "2.257.6", True),
        ("sagemaker", "4.0.0rc1", False),
    ],
)
def test_versions(
    case: Make, mocker: MockerFixture, name: str, installed: str, known: bool
) -> None:
    def version(asked: str) -> str:
        if asked == name:
            return installed
        raise metadata.PackageNotFoundError(asked)

    mocker.patch.object(packages.metadata, "version", version)
    found = list(packages.packages(case()))
    assert [one.where for one in found] == ([] if known else [f"package {name}"])


# --- trust -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("condition", "trusted"),
    [
        ({}, True),
        ({"StringEquals": {"aws:SourceAccount": "123456789012"}}, True),
        ({"StringEquals": {"AWS:SourceAccount": ["1", "123456789012"]}}, True),
        ({"StringLike": {"aws:SourceAccount": "*"}}, True),
        ({"ArnLike": {"aws:SourceArn": "arn:aws:sagemaker:*:999999999999:*"}}, True),  # IAM's
        ({"StringEquals": {"aws:SourceAccount": "999999999999"}}, False),
    ],
)
def test_a_trust_may_be_for_another_account(
    mocker: MockerFixture, condition: dict[str, Any], trusted: bool
) -> None:
    from sagepipe.deploy import preflight

    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "sagemaker.amazonaws.com"},
        "Action": "sts:AssumeRole",
        "Condition": condition,
    }
    client = mocker.Mock()
    client.get_role.return_value = {
        "Role": {"Arn": ROLE, "AssumeRolePolicyDocument": {"Statement": [statement]}}
    }
    here = Account("123456789012", "aws")
    if trusted:
        assert preflight.check_role(client, here, ROLE, "sagemaker", "--role-arn") is None
        return
    with pytest.raises(SettingsError, match="can't be assumed") as caught:
        preflight.check_role(client, here, ROLE, "sagemaker", "--role-arn")
    assert caught.value.mend.startswith("aws iam update-assume-role-policy --role-name jobs")
