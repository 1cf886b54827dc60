"""What it takes to build with the SageMaker SDK offline, quietly and in reasonable time.

Left alone, the SDK reads the user's AWS and SageMaker configuration, makes clients while it is
imported, reports each step to a telemetry bucket, sets up the root logger and checks its own
configuration against a schema dozens of times. Inside `offline` it does none of that, so that a
definition depends on nothing but its settings.
"""

from __future__ import annotations

import functools
import logging
import os
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

from sagepipe import collection
from sagepipe.building.build import Build, HasDefinition
from sagepipe.building.replacing import replaced
from sagepipe.settings.facts import Settings

if TYPE_CHECKING:
    from sagemaker.core.workflow.pipeline_context import PipelineSession

_TELEMETRY_OPT_OUT = {
    "SchemaVersion": "1.0",
    "SageMaker": {"PythonSDK": {"Modules": {"TelemetryOptOut": True}}},
}

_CHATTY = ("sagemaker.config", "sagemaker.core", "sagemaker.mlops", "botocore.credentials")


@contextmanager
def offline(region: str) -> Iterator[None]:
    """Import the SDK, make its objects and ask for the definition in here; not thread-safe."""
    with ExitStack() as stack:
        stack.enter_context(_environment(_placeholders(region)))
        stack.enter_context(_silence())
        import boto3

        # Importing the SDK makes clients, and with them boto3's default session. It must not
        # outlive this block: it has placeholders for credentials.
        stack.enter_context(replaced(boto3, "DEFAULT_SESSION", None))
        # Nor may it find out what it has no need for: each client costs a service model.
        stack.enter_context(replaced(boto3, "Session", _Nowhere))
        stack.enter_context(collection.paused())

        from sagemaker.core.config.config_manager import SageMakerConfig
        from sagemaker.core.helper import session_helper

        # Our configuration is the constant above; a test checks it. Checking it at each look-up
        # takes seconds and says the same.
        stack.enter_context(
            replaced(SageMakerConfig, "validate_sagemaker_config", staticmethod(_accept))
        )
        stack.enter_context(replaced(session_helper, "validate_sagemaker_config", _accept))
        yield


def builds_offline(builder: Callable[[Build], HasDefinition]) -> Callable[[Build], HasDefinition]:
    """Decorates a builder that uses SDK v3: it may import the SDK and make its objects anywhere."""

    @functools.wraps(builder)
    def build(given: Build) -> HasDefinition:
        with offline(given.settings.region):
            return builder(given)

    return build


def session(settings: Settings) -> PipelineSession:
    """A session that can describe jobs and start none: its credentials are placeholders."""
    from sagemaker.core.workflow.pipeline_context import PipelineSession

    return PipelineSession(
        boto_session=_Nowhere(settings.region),
        default_bucket=settings.artifact_bucket,
        # Also keeps the defaults files of user and machine out of the definition.
        sagemaker_config=_TELEMETRY_OPT_OUT,
    )


def _placeholders(region: str) -> dict[str, str | None]:
    return {
        "AWS_REGION": None,
        "AWS_DEFAULT_REGION": region,
        "AWS_PROFILE": None,
        "AWS_DEFAULT_PROFILE": None,
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_ACCESS_KEY_ID": "none",
        "AWS_SECRET_ACCESS_KEY": "none",
        "AWS_SESSION_TOKEN": None,
        "AWS_EC2_METADATA_DISABLED": "true",
    }


@contextmanager
def _environment(changes: Mapping[str, str | None]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in changes}
    _put(changes)
    try:
        yield
    finally:
        _put(before)


def _put(variables: Mapping[str, str | None]) -> None:
    for name, value in variables.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value


@contextmanager
def _silence() -> Iterator[None]:
    root = logging.getLogger()
    # basicConfig, which the SDK calls when it is imported, leaves a root that has a handler alone.
    handler = logging.NullHandler()
    root.addHandler(handler)
    levels = {name: logging.getLogger(name).level for name in _CHATTY}
    for name in _CHATTY:
        logging.getLogger(name).setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        root.removeHandler(handler)
        for name, level in levels.items():
            logging.getLogger(name).setLevel(level)


class _Nowhere:
    """In place of boto3's session: knows the region, and its clients can't do anything."""

    def __init__(self, region_name: str | None = None, **_: object) -> None:
        self.region_name = region_name or os.environ["AWS_DEFAULT_REGION"]

    def client(self, service: str, **_: object) -> _NoClient:
        return _NoClient(service)

    resource = client


class _NoClient:
    """Building a definition calls nothing; if the SDK tries, that is a bug to be seen."""

    def __init__(self, service: str) -> None:
        self._service = service

    def __getattr__(self, name: str) -> Any:
        raise RuntimeError(f"building must not use {self._service}.{name}")


def _accept(_config: object = None) -> None:
    pass
