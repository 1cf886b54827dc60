"""The parts of spark_transform.py that need no Spark; the rest is in tests/local."""

import json
import re
from pathlib import Path

import pytest
import spark_transform
from ecglib import storage
from ecglib.errors import StepError


@pytest.mark.parametrize(
    ("seconds", "expected"), [(10, 10_000_000), (0.1, 100_000), (0.3, 300_000), (1e-6, 1)]
)
def test_durations_are_whole_microseconds(seconds: float, expected: int) -> None:
    assert spark_transform.microseconds(seconds, "--step") == expected


@pytest.mark.parametrize("seconds", [0, -1, 1e-7, float("inf"), float("nan")])
def test_a_duration_that_is_none_is_refused(seconds: float) -> None:
    with pytest.raises(StepError, match=r"^--window .*: must be a number of seconds above zero"):
        spark_transform.microseconds(seconds, "--window")


def job_config(folder: Path, *outputs: tuple[str, str]) -> str:
    path = folder / "processingjobconfig.json"
    listed = [{"OutputName": name, "S3Output": {"S3Uri": uri}} for name, uri in outputs]
    path.write_text(json.dumps({"ProcessingOutputConfig": {"Outputs": listed}}))
    return str(path)


def test_the_output_is_found_in_the_jobs_configuration(tmp_path: Path) -> None:
    path = job_config(tmp_path, ("other", "s3://b/other"), ("features", "s3://b/run-1/features"))
    assert spark_transform.output_uri("features", path) == "s3://b/run-1/features"


def test_an_output_that_the_job_does_not_have(tmp_path: Path) -> None:
    path = job_config(tmp_path, ("model", "s3://b/m"), ("metrics", "s3://b/x"))
    with pytest.raises(StepError, match="no such output; it has: metrics, model"):
        spark_transform.output_uri("features", path)


def test_outside_a_job_there_is_no_configuration(tmp_path: Path) -> None:
    with pytest.raises(StepError, match=r"there is no .*absent.json; give --job-config or"):
        spark_transform.output_uri("features", str(tmp_path / "absent.json"))


@pytest.mark.parametrize("content", ["", "[]", '{"ProcessingOutputConfig": null}'])
def test_a_file_that_is_no_configuration(tmp_path: Path, content: str) -> None:
    path = tmp_path / "odd.json"
    path.write_text(content)
    with pytest.raises(StepError, match=r"odd\.json is not a job's configuration"):
        spark_transform.output_uri("features", str(path))


@pytest.mark.parametrize(
    ("output", "staging"),
    [
        ("s3://b/run/features/", "s3://b/run/_features.staging"),
        ("s3://b/features", "s3://b/_features.staging"),
        ("s3://b/components-2", "s3://b/_components-2.staging"),
        ("file:///tmp/features", "file:///tmp/_features.staging"),
        ("/tmp/features", "/tmp/_features.staging"),
        ("features", "_features.staging"),
    ],
)
def test_staging_lies_beside_the_output(output: str, staging: str) -> None:
    source, plain = storage.checked_uris("s3://b/components/", output)
    assert (source, plain) == ("s3://b/components", output.rstrip("/"))
    assert storage.beside(plain, "staging") == staging


@pytest.mark.parametrize(
    ("output", "message"),
    [
        ("s3://b", "is a whole bucket or root"),
        ("s3://b/", "is a whole bucket or root"),
        ("/", "is a whole bucket or root"),
        ("s3://b/run", "would replace the input"),
        ("s3a://b/run/components", "would replace the input"),
        ("s3://b/run/components/features", "lies in the input"),
    ],
)
def test_an_output_that_would_destroy_something(output: str, message: str) -> None:
    with pytest.raises(StepError, match=message):
        storage.checked_uris("s3://b/run/components", output)


def test_components_are_ordered_by_number() -> None:
    columns = ["recording", "sample", "time", "pc10", "pc2", "pc1", "pc01", "pcx", "split"]
    assert spark_transform.component_columns(columns, "s3://b/c") == ["pc1", "pc2", "pc10"]


@pytest.mark.parametrize(
    "columns", [["recording", "sample", "time", "split"], ["recording", "time", "pc1", "split"]]
)
def test_columns_of_something_else_are_named(columns: list[str]) -> None:
    with pytest.raises(StepError, match=re.escape(f"has columns {', '.join(columns)}; expected")):
        spark_transform.component_columns(columns, "s3://b/c")


def test_the_receipt_is_whole_json(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "features"
    spark_transform.write_receipt(str(folder), {"schema": 1, "rows": {"train": 3}})
    assert [path.name for path in folder.iterdir()] == ["_receipt.json"]
    assert json.loads((folder / "_receipt.json").read_text())["rows"] == {"train": 3}


def test_a_bad_window_is_one_line_and_exit_1(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    message = tmp_path / "message"
    arguments = ["--input", "s3://b/c", "--output", "s3://b/f", "--window", "0"]
    assert spark_transform.main([*arguments, "--message-file", str(message)]) == 1
    assert capsys.readouterr().err == f"error: {message.read_text()}\n"
    assert message.read_text().startswith("--window 0.0: must be")


def test_one_of_the_two_outputs_is_needed(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        spark_transform.main(["--input", "s3://b/c"])
    assert "one of the arguments --output --output-name is required" in capsys.readouterr().err
