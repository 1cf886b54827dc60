"""Runs the checks on a case."""

from __future__ import annotations

from collections.abc import Iterator

from sagepipe.aws import boto
from sagepipe.doctor import (
    access,
    account,
    data,
    images,
    keys,
    network,
    packages,
    quotas,
    scheduling,
)
from sagepipe.doctor.case import Case
from sagepipe.doctor.findings import CHECKS, Check, Finding
from sagepipe.errors import AwsError, SettingsError

# Imported for the checks that they register.
_MODULES = (account, data, access, quotas, images, keys, network, scheduling, packages)


def examine(case: Case, *, cheap: bool = False) -> Iterator[tuple[Check, Finding]]:
    """All findings, check by check; with `cheap`, of those checks alone that are.

    What credentials may not look at, or what AWS doesn't answer, is a finding too: unknown.
    """
    for one in CHECKS:
        if one.cheap or not cheap:
            for finding in _found(one, case):
                yield one, finding


def _found(check: Check, case: Case) -> Iterator[Finding]:
    try:
        yield from check.look(case)
    except SettingsError as error:
        yield Finding("stops", check.name, str(error), error.mend)
    except AwsError as error:
        # a denial says itself which action to allow, and whom
        mend = "" if boto.is_denied(error) else "sagepipe doctor"
        yield Finding("unknown", check.name, f"not checked: {error}", mend)
