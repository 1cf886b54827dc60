from pathlib import Path

from pipelines import PROJECT


def test_a_pipeline_of_the_project(run_pipeline):
    result = run_pipeline(PROJECT["totals"], Factor=3, buckets={"their-data": "data:ro"})
    assert result.succeeded, result.reason
    assert (result.steps["Adding"].outputs["totals"] / "a.txt").read_text() == "18\n"


def test_a_definition_in_a_file(run_pipeline):
    script = Path("scripts/add.py").read_text()
    result = run_pipeline(
        "pipeline.json",
        parameters={"Factor": 2},
        objects={"s3://their-code/add.py": script, "s3://their-data/raw/c.txt": "5"},
    )
    assert result.succeeded, result.reason
    assert (result.steps["Adding"].outputs["totals"] / "c.txt").read_text() == "10\n"
