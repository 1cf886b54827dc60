"""Every error that a command expects, as one tree.

    SagepipeError                  says where, what and what to do; printed as one line
    ├── ProjectError               the repository's PROJECT: wrong, or no such pipeline in it
    │   └── NoProjectError         there is none here
    ├── SettingsError              account facts: region, role, buckets, …; has .setting
    ├── BundleError                a script can't be bundled: it is missing, or its name is odd
    ├── ParameterError             a pipeline parameter's name, type or value
    ├── DefinitionError            a definition that the service would refuse; has .problems
    ├── AwsError                   a call to AWS failed; has .code
    ├── DeploymentError            what is deployed doesn't allow what was asked
    │   └── ChangedError           someone changed what is deployed since the plan was made
    ├── ScheduleError              a schedule's expression, zone, times or target
    ├── ExecutionError             an execution that can't be started, found, stopped or retried
    └── LocalError                 the local engine
        ├── UnsupportedError       right for the service, but nothing local can do it
        ├── ExpressionError        Get, Std:Join or Std:JsonGet can't be evaluated
        ├── StoreError             the folder that stands in for S3
        ├── InputError             an input that the job can't be given
        └── OutputCollisionError   two instances wrote the same key

A command's `main` catches `SagepipeError`, prints it and exits with its `exit_code`; anything
else is our bug and keeps its traceback.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


class SagepipeError(Exception):
    """Base of every expected error. `exit_code` is the exit code of a command that meets it."""

    exit_code = 1


class ProjectError(SagepipeError):
    """What is named or found is no project, or has no such pipeline."""


class NoProjectError(ProjectError):
    """No project was named, and there is none here."""


class SettingsError(SagepipeError):
    """A setting is missing, malformed or contradicts another.

    `setting` is its name, or "" if it is about no single one; `mend` the command that would put it
    right, if one would.
    """

    def __init__(self, message: str, setting: str = "", mend: str = "") -> None:
        self.setting = setting
        self.mend = mend
        super().__init__(message)


class BundleError(SagepipeError):
    """The scripts that steps run can't be turned into artifacts."""


class ParameterError(SagepipeError):
    """A pipeline parameter is unknown, has the wrong type or a value that isn't allowed."""


@dataclass(frozen=True, order=True)
class Problem:
    """One reason why the service would refuse a definition.

    `step` is the step's name ("" for the pipeline itself), `field` the path of the member below
    it, such as `Arguments.ProcessingInputs[0].S3Input.S3InputMode`, and `message` says what is
    wrong there and what to do.
    """

    step: str
    field: str
    message: str

    def __str__(self) -> str:
        where = f"step {self.step!r}" if self.step else "pipeline"
        return (
            f"{where}, {self.field}: {self.message}" if self.field else f"{where}: {self.message}"
        )


class DefinitionError(SagepipeError):
    """A pipeline definition has problems; `problems` has all of them, in the definition's order."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))


class ScheduleError(SagepipeError):
    """A schedule's expression, time zone, times or target isn't what EventBridge takes."""


class ExecutionError(SagepipeError):
    """An execution can't be started, found, stopped or retried as asked."""


class AwsError(SagepipeError):
    """A call to AWS failed. `code` is AWS's error code, or the name of botocore's exception."""

    def __init__(self, message: str, code: str = "") -> None:
        self.code = code
        super().__init__(message)


class DeploymentError(SagepipeError):
    """What is deployed, or isn't, doesn't allow what was asked."""


class ChangedError(DeploymentError):
    """Someone changed what is deployed since the plan was made."""


class LocalError(SagepipeError):
    """Base of what the local engine reports."""


class UnsupportedError(LocalError):
    """The definition asks for something that the local engine doesn't have."""


class ExpressionError(LocalError):
    """An expression refers to something that doesn't exist, or has the wrong form."""


class StoreError(LocalError):
    """The local store can't be read or written, or a URI doesn't fit into it."""


class InputError(LocalError):
    """A processing input has no objects, or can't be put where the job wants it."""


class OutputCollisionError(LocalError):
    """Two instances of a job wrote different files to one key."""
