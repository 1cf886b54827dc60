"""The repository's two pipelines, of one Spark job each."""

from pathlib import Path

from pipelines import flag_samples, jobs, lead_ranges
from sagepipe import Pipeline, Project

APPS = Path(__file__).resolve().parents[1] / "apps"

PROJECT = Project(
    Pipeline(
        "flag-samples",
        "Samples that their lead can't hold: PySpark with modules, a jar, files, configuration",
        build=flag_samples.build,
        code=APPS,
        parameters=jobs.PARAMETERS,
    ),
    Pipeline(
        "lead-ranges",
        "The range of each lead of each recording: a program in Scala",
        build=lead_ranges.build,
        code=APPS,
        parameters=jobs.PARAMETERS,
    ),
)
