"""The repository's one pipeline. The toolkit finds this by itself, as `pipelines:PROJECT`."""

from pathlib import Path

from pipelines import components
from sagepipe import Pipeline, Project

PROJECT = Project(
    Pipeline(
        "components",
        "The principal components of each recording by itself, on instances that share them",
        build=components.build,
        code=Path(__file__).resolve().parents[1] / "scripts",
        parameters=components.PARAMETERS,
    )
)
