"""The project's pipelines: one builder module each, which ends in its PIPELINE."""

from importlib import import_module

from sagepipe import Project

# The first is the one that commands are about by default.
MODULES = ("ecg_pca", "ecg_recordings")

PROJECT = Project(*(import_module(f"{__name__}.{module}").PIPELINE for module in MODULES))
