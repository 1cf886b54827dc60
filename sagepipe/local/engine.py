"""Runs a planned execution: order, parallelism, branches, the record."""

from __future__ import annotations

import contextlib
import random
import string
import threading
import time
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import replace
from typing import Any

from sagepipe.errors import ExpressionError, LocalError, SagepipeError
from sagepipe.language.expressions import Scope, evaluate, holds
from sagepipe.language.s3 import Location
from sagepipe.language.step import Step
from sagepipe.local import past, processing, record, remembered, stub
from sagepipe.local.events import (
    ExecutionStarted,
    Listener,
    Remark,
    Reused,
    Status,
    StepChanged,
)
from sagepipe.local.follow import Follower
from sagepipe.local.planning import Plan
from sagepipe.local.record import ExecutionResult, StepResult
from sagepipe.local.runtime import Runtime

Json = Any

ACCOUNT = "arn:aws:sagemaker:local:000000000000"
_ALPHABET = string.ascii_lowercase + string.digits


def execute(
    planned: Plan, runtime: Runtime, tell: Listener, stop: threading.Event
) -> ExecutionResult:
    """Run one execution to its end. Setting `stop` ends every process and the execution.

    Steps run as soon as all they wait for has ended well, independent ones at the same time.
    After a failure nothing new starts; what runs is let finish.

    Raises:
        LocalError: another engine is running the execution that is to be resumed, or its record
            can't be written.
    """
    with Follower(tell, planned.choices.logs) as follower:
        execution = _Execution(planned, runtime, follower, stop)
        with record.held(execution.folder):
            steps = tuple(planned.definition.steps)
            follower(ExecutionStarted(execution.id, str(execution.folder), steps))
            return execution.run()


class _Execution:
    """The state of a running execution; touched by the scheduling thread only."""

    def __init__(
        self, planned: Plan, runtime: Runtime, tell: Listener, stop: threading.Event
    ) -> None:
        resumed = planned.past.resumed
        self.id = resumed.execution_id if resumed else "".join(random.choices(_ALPHABET, k=12))
        self.folder = runtime.store.state / "executions" / self.id
        self.began = resumed.started if resumed else record.now()
        self.spent = resumed.seconds if resumed else 0.0
        self.steps = planned.definition.steps
        self.skipped = planned.skipped
        self.plan, self.runtime, self.tell, self.stop = planned, runtime, tell, stop
        self.results: dict[str, StepResult] = {}
        self.trouble = ""  # what ended the execution, if it wasn't a step
        self.started = time.monotonic()
        self.context = processing.Context(
            self.id, planned.pipeline_name, self.folder, runtime, planned.choices, tell, stop
        )
        self.scope = Scope(
            parameters=planned.values,
            execution={},
            property_file=self._property_file,
            read=lambda uri: runtime.store.read(Location.parse(uri)).decode(),
        )

    def run(self) -> ExecutionResult:
        """Run to the end. However that comes, the record says how it came."""
        self._take_over()
        record.write_definition(self.folder, self.plan.document)
        record.write(self._result(Status.EXECUTING))  # from here on it can be resumed
        try:
            self._prepare()
            self._tell_taken_over()
            self._run_steps()
        except BaseException as error:
            self.stop.set()
            asked = isinstance(error, KeyboardInterrupt)
            self.trouble = "" if asked else f"{type(error).__name__}: {error}"
            with contextlib.suppress(LocalError):
                record.write(self._result(Status.STOPPED if asked else Status.FAILED))
            raise
        result = self._result(self._final_status())
        record.write(result)
        return result

    def _prepare(self) -> None:
        remembered.remember(self.folder, self.runtime, self.plan.choices, self.plan.origin)
        record.sweep(self.runtime.store)
        self.runtime.store.sweep()
        remarks = [*self.plan.past.remarks]
        if self.plan.past.resumed:
            remarks += past.clear(self.plan.past.resumed, self.runtime.store)
        for text in remarks:
            self.tell(Remark(text))

    def _run_steps(self) -> None:
        running: dict[Future[StepResult], str] = {}
        with ThreadPoolExecutor(self.plan.choices.max_parallel_steps) as pool:
            try:
                while True:
                    self._leave_out()
                    if not self._failed() and not self.stop.is_set():
                        self._start_ready(running, pool)
                    record.write(self._result(Status.EXECUTING, set(running.values())))
                    if not running:
                        return
                    for future in wait(running, return_when=FIRST_COMPLETED).done:
                        self._note_end(running.pop(future), future.result())
            except BaseException:
                self.stop.set()  # no job may outlive its execution
                raise

    def _take_over(self) -> None:
        """Take what earlier executions have done."""
        for name, result in self.plan.past.done.items():
            self._set(name, result)
        for name in self.plan.past.left_out:
            self.results[name] = StepResult(name, self.steps[name].type, Status.NOT_RUN)
        for name in self.plan.past.skipped:
            self.results[name] = StepResult(name, self.steps[name].type, Status.SKIPPED)

    def _tell_taken_over(self) -> None:
        for name, result in self.results.items():
            if name in self.plan.past.skipped:
                self.tell(StepChanged(name, result.type, result.status))
            elif name in self.plan.past.done and result.reused != "stub":
                self.tell(Reused(name, result.source, result.saved_seconds, result.reused))

    def _start_ready(
        self, running: dict[Future[StepResult], str], pool: ThreadPoolExecutor
    ) -> None:
        busy = set(running.values())
        for step in self.steps.values():
            if len(running) >= self.plan.choices.max_parallel_steps:
                return
            if step.name in self.results or step.name in busy:
                continue
            if all(self._satisfied(name) for name in step.waits_for):
                running[pool.submit(self._run_step, step)] = step.name

    def _leave_out(self) -> None:
        """Mark the steps of untaken branches, and what waits for them, as not run; and those that
        the user skips, as soon as they would run."""
        changed = True
        while changed:
            changed = False
            for step in self.steps.values():
                if step.name in self.results:
                    continue
                status = None
                waits_for = step.waits_for
                if step.name in self.skipped:  # whose own needs nobody has asked for
                    waits_for -= self.plan.past.left_out
                if self._is_untaken(step) or any(map(self._not_run, waits_for)):
                    status = Status.NOT_RUN
                elif step.name in self.skipped and all(map(self._satisfied, waits_for)):
                    status = Status.SKIPPED
                    self.tell(StepChanged(step.name, step.type, status))
                if status is not None:
                    self.results[step.name] = StepResult(step.name, step.type, status)
                    changed = True

    def _is_untaken(self, step: Step) -> bool:
        condition = self.results.get(step.branch.condition) if step.branch else None
        return (
            step.branch is not None
            and condition is not None
            and condition.status is Status.SUCCEEDED
            and condition.outcome is not step.branch.outcome
        )

    def _run_step(self, step: Step) -> StepResult:
        """Run one step, in a thread of its own."""
        began = time.monotonic()
        try:
            result = self._dispatch(step)
        except SagepipeError as error:
            result = StepResult(step.name, step.type, Status.FAILED, reason=str(error))
        except OSError as error:
            reason = f"InternalServerError: this machine failed the step: {error}"
            result = StepResult(step.name, step.type, Status.FAILED, reason=reason)
        return replace(result, seconds=time.monotonic() - began)

    def _dispatch(self, step: Step) -> StepResult:
        name = processing.job_name(self.id, step.name)
        scope = replace(self.scope, execution=self._variables(step, name))
        if step.name in self.plan.choices.stubs:
            return self._stub(step, scope, name)
        if step.type == "Processing":
            return processing.run(step, evaluate(step.arguments, scope), name, self.context)
        self.tell(StepChanged(step.name, step.type, Status.EXECUTING))
        if step.type == "Condition":
            outcome = all(holds(item, scope) for item in step.conditions)
            return StepResult(
                step.name,
                step.type,
                Status.SUCCEEDED,
                outcome=outcome,
                properties={"Outcome": outcome},
            )
        message = evaluate(step.message, scope)
        return StepResult(step.name, step.type, Status.FAILED, reason=str(message))

    def _stub(self, step: Step, scope: Scope, job_name: str) -> StepResult:
        self.tell(StepChanged(step.name, step.type, Status.EXECUTING))
        known = step.type in ("Processing", "Training")
        request = evaluate(step.arguments, scope) if known else {}
        folder = self.plan.choices.stubs[step.name]
        outputs, properties = stub.apply(step, request, folder, self.runtime.store, job_name)
        return StepResult(
            step.name,
            step.type,
            Status.SUCCEEDED,
            outputs=outputs,
            properties=properties,
            reused="stub",
        )

    def _note_end(self, name: str, result: StepResult) -> None:
        self._set(name, result)
        self.tell(StepChanged(name, result.type, result.status, result.instances, result.reason))

    def _set(self, name: str, result: StepResult) -> None:
        self.results[name] = result
        self.scope.steps[name] = result.properties

    def _property_file(self, step: str, name: str) -> str:
        declared = self.steps[step].property_files.get(name) if step in self.steps else None
        if declared is None:
            raise ExpressionError(f"step {step!r} has no property file {name!r}")
        if step not in self.results:
            raise ExpressionError(f"step {step!r} has not run")
        uri = self.results[step].outputs.get(declared.output)
        if uri is None:
            raise ExpressionError(
                f"property file {name!r} of step {step!r} is in output {declared.output!r}, which "
                "the step doesn't have"
            )
        location = Location.parse(f"{uri.rstrip('/')}/{declared.path}")
        return self.runtime.store.read(location).decode()

    def _variables(self, step: Step, job_name: str) -> dict[str, str]:
        name = self.plan.pipeline_name
        job = {f"{step.type}JobName": job_name} if step.type in ("Processing", "Training") else {}
        return {
            "PipelineName": name,
            "PipelineArn": f"{ACCOUNT}:pipeline/{name}",
            "PipelineExecutionId": self.id,
            "PipelineExecutionArn": f"{ACCOUNT}:pipeline/{name}/execution/{self.id}",
            "StartDateTime": self.began,
            "CurrentDateTime": record.now(),
            **job,
        }

    def _satisfied(self, name: str) -> bool:
        done = (Status.SUCCEEDED, Status.SKIPPED)
        return name in self.results and self.results[name].status in done

    def _not_run(self, name: str) -> bool:
        return name in self.results and self.results[name].status is Status.NOT_RUN

    def _failed(self) -> bool:
        return any(result.status is Status.FAILED for result in self.results.values())

    def _final_status(self) -> Status:
        if self._failed():
            return Status.FAILED
        stopped = any(result.status is Status.STOPPED for result in self.results.values())
        return Status.STOPPED if stopped or self.stop.is_set() else Status.SUCCEEDED

    def _result(self, status: Status, running: set[str] | None = None) -> ExecutionResult:
        failed = [r for r in self.results.values() if r.status is Status.FAILED]
        pending = {
            name: StepResult(
                name,
                step.type,
                Status.EXECUTING if name in (running or ()) else Status.NOT_RUN,
            )
            for name, step in self.steps.items()
        }
        return ExecutionResult(
            execution_id=self.id,
            status=status,
            reason=self.trouble or "; ".join(f"step {r.name} failed: {r.reason}" for r in failed),
            parameters=self.plan.values,
            steps=pending | self.results,
            folder=self.folder,
            seconds=self.spent + time.monotonic() - self.started,
            pipeline=self.plan.pipeline_name,
            started=self.began,
            choices=self.plan.choices.selection,
            mounts=self.runtime.store.mounts,
        )
