"""What the steps share: where things lie, and the rules that every job runs under.

Step modules import the SDK inside their functions: it takes seconds to load and needs a region, and
a step's parameters are wanted without it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sagepipe import ARTIFACT_BUCKET, Build, Parameter
from sagepipe.building import sdk
from sagepipe.building.parameters import resolve, to_sdk
from sagepipe.settings.facts import Settings

if TYPE_CHECKING:
    from sagemaker.core.network import NetworkConfig
    from sagemaker.core.shapes import ProcessingInput, ProcessingOutput
    from sagemaker.core.workflow.functions import Join
    from sagemaker.core.workflow.pipeline_context import PipelineSession
    from sagemaker.mlops.workflow.pipeline import Pipeline
    from sagemaker.mlops.workflow.retry import SageMakerJobStepRetryPolicy, StepRetryPolicy
    from sagemaker.mlops.workflow.steps import CacheConfig, ProcessingStep, Step

INPUT = "/opt/ml/processing/input"
OUTPUT = "/opt/ml/processing/output"

HELPERS = "ecglib"

# Paths that the service sets. Passing them as arguments lets a script run anywhere.
HOST_ARGUMENTS = [
    "--resource-config",
    "/opt/ml/config/resourceconfig.json",
    "--message-file",
    "/opt/ml/output/message",
]

HOUR = 3600

# Where the recordings are, and where outputs go: parameters of every pipeline here.
ORIGIN = (
    Parameter("InputBucket", "String", ARTIFACT_BUCKET, "Bucket of the recordings"),
    Parameter(
        "InputPrefix",
        "String",
        "raw",
        "Folder of the recordings in it (*.csv, *.csv.gz), without a slash at either end",
    ),
)
DESTINATION = (
    Parameter("OutputBucket", "String", ARTIFACT_BUCKET, "Bucket of all outputs"),
    Parameter(
        "OutputPrefix",
        "String",
        "runs",
        "Folder of all outputs in it; each execution makes its own folder below",
    ),
)


def resources(
    prefix: str, step: str, *, type_: str, count: int, sharing: str
) -> tuple[Parameter, ...]:
    """The parameters of a step's instances, whose names begin with `prefix`."""
    return (
        Parameter(f"{prefix}InstanceType", "String", type_, f"Instance type of {step}"),
        Parameter(f"{prefix}InstanceCount", "Integer", count, f"Instances of {step}{sharing}"),
        Parameter(f"{prefix}VolumeSize", "Integer", 30, f"Volume of each {step} instance in GB"),
    )


@dataclass(frozen=True)
class Kit:
    """What a step is built from; `parameters` has the SDK's parameter of each name."""

    build: Build
    session: PipelineSession
    parameters: Mapping[str, Any]

    @property
    def settings(self) -> Settings:
        """Where the pipeline will run."""
        return self.build.settings

    def job(self, step: str, image_uri: str, hours: int, *, isolated: bool) -> dict[str, Any]:
        """Arguments that every processor takes, `step` being the prefix of its parameters."""
        settings = self.settings
        return {
            "image_uri": image_uri,
            "role": settings.role_arn,
            "instance_type": self.parameters[f"{step}InstanceType"],
            "instance_count": self.parameters[f"{step}InstanceCount"],
            "volume_size_in_gb": self.parameters[f"{step}VolumeSize"],
            "volume_kms_key": settings.volume_kms_key,
            "output_kms_key": settings.output_kms_key,
            "max_runtime_in_seconds": hours * HOUR,
            "network_config": _network(settings, isolated=isolated),
            "tags": [{"Key": key, "Value": value} for key, value in settings.tags] or None,
            "sagemaker_session": self.session,
        }

    def text(self, name: str) -> Any:
        """A parameter as an argument: the service takes strings only and converts nothing."""
        return self.parameters[name].to_string()

    def recordings(self) -> Join:
        """The URI of the recordings' folder. It ends in a slash: as a mere string prefix, "raw"
        would bring in "raw-old/" as well."""
        from sagemaker.core.workflow.functions import Join

        bucket, prefix = self.parameters["InputBucket"], self.parameters["InputPrefix"]
        return Join(on="", values=["s3://", bucket, "/", prefix, "/"])

    def run_uri(self, *parts: str) -> Join:
        """A URI of this execution's own. Fit for outputs only: as an argument or input that
        isn't another step's output, the execution id would make every cache look-up miss."""
        from sagemaker.core.workflow.execution_variables import ExecutionVariables
        from sagemaker.core.workflow.functions import Join

        bucket, prefix = self.parameters["OutputBucket"], self.parameters["OutputPrefix"]
        execution = ExecutionVariables.PIPELINE_EXECUTION_ID
        return Join(on="/", values=["s3:/", bucket, prefix, execution, *parts])

    def outputs(self, step: str, names: Sequence[str]) -> list[ProcessingOutput]:
        """Outputs that are uploaded at the end, each from its own folder to its own prefix."""
        return [output(name, f"{OUTPUT}/{name}", self.run_uri(step, name)) for name in names]

    def helpers(self) -> ProcessingInput:
        """The helper package, which `ENVIRONMENT` lets Python import from its zip."""
        return s3_input("lib", self.build.code.package(HELPERS), f"{INPUT}/lib")


def kit(build: Build, parameters: Sequence[Parameter]) -> Kit:
    """What the steps of a pipeline with these parameters are built from."""
    made = {one.name: to_sdk(one) for one in resolve(parameters, build.settings)}
    return Kit(build, sdk.session(build.settings), made)


def pipeline(kit: Kit, steps: Sequence[Step]) -> Pipeline:
    """The SDK's pipeline of these steps."""
    from sagemaker.mlops.workflow.pipeline import Pipeline

    return Pipeline(
        name=kit.settings.pipeline_name,
        parameters=list(kit.parameters.values()),
        steps=list(steps),
        pipeline_experiment_config=None,  # the default makes an experiment for each execution
        sagemaker_session=kit.session,
    )


ENVIRONMENT = {
    "PYTHONPATH": f"{INPUT}/lib/{HELPERS}.zip",
    # One thread: results must not depend on how many cores add the numbers up.
    "OPENBLAS_NUM_THREADS": "1",
}


def s3_input(
    name: str, uri: object, path: str, *, sharded: bool = False, mode: object = "File"
) -> ProcessingInput:
    """An input: all objects below `uri` on every instance, or a share of them. `mode`: File, or
    Pipe to have them streamed."""
    from sagemaker.core.shapes import ProcessingInput, ProcessingS3Input

    return ProcessingInput(
        input_name=name,
        s3_input=ProcessingS3Input(
            s3_uri=uri,
            local_path=path,
            s3_data_type="S3Prefix",
            s3_input_mode=mode,
            s3_data_distribution_type="ShardedByS3Key" if sharded else "FullyReplicated",
        ),
    )


def output(name: str, path: str, uri: object) -> ProcessingOutput:
    """An output that is uploaded when the job has ended."""
    from sagemaker.core.shapes import ProcessingOutput, ProcessingS3Output

    return ProcessingOutput(
        output_name=name,
        s3_output=ProcessingS3Output(s3_uri=uri, local_path=path, s3_upload_mode="EndOfJob"),
    )


def output_uri(step: ProcessingStep, name: str) -> Any:
    """The URI of another step's output; using it makes the steps run in order."""
    return step.properties.ProcessingOutputConfig.Outputs[name].S3Output.S3Uri


def cached() -> CacheConfig:
    """For steps whose inputs lie under an execution's own key, and so never change.

    The service compares a job's image, entrypoint, arguments, environment and inputs, and takes
    the outputs of an equal job that is at most this old. Contents, outputs, instances and limits
    don't count.
    """
    from sagemaker.mlops.workflow.steps import CacheConfig

    return CacheConfig(enable_caching=True, expire_after="P30D")


def retries() -> list[StepRetryPolicy | SageMakerJobStepRetryPolicy]:
    """Try again what may pass by itself. A script's own failure is never retried."""
    from sagemaker.mlops.workflow.retry import (
        SageMakerJobExceptionTypeEnum,
        SageMakerJobStepRetryPolicy,
        StepExceptionTypeEnum,
        StepRetryPolicy,
    )

    reason = SageMakerJobExceptionTypeEnum
    return [
        StepRetryPolicy(
            exception_types=[StepExceptionTypeEnum.SERVICE_FAULT, StepExceptionTypeEnum.THROTTLING],
            interval_seconds=10,
            backoff_rate=2.0,
            max_attempts=6,
        ),
        SageMakerJobStepRetryPolicy(
            exception_types=[reason.INTERNAL_ERROR],
            interval_seconds=60,
            backoff_rate=2.0,
            max_attempts=3,
        ),
        # Instances come back within hours: keep asking, but not for days.
        SageMakerJobStepRetryPolicy(
            exception_types=[reason.CAPACITY_ERROR],
            interval_seconds=300,
            backoff_rate=1.5,
            expire_after_mins=240,
        ),
        # Another job may be about to end. A quota that is too small stays so, and a fresh
        # account's is 0: that should be known within minutes.
        SageMakerJobStepRetryPolicy(
            exception_types=[reason.RESOURCE_LIMIT],
            interval_seconds=60,
            backoff_rate=1.5,
            expire_after_mins=20,
        ),
    ]


def _network(settings: Settings, *, isolated: bool) -> NetworkConfig | None:
    isolated = isolated and settings.network_isolation
    if not (isolated or settings.subnets or settings.inter_container_encryption):
        return None
    from sagemaker.core.network import NetworkConfig

    return NetworkConfig(
        enable_network_isolation=isolated,
        encrypt_inter_container_traffic=settings.inter_container_encryption,
        subnets=list(settings.subnets) or None,
        security_group_ids=list(settings.security_group_ids) or None,
    )
