"""What SDK v3 would upload while it builds: local scripts, configuration, a folder's helpers."""

from __future__ import annotations

import json
import re
import time
from pathlib import Path
from typing import Any

import pytest

from sagepipe import Build
from sagepipe.building import sdk
from sagepipe.building.build import Built, build
from sagepipe.errors import BundleError
from sagepipe.settings.facts import Settings

SETTINGS = Settings.local("tables")


@pytest.fixture
def code(tmp_path: Path) -> Path:
    folder = tmp_path / "code"
    (folder / "source").mkdir(parents=True)
    (folder / "clean.py").write_text("print('clean')\n")
    (folder / "source" / "main.py").write_text("print('main')\n")
    return folder


def job() -> dict[str, Any]:
    return {
        "image_uri": "image",
        "role": SETTINGS.role_arn,
        "instance_type": "ml.m5.large",
        "instance_count": 1,
        "sagemaker_session": sdk.session(SETTINGS),
    }


def pipeline_of(run: Any) -> Any:
    from sagemaker.mlops.workflow.pipeline import Pipeline
    from sagemaker.mlops.workflow.steps import ProcessingStep

    return Pipeline(
        name="tables",
        steps=[ProcessingStep(name="Step", step_args=run)],
        pipeline_experiment_config=None,
        sagemaker_session=sdk.session(SETTINGS),
    )


def uris(built: Built) -> set[str]:
    return set(re.findall(r's3://[^"]*', built.definition))


def artifacts(built: Built) -> dict[str, bytes]:
    return {f"s3://{built.bucket}/{one.key}": one.data for one in built.artifacts}


def test_a_local_script_is_named_by_its_content(code: Path) -> None:
    @sdk.builds_offline
    def builder(given: Build) -> Any:
        from sagemaker.core.processing import ScriptProcessor

        return pipeline_of(
            ScriptProcessor(command=["python3"], **job()).run(code=str(code / "clean.py"))
        )

    first = build(builder, code, SETTINGS)
    assert artifacts(first) == dict.fromkeys(uris(first), b"print('clean')\n")
    assert build(builder, code, SETTINGS) == first
    (code / "clean.py").write_text("print('cleaner')\n")
    assert uris(build(builder, code, SETTINGS)) & uris(first) == set()


def test_sparks_configuration_is_an_artifact(code: Path) -> None:
    configuration = [{"Classification": "spark-defaults", "Properties": {"spark.x": "1"}}]

    @sdk.builds_offline
    def builder(given: Build) -> Any:
        from sagemaker.core.spark.processing import PySparkProcessor

        return pipeline_of(
            PySparkProcessor(**job()).run(
                submit_app=given.code.script("clean.py"), configuration=configuration
            )
        )

    made = build(builder, code, SETTINGS)
    (data,) = (data for uri, data in artifacts(made).items() if uri.endswith("/configuration.json"))
    assert json.loads(data) == configuration
    assert set(artifacts(made)) == uris(made)


def framework(source_dir: str, **more: Any) -> Any:
    from sagemaker.core.processing import FrameworkProcessor

    return pipeline_of(
        FrameworkProcessor(command=["python3"], **job()).run(
            code="main.py", source_dir=source_dir, **more
        )
    )


def test_a_folder_of_code_is_the_same_whenever_it_is_built(code: Path) -> None:
    @sdk.builds_offline
    def builder(given: Build) -> Any:
        return framework(given.code.source_dir("source"))

    first = build(builder, code, SETTINGS)
    names = {Path(uri).name for uri in artifacts(first)}
    assert names == {"sourcedir.tar.gz", "install_requirements.py", "runproc.sh"}
    # Each by its own name and none by its folder, or pruning would take it for unused.
    assert uris(first) == set(artifacts(first))
    time.sleep(1.1)  # the SDK's names have seconds
    assert build(builder, code, SETTINGS) == first


def test_what_the_sdk_names_by_the_time_is_refused(code: Path) -> None:
    @sdk.builds_offline
    def a_folder(given: Build) -> Any:
        return framework(str(code / "source"))

    with pytest.raises(BundleError, match=r"source_dir=given\.code\.source_dir"):
        build(a_folder, code, SETTINGS)

    @sdk.builds_offline
    def an_input(given: Build) -> Any:
        from sagemaker.core.processing import Processor
        from sagemaker.core.shapes import ProcessingInput, ProcessingS3Input

        place = ProcessingS3Input(
            s3_uri=str(code / "source"),
            local_path="/opt/ml/processing/input",
            s3_data_type="S3Prefix",
            s3_input_mode="File",
        )
        return pipeline_of(
            Processor(entrypoint=["ls"], **job()).run(
                inputs=[ProcessingInput(input_name="folder", s3_input=place)]
            )
        )

    with pytest.raises(BundleError, match=r"code/source: the SDK would upload this folder"):
        build(an_input, code, SETTINGS)


def test_the_sdk_is_left_as_it_was(code: Path) -> None:
    from sagemaker.core.helper.session_helper import Session
    from sagemaker.core.s3 import S3Uploader

    before = (dict(vars(S3Uploader)), dict(vars(Session)))

    @sdk.builds_offline
    def builder(given: Build) -> Any:
        return framework(given.code.source_dir("source"))

    build(builder, code, SETTINGS)
    assert (dict(vars(S3Uploader)), dict(vars(Session))) == before
