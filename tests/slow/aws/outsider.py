"""What tests share to be quick: botocore reads a service's model, which is large, once a session.

`client` is somebody else's client of the account; `commands_share_a_session` has all commands of
a test module make their clients with one session of botocore's.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import botocore.session
import pytest
from server import REGION

from sagepipe.aws import boto


@cache
def client(service: str, url: str) -> Any:
    return _others().create_client(
        service,
        region_name=REGION,
        endpoint_url=url,
        aws_access_key_id="other",
        aws_secret_access_key="other",
    )


def commands_share_a_session(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(boto, "_session", _commands)


@cache
def _others() -> Any:
    return botocore.session.get_session()


@cache
def _commands() -> Any:
    return botocore.session.get_session()
