"""What the toolkit is told of this repository; nothing else here knows of it."""

from pathlib import Path

from sagepipe import Build, Pipeline, Project


def build(given: Build):
    """The SDK's pipeline, for the account that the settings are about."""
    from pipelines.recordings.pipeline import get_pipeline

    return get_pipeline(
        region=given.settings.region,
        role=given.settings.role_arn,
        default_bucket=given.settings.artifact_bucket,
        pipeline_name=given.settings.pipeline_name,
    )


PROJECT = Project(
    Pipeline(
        "recordings",
        "Leads with zero mean and unit variance, and a check that they are",
        build=build,
        code=Path(__file__).with_name("pipelines") / "recordings",
    )
)
