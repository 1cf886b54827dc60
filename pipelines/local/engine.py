"""Runs an execution of a pipeline definition: order, parallelism, branches, the record."""

from __future__ import annotations

import datetime
import random
import string
import threading
import time
from collections.abc import Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from typing import Any

from pipelines.errors import ExpressionError, LocalError
from pipelines.local import job as jobs
from pipelines.local import model, parameters, record
from pipelines.local.events import ExecutionStarted, Listener, Note, Status, StepChanged
from pipelines.local.expressions import Scope, evaluate, holds
from pipelines.local.record import ExecutionResult, StepResult
from pipelines.local.store import Location

Json = Any

MAX_PARALLEL_STEPS = 50  # the service's default
ACCOUNT = "arn:aws:sagemaker:local:000000000000"
_ALPHABET = string.ascii_lowercase + string.digits


@dataclass(frozen=True)
class Plan:
    """A checked execution, ready to run: nothing in it can be a user's typing error any more."""

    definition: model.Definition
    values: Mapping[str, parameters.Value]
    pipeline_name: str


def plan(document: Mapping[str, Json], given: Mapping[str, str], pipeline_name: str) -> Plan:
    """Check a definition document and the parameters given, before anything starts.

    Raises:
        ParameterError, UnsupportedError, DefinitionError
    """
    definition = model.parse(document)
    return Plan(definition, parameters.resolve(definition.parameters, given), pipeline_name)


def execute(
    planned: Plan, runtime: jobs.Runtime, tell: Listener, stop: threading.Event
) -> ExecutionResult:
    """Run one execution to its end. Setting `stop` ends every process and the execution.

    Steps run as soon as all they wait for has ended well, independent ones at the same time.
    After a failure nothing new starts; what runs is let finish.
    """
    execution = _Execution(planned, runtime, tell, stop)
    tell(ExecutionStarted(execution.id, str(execution.folder)))
    return execution.run()


class _Execution:
    """The state of a running execution; touched by the scheduling thread only."""

    def __init__(
        self, planned: Plan, runtime: jobs.Runtime, tell: Listener, stop: threading.Event
    ) -> None:
        self.id = "".join(random.choices(_ALPHABET, k=12))
        self.folder = runtime.store.state / "executions" / self.id
        self.steps = planned.definition.steps
        self.plan, self.runtime, self.tell, self.stop = planned, runtime, tell, stop
        self.results: dict[str, StepResult] = {}
        self.started = time.monotonic()
        self.scope = Scope(
            parameters=planned.values,
            execution=self._variables(),
            property_file=self._property_file,
            read=lambda uri: runtime.store.read(Location.parse(uri)).decode(),
        )

    def run(self) -> ExecutionResult:
        self.folder.mkdir(parents=True)
        running: dict[Future[tuple[StepResult, Json]], str] = {}
        with ThreadPoolExecutor(MAX_PARALLEL_STEPS) as pool:
            while True:
                self._leave_out_branches()
                if not self._failed() and not self.stop.is_set():
                    for step in self._ready(set(running.values())):
                        running[pool.submit(self._run_step, step)] = step.name
                record.write(self._result(Status.EXECUTING))
                if not running:
                    break
                for future in wait(running, return_when=FIRST_COMPLETED).done:
                    self._note_end(running.pop(future), *future.result())
        result = self._result(self._final_status())
        record.write(result)
        return result

    def _ready(self, running: set[str]) -> list[model.Step]:
        return [
            step
            for step in self.steps.values()
            if step.name not in self.results
            and step.name not in running
            and all(self._succeeded(name) for name in step.waits_for)
        ]

    def _leave_out_branches(self) -> None:
        """Mark the steps of untaken branches, and what waits for them, as not run."""
        changed = True
        while changed:
            changed = False
            for step in self.steps.values():
                if step.name in self.results:
                    continue
                branch = step.branch
                condition = self.results.get(branch.condition) if branch else None
                untaken = branch and condition and condition.outcome is not branch.outcome
                if untaken or any(self._not_run(name) for name in step.waits_for):
                    self.results[step.name] = StepResult(step.name, step.type, Status.NOT_RUN)
                    changed = True

    def _run_step(self, step: model.Step) -> tuple[StepResult, Json]:
        """Run one step, in a thread of its own; returns its result and its properties."""
        began = time.monotonic()
        try:
            result, properties = self._dispatch(step)
        except LocalError as error:
            result = StepResult(step.name, step.type, Status.FAILED, reason=str(error))
            properties = {}
        return replace(result, seconds=time.monotonic() - began), properties

    def _dispatch(self, step: model.Step) -> tuple[StepResult, Json]:
        if step.type == "Processing":
            return self._process(step)
        self.tell(StepChanged(step.name, step.type, Status.EXECUTING))
        if step.type == "Condition":
            outcome = all(holds(item, self.scope) for item in step.arguments["Conditions"])
            result = StepResult(step.name, step.type, Status.SUCCEEDED, outcome=outcome)
            return result, {"Outcome": outcome}
        message = evaluate(step.arguments["ErrorMessage"], self.scope)
        return StepResult(step.name, step.type, Status.FAILED, reason=str(message)), {}

    def _process(self, step: model.Step) -> tuple[StepResult, Json]:
        request = evaluate(step.arguments, self.scope)
        count = int(request["ProcessingResources"]["ClusterConfig"]["InstanceCount"])
        self.tell(StepChanged(step.name, step.type, Status.EXECUTING, count))
        idle = [name for name in ("CacheConfig", "RetryPolicies") if step.settings.get(name)]
        if idle:
            text = f"{' and '.join(idle)} do nothing locally yet: every step is run, once"
            self.tell(Note(step.name, text))
        suffix = "".join(random.choices(_ALPHABET, k=10))
        job = jobs.Job(
            step=step.name,
            name=f"pipelines-{self.id}-{step.name[:27]}-{suffix}",
            request=request,
            folder=self.folder / step.name,
        )
        job.folder.mkdir()
        ended = jobs.run(job, self.runtime, self.stop, self.tell)
        declared = request.get("ProcessingOutputConfig", {}).get("Outputs", [])
        result = StepResult(
            name=step.name,
            type=step.type,
            status=ended.status,
            instances=count,
            reason=ended.failure_reason,
            exit_message=ended.exit_message,
            log_tail=ended.log_tail,
            log=ended.log,
            outputs={
                item["OutputName"]: item["S3Output"]["S3Uri"]
                for item in declared
                if "S3Output" in item
            },
        )
        return result, ended.description

    def _note_end(self, name: str, result: StepResult, properties: Json) -> None:
        self.results[name] = result
        self.scope.steps[name] = properties
        self.tell(StepChanged(name, result.type, result.status, result.instances, result.reason))

    def _property_file(self, step: str, name: str) -> str:
        declared = self.steps[step].property_files.get(name) if step in self.steps else None
        if declared is None:
            raise ExpressionError(f"step {step!r} has no property file {name!r}")
        uri = self.results[step].outputs[declared.output]
        location = Location.parse(f"{uri.rstrip('/')}/{declared.path}")
        return self.runtime.store.read(location).decode()

    def _variables(self) -> dict[str, str]:
        name = self.plan.pipeline_name
        now = datetime.datetime.now(datetime.UTC).isoformat(timespec="milliseconds")
        return {
            "PipelineName": name,
            "PipelineArn": f"{ACCOUNT}:pipeline/{name}",
            "PipelineExecutionId": self.id,
            "PipelineExecutionArn": f"{ACCOUNT}:pipeline/{name}/execution/{self.id}",
            "StartDateTime": now,
            "CurrentDateTime": now,
        }

    def _succeeded(self, name: str) -> bool:
        return name in self.results and self.results[name].status is Status.SUCCEEDED

    def _not_run(self, name: str) -> bool:
        return name in self.results and self.results[name].status is Status.NOT_RUN

    def _failed(self) -> bool:
        return any(result.status is Status.FAILED for result in self.results.values())

    def _final_status(self) -> Status:
        if self._failed():
            return Status.FAILED
        return Status.STOPPED if self.stop.is_set() else Status.SUCCEEDED

    def _result(self, status: Status) -> ExecutionResult:
        failed = [r for r in self.results.values() if r.status is Status.FAILED]
        steps = {
            name: self.results.get(name, StepResult(name, step.type, Status.NOT_RUN))
            for name, step in self.steps.items()
        }
        return ExecutionResult(
            execution_id=self.id,
            status=status,
            reason="; ".join(f"step {r.name} failed: {r.reason}" for r in failed),
            parameters=self.plan.values,
            steps=steps,
            folder=self.folder,
            seconds=time.monotonic() - self.started,
        )
