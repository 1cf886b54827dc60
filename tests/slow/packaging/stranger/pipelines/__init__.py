"""The pipelines of a repository that has never heard of the toolkit's own project."""

from pathlib import Path

from pipelines import totals
from sagepipe import Pipeline, Project

PROJECT = Project(
    Pipeline(
        "totals",
        "The sum of each table",
        build=totals.build,
        code=Path(__file__).resolve().parents[1] / "scripts",
    )
)
