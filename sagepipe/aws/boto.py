"""The one place that makes AWS clients, and that turns what goes wrong in a call into a line.

    sagemaker = client("sagemaker", region)
    with calls("describe pipeline nightly"):
        sagemaker.describe_pipeline(PipelineName="nightly")

Clients take credentials, profile, proxies and AWS_ENDPOINT_URL from where boto3 takes them. They
retry what may pass by itself (AWS_MAX_ATTEMPTS says how often), so a fault that arrives here has
outlived its retries.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any, Literal, overload

from sagepipe import collection
from sagepipe.errors import AwsError

if TYPE_CHECKING:
    from botocore.session import Session
    from mypy_boto3_iam import IAMClient
    from mypy_boto3_logs import CloudWatchLogsClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sagemaker import SageMakerClient
    from mypy_boto3_scheduler import EventBridgeSchedulerClient
    from mypy_boto3_sts import STSClient

_MAX_MESSAGE = 300

_THROTTLED = (
    "Throttling",
    "ThrottlingException",
    "ThrottledException",
    "TooManyRequestsException",
    "RequestThrottled",
    "RequestThrottledException",
    "RequestLimitExceeded",
    "BandwidthLimitExceeded",
    "ProvisionedThroughputExceededException",
    "TransactionInProgressException",
    "PriorRequestNotComplete",
    "EC2ThrottledException",
    "SlowDown",
    "503",
    "429",
)
_BROKEN = (
    "InternalError",
    "InternalFailure",
    "InternalServerError",
    "InternalServerException",
    "ServiceUnavailable",
    "ServiceUnavailableException",
    "RequestTimeout",
    "RequestTimeoutException",
    "500",
    "502",
    "504",
)
_LOST = (
    "EndpointConnectionError",
    "ConnectTimeoutError",
    "ConnectionError",
    "ReadTimeoutError",
    "ConnectionClosedError",
    "ProxyConnectionError",
    "ResponseStreamingError",
    "HTTPClientError",
)
# What the same call may well do without next time. All that waits or repeats goes by this list.
_PASSING = frozenset((*_THROTTLED, *_BROKEN, *_LOST))

# AWS's error codes and botocore's exception classes -> why, and what to do
_EXPLANATIONS = {
    "no AWS credentials were found; sign in (aws sso login, aws configure) or set AWS_PROFILE": (
        "NoCredentialsError",
        "CredentialRetrievalError",
        "NoAuthTokenError",
        "MissingAuthenticationToken",
    ),
    "the AWS credentials are incomplete; give both key id and secret key, or set AWS_PROFILE": (
        "PartialCredentialsError",
    ),
    "the AWS credentials have expired; renew them (aws sso login, or a new session token)": (
        "ExpiredToken",
        "ExpiredTokenException",
        "RequestExpired",
        "TokenRefreshRequired",
        "UnauthorizedSSOTokenError",
        "SSOTokenLoadError",
        "SSOError",
        "TokenRetrievalError",
        "LoginRefreshRequired",
        "LoginTokenLoadError",
    ),
    "AWS doesn't know these credentials; check AWS_PROFILE and the AWS_* variables": (
        "InvalidClientTokenId",
        "InvalidAccessKeyId",
        "InvalidToken",
        "UnrecognizedClientException",
        "SignatureDoesNotMatch",
        "InvalidSignatureException",
        "AuthFailure",
        "IncompleteSignature",
    ),
    "AWS finds this machine's clock wrong; set the clock": ("RequestTimeTooSkewed",),
    "AWS is throttling these calls; wait a minute and run it again": _THROTTLED,
    "AWS has a fault on its side; run it again in a minute": _BROKEN,
    "someone else is changing it at this moment; run it again": (
        "ConflictException",
        "OperationAborted",
        "ConditionalRequestConflict",
    ),
    "there is no such profile; check AWS_PROFILE": ("ProfileNotFound",),
    "no region is known; give --region, AWS_REGION or region in pipeline.toml": ("NoRegionError",),
}
_BY_CODE = {code: text for text, codes in _EXPLANATIONS.items() for code in codes}

_UNREACHABLE = (
    *_LOST,
    "SSLError",
    "InvalidRegionError",
    "UnknownEndpointError",
    "EndpointProviderError",
)
_DENIED = ("AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "Forbidden", "403")

MISSING = "ResourceNotFound"
# What a moto server says of a pipeline or an execution that isn't there: people test with it.
_MOTO_MISSING = re.compile(r"Could not find pipeline\b")


@overload
def client(service: Literal["sagemaker"], region: str) -> SageMakerClient: ...
@overload
def client(service: Literal["s3"], region: str) -> S3Client: ...
@overload
def client(service: Literal["scheduler"], region: str) -> EventBridgeSchedulerClient: ...
@overload
def client(service: Literal["logs"], region: str) -> CloudWatchLogsClient: ...
@overload
def client(service: Literal["sts"], region: str) -> STSClient: ...
@overload
def client(service: Literal["iam"], region: str) -> IAMClient: ...
@overload
def client(service: str, region: str) -> Any: ...
def client(service: str, region: str) -> Any:
    """A boto3 client of `service` in `region`; makes no call. Raises `AwsError`."""
    with collection.paused(), calls(f"make a client of {service} in {region}"):
        from botocore.config import Config

        return _session().create_client(
            service,
            region_name=region,
            config=Config(
                retries={"mode": "standard"},
                connect_timeout=10,
                user_agent_extra="sagepipe",
            ),
        )


@contextmanager
def calls(action: str) -> Iterator[None]:
    """AWS calls that together do `action`, which completes a sentence that begins "can't".

    Raises `AwsError`, in one line: what failed, why and what to do. An error in the request's own
    form is our bug, and stays what it is.
    """
    from botocore.exceptions import BotoCoreError, ClientError, ParamValidationError

    try:
        yield
    except ParamValidationError:
        raise
    except ClientError as error:
        details = error.response.get("Error", {})
        code, message = str(details.get("Code", "Unknown")), str(details.get("Message", ""))
        if code == "ValidationException" and _MOTO_MISSING.match(message):
            code = MISSING
        why = _explain(code, message, error)
        raise AwsError(f"can't {action}: {why}", code) from error
    except BotoCoreError as error:
        code = type(error).__name__
        raise AwsError(f"can't {action}: {_explain(code, str(error), error)}", code) from error


@cache
def _session() -> Session:
    """One for all clients: the credentials are found once and the service models parsed once.

    botocore's own session: boto3's adds resources that nobody here uses, and a sixth of a
    second to the start of each command.
    """
    from botocore.session import get_session

    return get_session()


def _explain(code: str, message: str, error: Exception) -> str:
    message = _one_line(message)
    if code in _BY_CODE:
        return _BY_CODE[code]
    if code in _UNREACHABLE:
        return f"{message.rstrip('.')}; check the region, the network and AWS_ENDPOINT_URL"
    if code in _DENIED:
        return _denied(message, error)
    if code in ("ResourceLimitExceeded", "LimitExceededException", "ServiceQuotaExceededException"):
        return f"{message.rstrip('.')}; ask for more in Service Quotas, or use less"
    if code in ("ValidationException", "ValidationError"):
        return f"the service refuses it: {message}"
    if code in ("PermanentRedirect", "AuthorizationHeaderMalformed", "301"):
        return f"the bucket is in another region ({message}); check --region and the bucket"
    return f"{code}: {message}" if message else code


def _denied(message: str, error: Exception) -> str:
    """Names the action that isn't allowed: S3 and HEAD requests don't say it themselves."""
    named = re.search(r"perform:? (?:\S+ )?([a-z0-9\-]+:[A-Za-z]+)", message)
    action = named[1] if named else getattr(error, "operation_name", "the action")
    who = re.search(r"arn:aws[a-z\-]*:(?:iam|sts)::\S+", message)
    whose = who[0].rstrip(".,") if who else "the credentials in use"
    reason = " because " + message.partition(" because ")[2] if " because " in message else ""
    return f"{action} is not allowed{reason}; have it allowed for {whose}"


def _one_line(message: str) -> str:
    line = " ".join(message.split())
    return line if len(line) <= _MAX_MESSAGE else line[: _MAX_MESSAGE - 1] + "…"


def is_denied(error: AwsError) -> bool:
    """Whether AWS refused the call for want of a permission."""
    return error.code in _DENIED


def is_passing(error: AwsError) -> bool:
    """Whether the same call may well succeed later: a throttle, a fault of AWS, a lost line."""
    return error.code in _PASSING


def is_missing(error: AwsError) -> bool:
    """Whether there is no such pipeline, version or execution."""
    return error.code == MISSING


def profile_region() -> str | None:
    """The region of the AWS profile in use, if it has one. Raises `AwsError`."""
    with calls("read the AWS profile"):
        region = _session().get_config_variable("region")
    return str(region) if region else None


def find_credentials() -> None:
    """Finds, and where needed fetches, the credentials that all clients share.

    Does nothing if there are none: the first call says so. Raises `AwsError`.
    """
    with calls("get AWS credentials"):
        credentials = _session().get_credentials()
        if credentials is not None:
            credentials.get_frozen_credentials()
