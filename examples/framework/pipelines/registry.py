"""The repository's pipelines, as the toolkit wants them: named in pyproject.toml."""

from pathlib import Path

from pipelines import counts
from sagepipe import Pipeline, Project

TEAM = Project(
    Pipeline(
        "counts",
        "How many samples each recording has, by a folder of code with its requirements",
        build=counts.build,
        code=Path(__file__).resolve().parents[1],
        parameters=counts.PARAMETERS,
    )
)
