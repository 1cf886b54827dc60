"""Small pipelines of small scripts, run by the engine in real processes."""

from __future__ import annotations

import textwrap
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import pytest

from sagepipe.language.s3 import Location
from sagepipe.local import engine, planning
from sagepipe.local.choices import Choices
from sagepipe.local.events import Event
from sagepipe.local.launch import namespaces
from sagepipe.local.record import ExecutionResult
from sagepipe.local.runtime import Isolation, Runtime
from sagepipe.local.store import Store

Json = Any
T = TypeVar("T", bound=Event)
CODE = "/opt/ml/processing/input/code"


def s3_input(name: str, uri: Json, local_path: str, distribution: str = "FullyReplicated") -> Json:
    return {
        "InputName": name,
        "AppManaged": False,
        "S3Input": {
            "S3Uri": uri,
            "LocalPath": local_path,
            "S3DataType": "S3Prefix",
            "S3InputMode": "File",
            "S3DataDistributionType": distribution,
            "S3CompressionType": "None",
        },
    }


def s3_output(name: str, uri: Json, local_path: str | None = None) -> Json:
    return {
        "OutputName": name,
        "AppManaged": False,
        "S3Output": {
            "S3Uri": uri,
            "LocalPath": local_path or f"/opt/ml/processing/output/{name}",
            "S3UploadMode": "EndOfJob",
        },
    }


@dataclass
class Lab:
    """A store, and steps whose scripts are given as text."""

    store: Store
    isolated: bool
    cache: Path
    events: list[Event] = field(default_factory=list)
    stop: threading.Event = field(default_factory=threading.Event)

    def step(
        self,
        name: str,
        script: str,
        *,
        instances: Json = 1,
        inputs: list[Json] | None = None,
        outputs: list[Json] | None = None,
        arguments: list[Json] | None = None,
        environment: Mapping[str, Json] | None = None,
        max_runtime: int | None = None,
        **settings: Json,
    ) -> Json:
        """A Processing step of a pipeline definition that runs `script`."""
        location = Location("code", f"{name}/script.py")
        self.store.put(location, textwrap.dedent(script).encode())
        request = {
            "AppSpecification": {
                "ImageUri": "image",
                "ContainerEntrypoint": ["python3", f"{CODE}/script.py"],
                **({"ContainerArguments": arguments} if arguments else {}),
            },
            "ProcessingInputs": [*(inputs or []), s3_input("code", str(location), CODE)],
            "ProcessingOutputConfig": {"Outputs": outputs or []},
            "ProcessingResources": {
                "ClusterConfig": {
                    "InstanceCount": instances,
                    "InstanceType": "ml.m5.large",
                    "VolumeSizeInGB": 30,
                }
            },
            "Environment": environment or {},
            "RoleArn": "arn:aws:iam::000000000000:role/local",
        }
        if max_runtime:
            request["StoppingCondition"] = {"MaxRuntimeInSeconds": max_runtime}
        return {"Name": name, "Type": "Processing", "Arguments": request, **settings}

    def put(self, uri: str, content: str = "x") -> None:
        self.store.put(Location.parse(uri), content.encode())

    def get(self, uri: str) -> str:
        return self.store.read(Location.parse(uri)).decode()

    def keys(self, uri: str) -> list[str]:
        return [item.key for item in self.store.list(Location.parse(uri))]

    def run(
        self,
        *steps: Json,
        parameters: list[Json] | None = None,
        given: Mapping[str, str] | None = None,
        at_once: int | None = None,
        choices: Choices | None = None,
        **runtime: Any,
    ) -> ExecutionResult:
        document = {"Version": "2020-12-01", "Parameters": parameters or [], "Steps": list(steps)}
        planned = planning.plan(document, given or {}, "lab", choices, self.store)
        return engine.execute(
            planned, self.runtime(at_once, **runtime), self.events.append, self.stop
        )

    def resume(
        self, execution: str = "latest", choices: Choices | None = None, **runtime: Any
    ) -> ExecutionResult:
        planned = planning.resume(self.store, execution, choices)
        return engine.execute(planned, self.runtime(**runtime), self.events.append, self.stop)

    def runtime(self, at_once: int | None = None, **others: Any) -> Runtime:
        isolation: Isolation = "namespaces" if self.isolated else "paths"
        return Runtime(self.store, isolation, self.cache, at_once, **others)

    def told(self, kind: type[T]) -> list[T]:
        return [event for event in self.events if isinstance(event, kind)]


@pytest.fixture
def make_input() -> Callable[..., Json]:
    return s3_input


@pytest.fixture
def make_output() -> Callable[..., Json]:
    return s3_output


@pytest.fixture(params=["namespaces", "paths"])
def lab(request: pytest.FixtureRequest, tmp_path: Path) -> Lab:
    """A lab in each of the two ways of giving an instance its /opt/ml."""
    isolated = request.param == "namespaces"
    if isolated and (reason := namespaces.why_not()):
        pytest.skip(f"no namespaces on this machine: {reason}")
    return Lab(Store(tmp_path / "store"), isolated, tmp_path / "cache")
