"""The project's pipelines: one builder module each, and a line here."""

from pathlib import Path

from pipelines import ecg_figures, ecg_pca, ecg_recordings
from sagepipe import Pipeline, Project

CODE = Path(__file__).resolve().parents[1] / "code"
THROUGHPUT = Path(__file__).with_name("throughput.toml")

PROJECT = Project(
    Pipeline(
        "ecg-pca",
        "Multi-lead ECG: Preprocess, Pca, a quality gate, SparkTransform",
        build=ecg_pca.build,
        code=CODE,
        parameters=ecg_pca.PARAMETERS,
        max_parallel_steps=4,
        figures=ecg_figures.find,
        throughput=THROUGHPUT,
    ),
    Pipeline(
        "ecg-recordings",
        "The principal components of each recording by itself, CSV to CSV",
        build=ecg_recordings.build,
        code=CODE,
        parameters=ecg_recordings.PARAMETERS,
        throughput=THROUGHPUT,
    ),
)
