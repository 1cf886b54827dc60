"""The repository's pipelines. The toolkit finds this by itself: `pipelines:PROJECT` is its name."""

from pathlib import Path

from pipelines import own_image, streamed, styles
from sagepipe import Pipeline, Project

SCRIPTS = Path(__file__).resolve().parents[1] / "scripts"

PROJECT = Project(
    Pipeline(
        "styles",
        "One script, run by each kind of processor",
        build=styles.build,
        code=SCRIPTS,
        parameters=styles.PARAMETERS,
    ),
    Pipeline(
        "streamed",
        "The range of each lead, from recordings that are streamed (Pipe mode)",
        build=streamed.build,
        code=SCRIPTS,
    ),
    Pipeline(
        "own-image",
        "Every n-th sample of each recording, by an image that brings its own entrypoint",
        build=own_image.build,
        code=SCRIPTS,
    ),
)
