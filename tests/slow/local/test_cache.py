"""The step cache: the service's key, ExpireAfter, and the content that the service ignores."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sagepipe.local.cache import step_cache
from sagepipe.local.choices import Choices
from sagepipe.local.events import InstanceChanged, Note, Reused, Status

Json = Any
Make = Callable[..., Json]

COPY = """
    import os
    ml = os.environ["ML"]
    os.makedirs(ml + "/processing/output/out", exist_ok=True)
    with open(ml + "/processing/output/out/copy", "w") as out:
        for parent, _, names in sorted(os.walk(ml + "/processing/in")):
            for name in sorted(names):
                out.write(open(os.path.join(parent, name)).read())
"""
ON = {"Enabled": True, "ExpireAfter": "P30D"}


@pytest.fixture
def make(lab: Any, make_input: Make, make_output: Make) -> Callable[..., Json]:
    """A caching step; its outputs go to a place that holds the execution's id, as they should."""

    def step(script: str = COPY, instances: int = 1, config: Json = ON, **settings: Json) -> Json:
        uri = {
            "Std:Join": {
                "On": "/",
                "Values": ["s3://out", {"Get": "Execution.PipelineExecutionId"}],
            }
        }
        settings.setdefault("environment", {"ML": "/opt/ml"})
        return lab.step(
            "Copy",
            script,
            instances=instances,
            inputs=[make_input("in", "s3://in/", "/opt/ml/processing/in")],
            outputs=[make_output("out", uri)],
            CacheConfig=config,
            **settings,
        )

    lab.put("s3://in/a", "one")
    return step


def ran(lab: Any) -> int:
    """How many instances have been started since this was last asked."""
    started = [e for e in lab.told(InstanceChanged) if e.status is Status.EXECUTING]
    lab.events.clear()
    return len(started)


def test_a_second_run_takes_the_firsts_outputs_and_is_an_execution_of_its_own(
    lab: Any, make: Make
) -> None:
    first = lab.run(make())
    assert (first.status, ran(lab)) == (Status.SUCCEEDED, 1)
    second = lab.run(make())
    [told] = lab.told(Reused)
    assert (told.step, told.execution, told.why) == ("Copy", first.execution_id, "cached")
    assert ran(lab) == 0
    assert second.status is Status.SUCCEEDED
    assert second.execution_id != first.execution_id
    step = second.steps["Copy"]
    assert step.outputs == {"out": f"s3://out/{first.execution_id}"}
    assert (step.reused, step.source) == ("cached", first.execution_id)
    assert step.saved_seconds > 0
    record = json.loads((second.folder / "execution.json").read_text())
    assert record["steps"]["Copy"]["reused"] == "cached"
    third = lab.run(make())  # the source is the run that did the work, not the one that took it
    assert third.steps["Copy"].source == first.execution_id


def test_properties_and_property_files_of_a_hit_are_the_old_jobs(
    lab: Any, make: Make, make_input: Make, make_output: Make
) -> None:
    script = COPY + '    open(ml + "/processing/output/out/m.json", "w").write(\'{"n": 3}\')\n'

    def steps() -> list[Json]:
        declared = {"PropertyFileName": "M", "OutputName": "out", "FilePath": "m.json"}
        uri = {"Get": "Steps.Copy.ProcessingOutputConfig.Outputs['out'].S3Output.S3Uri"}
        n = {"Std:JsonGet": {"PropertyFile": {"Get": "Steps.Copy.PropertyFiles.M"}, "Path": "n"}}
        after = lab.step(
            "After",
            COPY,
            inputs=[make_input("in", uri, "/opt/ml/processing/in")],
            outputs=[make_output("out", "s3://after/x")],
            environment={"ML": "/opt/ml"},
        )
        gate = {
            "Name": "Gate",
            "Type": "Condition",
            "Arguments": {
                "Conditions": [{"Type": "Equals", "LeftValue": n, "RightValue": 3}],
                "IfSteps": [after],
                "ElseSteps": [],
            },
        }
        return [make(script, PropertyFiles=[declared]), gate]

    first = lab.run(*steps())
    assert first.status is Status.SUCCEEDED, first.reason
    lab.events.clear()
    second = lab.run(*steps())
    assert second.steps["Copy"].reused == "cached"
    assert second.steps["Gate"].outcome is True
    assert second.steps["After"].status is Status.SUCCEEDED, second.reason
    assert second.steps["Copy"].properties == first.steps["Copy"].properties


def test_what_the_service_leaves_out_of_the_key_does_not_miss_but_is_said(
    lab: Any, make: Make
) -> None:
    lab.run(make())
    lab.events.clear()
    lab.run(make(instances=3, max_runtime=77))
    [told] = lab.told(Reused)
    assert "InstanceCount was 1 then and is 3 now" in told.detail


@pytest.mark.parametrize(
    "change",
    [
        {"environment": {"ML": "/opt/ml", "MORE": "1"}},
        {"arguments": ["--more"]},
    ],
)
def test_what_is_in_the_key_misses(lab: Any, make: Make, change: Json) -> None:
    lab.run(make())
    assert ran(lab) == 1
    lab.run(make(**change))
    assert ran(lab) == 1


def test_changed_content_misses_and_says_that_the_service_would_not(lab: Any, make: Make) -> None:
    first = lab.run(make())
    lab.put("s3://in/a", "two")  # as many bytes
    lab.events.clear()
    second = lab.run(make())
    [note] = lab.told(Note)
    assert "s3://in/a" in note.text
    assert "which the service ignores" in note.text
    assert first.execution_id in note.text
    assert lab.get(f"s3://out/{second.execution_id}/copy").startswith("two")
    lab.put("s3://in/b", "more")
    lab.run(make())
    assert ran(lab) == 2


def test_a_touched_file_with_the_same_content_hits(lab: Any, make: Make) -> None:
    lab.run(make())
    path = lab.store.root / "in" / "a"
    os.utime(path, (1, 1))
    lab.events.clear()
    assert lab.run(make()).steps["Copy"].reused == "cached"


def test_a_change_that_keeps_size_and_time_is_seen(lab: Any, make: Make) -> None:
    """Right after the digest was taken, times can't tell a second change."""
    path = lab.store.root / "in" / "a"
    before = path.stat()
    lab.run(make())
    with path.open("r+") as file:
        file.write("two")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    ran(lab)
    lab.run(make())
    assert ran(lab) == 1


def test_content_that_only_an_argument_names_is_looked_at(lab: Any, make: Make) -> None:
    lab.put("s3://spark/a", "one")
    arguments = ["--input=s3://spark/", "s3a://elsewhere/none"]
    lab.run(make(arguments=arguments))
    assert ran(lab) == 1
    lab.run(make(arguments=arguments))
    assert ran(lab) == 0
    lab.put("s3://spark/a", "two")
    lab.run(make(arguments=arguments))
    assert "what its arguments name has changed (s3://spark/a)" in lab.told(Note)[0].text
    assert ran(lab) == 1


def test_outputs_that_are_gone_or_changed_miss(lab: Any, make: Make) -> None:
    first = lab.run(make())
    (lab.store.root / "out" / first.execution_id / "copy").unlink()
    ran(lab)
    second = lab.run(make())
    assert "outputs that it left are no longer" in lab.told(Note)[0].text
    assert ran(lab) == 1
    (lab.store.root / "out" / second.execution_id / "copy").write_text("meddled with")
    lab.run(make())
    assert ran(lab) == 1


def test_neighbours_of_an_output_that_ends_in_two_slashes_are_not_its_own(
    lab: Any, make_input: Make, make_output: Make
) -> None:
    step = lab.step(
        "Copy",
        COPY,
        inputs=[make_input("in", "s3://in/", "/opt/ml/processing/in")],
        outputs=[make_output("out", "s3://out/kept//")],
        environment={"ML": "/opt/ml"},
        CacheConfig=ON,
    )
    lab.put("s3://in/a", "one")
    lab.run(step)
    assert ran(lab) == 1
    lab.put("s3://out/kept/neighbour")
    lab.run(step)
    assert ran(lab) == 0
    lab.put("s3://out/kept//copy", "meddled with")
    lab.run(step)
    assert ran(lab) == 1


def test_a_failed_step_is_not_kept(lab: Any, make: Make) -> None:
    for _ in range(2):
        assert lab.run(make("import sys; sys.exit(1)")).status is Status.FAILED
        assert ran(lab) == 1


def test_a_success_in_a_failed_execution_is_kept(lab: Any, make: Make) -> None:
    fail = {
        "Name": "Stop",
        "Type": "Fail",
        "Arguments": {"ErrorMessage": "x"},
        "DependsOn": ["Copy"],
    }
    assert lab.run(make(), fail).status is Status.FAILED
    lab.events.clear()
    assert lab.run(make()).steps["Copy"].reused == "cached"


def test_without_caching_every_run_runs(lab: Any, make: Make) -> None:
    for config in ({"Enabled": False, "ExpireAfter": "P1D"}, ON, None):
        step = make(config=config)
        if config is None:
            del step["CacheConfig"]
        lab.run(step)
        assert ran(lab) == 1
    lab.run(make(), choices=Choices(cache="off"))
    assert ran(lab) == 1


def test_a_result_expires(lab: Any, make: Make) -> None:
    lab.run(make())
    [entry] = (lab.store.state / "step-cache").rglob("*.json")
    document = json.loads(entry.read_text())
    document["ended"] -= 2 * 86_400
    entry.write_text(json.dumps(document))
    ran(lab)
    lab.run(make(config={"Enabled": True, "ExpireAfter": "3d"}))
    assert ran(lab) == 0
    lab.run(make(config={"Enabled": True, "ExpireAfter": "P1D"}))
    assert ran(lab) == 1


def test_a_torn_entry_is_dropped(lab: Any, make: Make) -> None:
    lab.run(make())
    [entry] = (lab.store.state / "step-cache").rglob("*.json")
    entry.write_text(entry.read_text()[:100])
    ran(lab)
    lab.run(make())
    assert ran(lab) == 1
    [entry] = (lab.store.state / "step-cache").rglob("*.json")
    json.loads(entry.read_text())


def test_another_pipeline_or_step_does_not_hit(lab: Any, make: Make) -> None:
    lab.run(make())
    ran(lab)
    step = make()
    step["Name"] = "Other"
    lab.run(step)
    assert ran(lab) == 1


def test_a_file_is_read_once(lab: Any, make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """Unchanged files aren't read again, whatever else changes in the job."""
    for path in Path(lab.store.root).rglob("*"):
        os.utime(path, (1, 1))
    lab.run(make())
    for path in lab.store.root.glob("code/**/*.py"):
        os.utime(path, (1, 1))
    lab.run(make(arguments=["1"]))
    read: list[str] = []
    real = step_cache.fingerprint._read
    monkeypatch.setattr(
        step_cache.fingerprint, "_read", lambda look: read.append(look.key) or real(look)
    )
    lab.run(make(arguments=["2"]))
    assert "a" not in read
