"""A deployed pipeline as something to run here: its definition, and the scripts that it names."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from typing import Any

from sagepipe.cli.frame import Call
from sagepipe.errors import ExecutionError, LocalError, NoProjectError
from sagepipe.language.s3 import Location
from sagepipe.local import source
from sagepipe.local.source import Source
from sagepipe.local.store import Store


@dataclass(frozen=True)
class Deployed:
    """A deployed pipeline; `store` may have some of its scripts already."""

    name: str
    region: str
    store: Store

    def source(self) -> Source:
        """Its latest version, with the scripts that the store lacks: they are named by their
        content. Other objects are not fetched: a bucket's folder says where they are.

        Raises:
            AwsError, ExecutionError: it can't be read, or there is none.
        """
        from sagepipe.aws import boto
        from sagepipe.deploy import deployed as there

        answer = there.describe(boto.client("sagemaker", self.region), self.name)
        if answer is None:
            raise ExecutionError(
                f"there is no pipeline {self.name!r} in {self.region}; check the name and --region"
            )
        found = source.read(answer, self.name)
        objects = []
        for script in there.scripts(found.document):
            location = Location(script.bucket, script.key)
            if not self.store.path(location).is_file():
                with boto.calls(f"read {script.uri}"):
                    got = boto.client("s3", self.region).get_object(
                        Bucket=script.bucket, Key=script.key
                    )
                    objects.append((location, got["Body"].read()))
        return Source(
            found.document, self.name, tuple(objects), max_parallel_steps=found.max_parallel_steps
        )


def region(arguments: argparse.Namespace, call: Call) -> str:
    """Where the deployed pipeline is: --region, or as the settings say.

    Raises:
        SettingsError: nothing says it.
    """
    from sagepipe.settings import configuration

    given = argparse.Namespace(
        region=arguments.region,
        config=arguments.config,
        env=arguments.settings_env,
        pipeline_name=arguments.definition_of,
    )
    try:
        project = next((one.name for one in call.project()
                        if one.name == arguments.definition_of), None)  # fmt: skip
    except NoProjectError:
        project = None
    return configuration.read(given, project).target().region


def of_project(call: Call, name: str) -> Any:
    """The project's pipeline of that name, None if it has none, or there is no project."""
    from sagepipe.errors import ProjectError

    try:
        return call.project().pipeline(name)
    except (ProjectError, LocalError):
        return None
