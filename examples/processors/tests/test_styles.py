"""The three styles, built with SDK v3 and run here; the fixture comes with the toolkit."""

from pathlib import Path

from pipelines import PROJECT

pytest_plugins = ["sagepipe.pytest_plugin"]

RECORDINGS = Path(__file__).parents[1] / "data" / "recordings"
STYLES = {"BaseProcessor": "base", "ScriptProcessor": "script", "SklearnImage": "sklearn"}


def test_three_styles_run_one_script_to_the_same_end(run_pipeline):
    result = run_pipeline(
        PROJECT["styles"],
        parameters={"TestShare": 0.25},
        buckets={"ecg-recordings": RECORDINGS},
    )
    assert result.succeeded, result.reason
    found = []
    for name, style in STYLES.items():
        step = result.steps[name]
        assert f"{style}: p01.csv: 10 rows for train" in step.logs["algo-1"]
        found.append(
            {
                (split, path.name): path.read_text()
                for split, folder in step.outputs.items()
                for path in folder.iterdir()
            }
        )
    assert found[0] == found[1] == found[2]
    assert len(found[0]) == 9
    for path in RECORDINGS.iterdir():  # nothing is lost, doubled or out of order
        header, *rows = path.read_text().splitlines()
        parts = [found[0][split, path.name].splitlines() for split in ("train", "validation")]
        parts.append(found[0]["test", path.name].splitlines())
        assert [part[0] for part in parts] == [header] * 3
        assert [row for part in parts for row in part[1:]] == rows
        assert [len(part) - 1 for part in parts] == [10, 5, 5]

    # what DescribeProcessingJob would answer
    job = result.steps["SklearnImage"].properties
    assert job["Environment"] == {"PROCESSOR": "sklearn"}
    application = job["AppSpecification"]
    script = "/opt/ml/processing/input/code/split.py"
    assert application["ContainerEntrypoint"] == ["python3", script]
    assert application["ContainerArguments"] == ["--test-share", "0.25"]
