"""What a failed call to AWS becomes, and which failures pass by themselves."""

from __future__ import annotations

import botocore.exceptions
import pytest
from botocore.exceptions import ClientError
from botocore.retries import standard

from sagepipe.aws import boto
from sagepipe.errors import AwsError

# botocore repeats them, and here they are what no repetition mends: a quota, a wrong certificate.
NOT_PASSING = {"LimitExceededException", "SSLError"}


def raised(error: Exception) -> AwsError:
    with pytest.raises(AwsError) as caught, boto.calls("do it"):
        raise error
    return caught.value


def answer(code: str, message: str = "") -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": message}}, "DescribePipeline")


def test_what_botocore_repeats_passes_and_nothing_else_does() -> None:
    codes = {
        *standard.ThrottledRetryableChecker._THROTTLED_ERROR_CODES,
        *standard.TransientRetryableChecker._TRANSIENT_ERROR_CODES,
        *map(str, standard.TransientRetryableChecker._TRANSIENT_STATUS_CODES),
        *map(str, standard.ThrottlingStatusCodeChecker._THROTTLING_STATUS_CODES),
    }
    lost = (botocore.exceptions.ConnectionError, botocore.exceptions.HTTPClientError)
    classes = {
        name
        for name, kind in vars(botocore.exceptions).items()
        if isinstance(kind, type) and issubclass(kind, lost)
    }
    for code in codes | classes:
        assert boto.is_passing(AwsError("", code)) == (code not in NOT_PASSING), code


@pytest.mark.parametrize(
    "code",
    ["ExpiredToken", "AccessDeniedException", "ValidationException", "ResourceNotFound", "Unknown"],
)
def test_what_does_not_pass(code: str) -> None:
    assert not boto.is_passing(raised(answer(code)))


@pytest.mark.parametrize("code", ["InternalError", "InternalServerException", "ServiceUnavailable"])
def test_faults_of_aws_pass(code: str) -> None:
    assert boto.is_passing(raised(answer(code)))


def test_every_passing_code_is_explained() -> None:
    for code in boto._PASSING:
        text = str(raised(answer(code, "it broke")))
        assert text != f"can't do it: {code}: it broke", code


@pytest.mark.parametrize(
    "message",
    [
        "Could not find pipeline with PipelineName tables.",
        "Could not find pipeline execution with PipelineExecutionArn arn:x.",
    ],
)
def test_a_plain_moto_servers_word_for_missing(message: str) -> None:
    assert boto.is_missing(raised(answer("ValidationException", message)))


def test_another_validation_error_is_not_a_missing_pipeline() -> None:
    error = raised(answer("ValidationException", "1 validation error: could not find it"))
    assert not boto.is_missing(error)
    assert error.code == "ValidationException"
    assert boto.is_missing(raised(answer("ResourceNotFound", "Pipeline 'x' does not exist.")))
