"""A pipeline that somebody wrote by hand, as JSON: own_image.json beside this file."""

from pathlib import Path

from sagepipe import Build


def build(given: Build) -> str:
    """The definition. The job has no role of its own, so it takes the pipeline's."""
    return Path(__file__).with_suffix(".json").read_text(encoding="utf-8")
