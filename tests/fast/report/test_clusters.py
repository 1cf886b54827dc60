"""What the jobs of a definition ask for, and which of them an execution waits for."""

from __future__ import annotations

from typing import Any

import pytest
from estimated import definition, processing

from sagepipe.errors import DefinitionError, ParameterError
from sagepipe.language import validate
from sagepipe.report import clusters
from sagepipe.report.clusters import Cluster


def test_the_fixture_is_what_the_service_takes() -> None:
    validate.check(definition())


def test_clusters_have_the_defaults_of_parameters() -> None:
    found = clusters.read(definition(), {}).clusters
    assert found == {
        "Clean": Cluster("Clean", "ml.m5.large", 2, 30, 36_000),
        "Join": Cluster("Join", "ml.m5.xlarge", 4, 30, 3600),
        "Note": Cluster("Note", "ml.m5.large", 1, 30, 36_000),
        "Publish": Cluster("Publish", "ml.m5.large", 2, 30, None),
    }


def test_a_value_that_is_given_replaces_a_default() -> None:
    given = {"CleanCount": "7", "JoinType": "ml.c5.xlarge"}
    found = clusters.read(definition(), given).clusters
    assert (found["Clean"].count, found["Join"].instance_type) == (7, "ml.c5.xlarge")


def test_a_parameter_that_there_is_not_is_named() -> None:
    with pytest.raises(ParameterError, match="did you mean CleanCount"):
        clusters.read(definition(), {"CleanCont": "7"})


def test_a_parameter_without_a_default_must_be_given() -> None:
    document = definition()
    del document["Parameters"][1]["DefaultValue"]
    with pytest.raises(ParameterError, match="-p CleanCount=VALUE"):
        clusters.read(document, {})


@pytest.mark.parametrize(
    "value",
    [
        {"Get": "Steps.Clean.ProcessingJobStatus"},
        {
            "Std:JsonGet": {
                "PropertyFile": {"Get": "Steps.Clean.PropertyFiles.Sizes"},
                "Path": "count",
            }
        },
    ],
)
def test_a_count_that_only_the_run_can_tell_is_an_error_about_that_step(value: Any) -> None:
    document = definition()
    document["Steps"][1] = processing("Join", value)
    with pytest.raises(DefinitionError, match=r"step 'Join'.*not known before it runs"):
        clusters.read(document, {})


def test_steps_that_run_other_jobs_are_named() -> None:
    document = definition()
    document["Steps"].append({"Name": "Fit", "Type": "Training", "Arguments": {}})
    assert clusters.read(document, {}).others == {"Fit": "Training"}


def test_the_critical_path_goes_through_what_waits() -> None:
    workflow = clusters.read(definition(), {})
    assert workflow.critical({"Clean": 10, "Join": 20, "Note": 3, "Publish": 5}) == (
        35,
        ("Clean", "Join", "Publish"),
    )
    assert workflow.critical({"Clean": 10, "Join": 20, "Note": 3}) == (
        33,
        ("Clean", "Join", "Note"),
    )


def test_steps_beside_each_other_take_the_time_of_the_slower() -> None:
    document = definition()
    del document["Steps"][1]["DependsOn"]
    workflow = clusters.read(document, {})
    assert workflow.critical({"Clean": 10, "Join": 20}) == (20, ("Join",))


def test_of_two_branches_the_dearer_runs() -> None:
    workflow = clusters.read(definition(), {})
    assert "Publish" in workflow.dearest({"Note": 1, "Publish": 2})
    assert workflow.dearest({"Note": 2, "Publish": 1}) == {"Clean", "Join", "Check", "Note"}


def test_of_nested_branches_the_dearer_runs_too() -> None:
    document = definition()
    inner = definition()["Steps"][2]
    inner.pop("DependsOn")
    inner["Name"] = "Again"
    inner["Arguments"]["IfSteps"] = [processing("Little", 1)]
    inner["Arguments"]["ElseSteps"] = [processing("Much", 1)]
    document["Steps"][2]["Arguments"]["ElseSteps"].append(inner)
    workflow = clusters.read(document, {})
    run = workflow.dearest({"Note": 4, "Publish": 2, "Little": 1, "Much": 3})
    assert run == {"Clean", "Join", "Check", "Publish", "Again", "Much"}
