"""A moto server over HTTP for all of tests/aws, and one build of the definition.

server      the running server, one for all tests
account     an account with bucket and roles, new for each test; the environment points at it
wire        the traffic of the test: recorded, and broken on demand
project     the fixture project `tables` (see tests/helpers/tables.py)
definition  the definition that the account's settings build
cli         a verb for this project, as a function
upsert, versions    the commands, as functions
client      somebody else's clients
two_versions        a deployed pipeline
paced       executions that take their time
"""

from __future__ import annotations

import dataclasses
import functools
import json
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import botocore.loaders
import pytest

sys.path.insert(0, str(Path(__file__).parent))

import fake_executions
import outsider
import tables
from command_result import Result, Run
from server import BUCKET, REGION, ROLE, SCHEDULER_ROLE, Server, furnish
from wire import Wire

from sagepipe.aws import boto, studio
from sagepipe.cli.frame import run_verb
from sagepipe.deploy import revision
from sagepipe.project import Project
from sagepipe.settings.facts import Settings

LOADER = botocore.loaders.create_loader()


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    server = Server()
    yield server
    server.stop()


@pytest.fixture(autouse=True)
def nowhere(server: Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No test reaches AWS, reads this machine's settings or finds a pipeline.toml."""
    for name in list(os.environ):
        if name.startswith(("AWS_", "PIPELINE_", "SAGEMAKER_")):
            monkeypatch.delenv(name)
    for name, value in server.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("AWS_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", os.devnull)
    # A fault is a fault at once; what retries do is tested where it matters.
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(studio, "METADATA", tmp_path / "no-metadata.json")
    # Service models are parsed once for all tests, and not for every session of every test.
    monkeypatch.setattr("botocore.session.create_loader", lambda *_: LOADER)
    boto._session.cache_clear()
    server.reset()


@pytest.fixture
def account(server: Server, monkeypatch: pytest.MonkeyPatch) -> Server:
    furnish(server.url)
    monkeypatch.setenv("PIPELINE_ARTIFACT_BUCKET", BUCKET)
    monkeypatch.setenv("PIPELINE_ROLE_ARN", ROLE)
    monkeypatch.setenv("PIPELINE_SCHEDULER_ROLE_ARN", SCHEDULER_ROLE)
    server.wire.clear()
    return server


@pytest.fixture
def wire(account: Server) -> Wire:
    return account.wire


@dataclasses.dataclass
class Checkout:
    """The project that commands are called for; a test may put another in its place."""

    project: Project


@pytest.fixture
def checkout() -> Checkout:
    return Checkout(tables.PROJECT)


@pytest.fixture(scope="session")
def definition() -> str:
    settings = Settings(
        region=REGION,
        role_arn=ROLE,
        artifact_bucket=BUCKET,
        pipeline_name="tables",
        artifact_prefix="tables",
    )
    return tables.PROJECT["tables"].built(settings).definition


@pytest.fixture
def cli(
    account: Server, checkout: Checkout, capsys: pytest.CaptureFixture[str]
) -> Callable[..., Result]:
    """A verb with these arguments, for the checkout's project."""

    def run(name: str, *arguments: str) -> Result:
        capsys.readouterr()
        code = run_verb(name, list(arguments), prefix="sagepipe", project=checkout.project)
        return Result(code, *capsys.readouterr())

    return run


@pytest.fixture
def upsert(cli: Callable[..., Result], monkeypatch: pytest.MonkeyPatch) -> Run:
    """`sagepipe upsert` with these arguments, at a fixed revision."""
    monkeypatch.setattr(revision, "find", lambda _: revision.Revision("c0ffee" * 6 + "beef", False))
    return functools.partial(cli, "upsert")


@pytest.fixture
def versions(cli: Callable[..., Result]) -> Run:
    """`sagepipe versions` with these arguments."""
    return functools.partial(cli, "versions")


@pytest.fixture
def client(account: Server) -> Callable[[str], Any]:
    """Somebody else's clients of the account, to look and to meddle."""
    return lambda service: outsider.client(service, account.url)


@pytest.fixture
def changed_code(checkout: Checkout, tmp_path: Path) -> Callable[[], None]:
    """From when it is called, the project has another fit.py."""

    def change() -> None:
        folder = tmp_path / "code"
        shutil.copytree(tables.CODE, folder, ignore=shutil.ignore_patterns("__pycache__"))
        with (folder / "fit.py").open("a") as script:
            script.write("# changed\n")
        checkout.project = tables.project(folder)

    return change


@pytest.fixture
def paced(monkeypatch: pytest.MonkeyPatch) -> None:
    """Executions' steps take 10 seconds each, which are three looks."""
    outsider.commands_share_a_session(monkeypatch)
    fake_executions.install()
    monkeypatch.setattr(fake_executions, "PACE", 10.0)
    monkeypatch.setattr(fake_executions, "clock", fake_executions.Looks(4.0))


@pytest.fixture
def two_versions(server: Server, client: Callable[[str], Any], definition: str) -> Wire:
    """A deployed pipeline with two versions; the first lacks the parameter Scale."""
    members = json.loads(definition)
    members["Parameters"] = [one for one in members["Parameters"] if one["Name"] != "Scale"]
    sagemaker = client("sagemaker")
    sagemaker.create_pipeline(
        PipelineName="tables", PipelineDefinition=json.dumps(members), RoleArn=ROLE
    )
    sagemaker.update_pipeline(
        PipelineName="tables", PipelineDefinition=definition, PipelineVersionAliases=["live"]
    )
    server.wire.clear()
    return server.wire
