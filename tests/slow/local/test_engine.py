"""The engine: order, branches, parallelism, instances, failures; against real processes."""

from __future__ import annotations

import itertools
import json
import os
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from sagepipe.errors import ParameterError, UnsupportedError
from sagepipe.local.events import InstanceChanged, Note, Status, StepChanged

Json = Any
Make = Callable[..., Json]

ECHO = """
    import glob, json, os, sys
    config = json.load(open("{ml}/config/resourceconfig.json"))
    host = config["current_host"]
    files = sorted(os.path.relpath(p, "{ml}/processing/in") for p in
                   glob.glob("{ml}/processing/in/**", recursive=True) if os.path.isfile(p))
    with open("{ml}/processing/output/out/" + host + ".json", "w") as out:
        json.dump({{"files": files, "hosts": config["hosts"], "argv": sys.argv[1:],
                    "env": dict(os.environ)}}, out)
"""


def hosts_output(lab: Any, count: int) -> list[Json]:
    return [json.loads(lab.get(f"s3://out/e/algo-{n}.json")) for n in range(1, count + 1)]


@pytest.fixture
def echo(lab: Any) -> str:
    """A script that tells what it sees. Only a namespace has it at /opt/ml; where paths are
    rewritten, a script must get its paths as arguments or from the environment."""
    if lab.isolated:
        return ECHO.format(ml="/opt/ml")
    return ECHO.replace('"{ml}', 'os.environ["ML"] + "').replace("{{", "{").replace("}}", "}")


ML = {"ML": "/opt/ml"}


def test_shards_are_disjoint_complete_and_balanced(
    lab: Any, echo: str, make_input: Make, make_output: Make
) -> None:
    names = [f"data/{n:02d}.csv" for n in range(11)] + ["data/deep/x y.csv"]
    for name in names:
        lab.put(f"s3://in/{name}", name)
    result = lab.run(
        lab.step(
            "Echo",
            echo,
            instances=5,
            inputs=[
                make_input(
                    "data", "s3://in/data", "/opt/ml/processing/in/sharded", "ShardedByS3Key"
                ),
                make_input("all", "s3://in/data/deep/", "/opt/ml/processing/in/all"),
            ],
            outputs=[make_output("out", "s3://out/e")],
            environment=ML,
        )
    )
    assert result.status is Status.SUCCEEDED, result.reason
    seen = hosts_output(lab, 5)
    shards = [[f for f in host["files"] if f.startswith("sharded/")] for host in seen]
    assert sorted(itertools.chain(*shards)) == sorted(
        n.replace("data", "sharded", 1) for n in names
    )
    assert {len(shard) for shard in shards} == {2, 3}
    assert all("all/x y.csv" in host["files"] for host in seen)
    assert seen[0]["hosts"] == [f"algo-{n}" for n in range(1, 6)]


def test_more_instances_than_objects_leaves_some_idle(
    lab: Any, echo: str, make_input: Make, make_output: Make
) -> None:
    lab.put("s3://in/one")
    result = lab.run(
        lab.step(
            "Echo",
            echo,
            instances=3,
            inputs=[make_input("d", "s3://in/", "/opt/ml/processing/in", "ShardedByS3Key")],
            outputs=[make_output("out", "s3://out/e/")],
            environment=ML,
        )
    )
    assert result.status is Status.SUCCEEDED, result.reason
    assert sorted(len(host["files"]) for host in hosts_output(lab, 3)) == [0, 0, 1]


def test_arguments_and_environment_are_the_definitions_own(
    lab: Any, echo: str, make_output: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    result = lab.run(
        lab.step(
            "Echo",
            echo,
            outputs=[make_output("out", "s3://out/e")],
            arguments=["--n", {"Get": "Parameters.N"}, "--dir", "/opt/ml/processing/in"],
            environment=ML,
        ),
        parameters=[{"Name": "N", "Type": "String", "DefaultValue": "3"}],
        given={"N": "5"},
    )
    assert result.status is Status.SUCCEEDED, result.reason
    seen = hosts_output(lab, 1)[0]
    assert seen["argv"][:3] == ["--n", "5", "--dir"]
    assert seen["argv"][3].endswith("/ml/processing/in")
    assert (seen["argv"][3] == "/opt/ml/processing/in") is lab.isolated
    assert "AWS_SECRET_ACCESS_KEY" not in seen["env"]


def test_the_job_is_described_to_its_script(lab: Any, make_output: Make) -> None:
    script = """
        import os, shutil
        shutil.copy(os.environ["ML"] + "/config/processingjobconfig.json",
                    os.environ["ML"] + "/processing/output/out/config.json")
    """
    result = lab.run(
        lab.step(
            "Show",
            script,
            outputs=[make_output("out", "s3://out/e")],
            environment=ML,
            max_runtime=60,
        )
    )
    assert result.status is Status.SUCCEEDED, result.reason
    config = json.loads(lab.get("s3://out/e/config.json"))
    assert config["ProcessingInputs"][0]["S3Input"]["S3DownloadMode"] == "StartOfJob"
    assert config["ProcessingOutputConfig"]["Outputs"][0]["S3Output"]["S3Uri"] == "s3://out/e"
    assert config["ProcessingResources"]["ClusterConfig"]["VolumeKmsKeyId"] is None
    assert config["StoppingCondition"] == {"MaxRuntimeInSeconds": 60}
    assert config["ProcessingJobName"].startswith(f"pipelines-{result.execution_id}-Show-")


def test_a_collision_names_the_key_and_both_hosts_and_publishes_nothing(
    lab: Any, make_output: Make
) -> None:
    script = """
        import os
        open(os.environ["ML"] + "/processing/output/out/same.csv", "w").write("x")
    """
    result = lab.run(
        lab.step(
            "Clash", script, instances=2, outputs=[make_output("out", "s3://out/e")], environment=ML
        )
    )
    assert result.status is Status.FAILED
    assert "algo-1 and algo-2 both wrote s3://out/e/same.csv" in result.reason
    assert lab.keys("s3://out/") == []


FAILING = """
    import json, os, sys, time
    host = json.load(open(os.environ["ML"] + "/config/resourceconfig.json"))["current_host"]
    open(os.environ["ML"] + "/processing/output/out/" + host, "w").write("half")
    if host == "algo-2":
        print("lead v9 is missing")
        os.makedirs(os.environ["ML"] + "/output", exist_ok=True)
        open(os.environ["ML"] + "/output/message", "w").write("what the script says")
        sys.exit(3)
    time.sleep(60)
"""


def test_the_first_failure_stops_the_siblings_and_says_why(lab: Any, make_output: Make) -> None:
    began = time.monotonic()
    result = lab.run(
        lab.step(
            "Fail", FAILING, instances=3, outputs=[make_output("out", "s3://out/e")], environment=ML
        ),
        lab.step("After", "", DependsOn=["Fail"]),
    )
    assert time.monotonic() - began < 30
    step = result.steps["Fail"]
    assert (result.status, step.status) == (Status.FAILED, Status.FAILED)
    assert step.reason == "AlgorithmError: , exit code: 3"
    assert step.exit_message == "what the script says"
    assert step.log_tail[-1] == "lead v9 is missing"
    assert step.log is not None
    assert step.log.read_text().endswith("lead v9 is missing\n")
    assert result.steps["After"].status is Status.NOT_RUN
    assert lab.keys("s3://out/") == []
    stopped = {
        e.host for e in lab.events if isinstance(e, InstanceChanged) and e.status is Status.STOPPED
    }
    assert stopped == {"algo-1", "algo-3"}


def test_all_instances_run_at_the_same_time(lab: Any, make_output: Make) -> None:
    """Each waits for all the others to have written their mark."""
    meet = lab.store.root / "meet"
    meet.mkdir(parents=True)
    script = f"""
        import os, time
        open("{meet}/" + str(time.time_ns()), "w").close()
        deadline = time.time() + 20
        while len(os.listdir("{meet}")) < 4:
            assert time.time() < deadline, "the others never came"
            time.sleep(0.01)
    """
    assert lab.run(lab.step("Meet", script, instances=4)).status is Status.SUCCEEDED


def test_at_once_caps_the_instances(lab: Any) -> None:
    result = lab.run(lab.step("Wait", "import time; time.sleep(0.2)", instances=4), at_once=1)
    assert result.status is Status.SUCCEEDED
    changes = [e.status for e in lab.events if isinstance(e, InstanceChanged)]
    assert changes == [Status.EXECUTING, Status.SUCCEEDED] * 4


def test_instances_reach_each_other_by_name(lab: Any) -> None:
    if not lab.isolated:
        pytest.skip("host names need namespaces; the run says so")
    script = """
        import json, socket, time
        config = json.load(open("/opt/ml/config/resourceconfig.json"))
        server = socket.create_server((config["current_host"], 5555))
        for host in config["hosts"]:
            deadline = time.time() + 20
            while True:
                try:
                    socket.create_connection((host, 5555), timeout=1).close()
                    break
                except OSError:
                    assert time.time() < deadline, host + " does not answer"
                    time.sleep(0.05)
        time.sleep(0.5)
    """
    result = lab.run(lab.step("Talk", script, instances=3))
    assert result.status is Status.SUCCEEDED, result.steps["Talk"].log_tail


def test_linked_inputs_cannot_be_damaged(lab: Any, make_input: Make) -> None:
    lab.put("s3://in/a.csv", "precious")
    script = """
        import os
        open(os.environ["ML"] + "/processing/in/new", "w").write("beside is fine")
        open(os.environ["ML"] + "/processing/in/a.csv", "w").write("overwritten")
    """
    lab.run(
        lab.step(
            "Damage",
            script,
            inputs=[make_input("in", "s3://in/", "/opt/ml/processing/in")],
            environment=ML,
        )
    )
    assert lab.get("s3://in/a.csv") == "precious"
    assert lab.keys("s3://in/") == ["a.csv"]


def test_links_in_outputs_are_not_followed_but_copied_inputs_count(
    lab: Any, make_input: Make, make_output: Make
) -> None:
    lab.put("s3://in/a.csv", "data")
    script = """
        import os, subprocess
        ml = os.environ["ML"]
        source, target = ml + "/processing/in/.", ml + "/processing/output/out/"
        subprocess.run(["cp", "-r", source, target], check=True)
        os.symlink("/etc/passwd", ml + "/processing/output/out/passwd")
    """
    result = lab.run(
        lab.step(
            "Copy",
            script,
            inputs=[make_input("in", "s3://in/", "/opt/ml/processing/in")],
            outputs=[make_output("out", "s3://out/e")],
            environment=ML,
        )
    )
    assert result.status is Status.SUCCEEDED, result.reason
    assert lab.keys("s3://out/") == ["e/a.csv"]
    assert lab.get("s3://out/e/a.csv") == "data"
    assert lab.get("s3://in/a.csv") == "data"


def test_an_input_without_objects_fails_the_step(lab: Any, make_input: Make) -> None:
    result = lab.run(
        lab.step("Empty", "", inputs=[make_input("in", "s3://in/none", "/opt/ml/processing/in")])
    )
    assert result.status is Status.FAILED
    assert "input 'in': no object under s3://in/none" in result.reason


def test_an_empty_output_is_said(lab: Any, make_output: Make) -> None:
    result = lab.run(lab.step("Nothing", "", outputs=[make_output("out", "s3://out/e")]))
    assert result.status is Status.SUCCEEDED
    assert [e.text for e in lab.events if isinstance(e, Note)] == [
        "output 'out' is empty: nothing was uploaded"
    ]


def test_a_time_limit_stops_the_job(lab: Any) -> None:
    script = """
        import signal, sys, time
        signal.signal(signal.SIGTERM, lambda *_: (print("asked to stop"), sys.exit(0)))
        time.sleep(60)
    """
    result = lab.run(lab.step("Slow", script, instances=2, max_runtime=1))
    assert result.status is Status.FAILED
    assert "MaxRuntimeInSeconds (1 s)" in result.reason
    assert result.steps["Slow"].log_tail == ("asked to stop",)


def test_stopping_leaves_no_process(lab: Any) -> None:
    mark = f"sleep 61.{os.getpid()}"
    script = f"""
        import subprocess, time
        subprocess.Popen("{mark}", shell=True)
        time.sleep(60)
    """
    threading.Timer(1.0, lab.stop.set).start()
    result = lab.run(
        lab.step("Long", script, instances=2), lab.step("Next", "", DependsOn=["Long"])
    )
    assert result.status is Status.STOPPED
    assert result.steps["Long"].status is Status.STOPPED
    assert result.steps["Next"].status is Status.NOT_RUN
    time.sleep(0.2)
    assert not running(mark)


def running(mark: str) -> list[str]:
    found = []
    for pid in os.listdir("/proc"):
        if pid.isdigit():
            try:
                with open(f"/proc/{pid}/cmdline", "rb") as file:
                    command = file.read().replace(b"\0", b" ").decode(errors="replace")
            except OSError:
                continue
            if mark in command:
                found.append(command)
    return found


def compare(left: Json, right: Json) -> Json:
    return {"Type": "GreaterThanOrEqualTo", "LeftValue": left, "RightValue": right}


@pytest.mark.parametrize(("limit", "taken", "left"), [("0.5", "Yes", "No"), ("0.9", "No", "Yes")])
def test_a_condition_on_a_property_file_takes_one_branch(
    lab: Any, make_output: Make, limit: str, taken: str, left: str
) -> None:
    script = """
        import os
        path = os.environ["ML"] + "/processing/output/m/metrics.json"
        open(path, "w").write('{"a": {"share": 0.7}}')
    """
    share = {
        "Std:JsonGet": {"PropertyFile": {"Get": "Steps.Measure.PropertyFiles.M"}, "Path": "a.share"}
    }
    result = lab.run(
        lab.step(
            "Measure",
            script,
            outputs=[make_output("m", "s3://out/m")],
            environment=ML,
            PropertyFiles=[
                {"PropertyFileName": "M", "OutputName": "m", "FilePath": "metrics.json"}
            ],
        ),
        {
            "Name": "Gate",
            "Type": "Condition",
            "Arguments": {
                "Conditions": [compare(share, {"Get": "Parameters.Limit"})],
                "IfSteps": [lab.step("Yes", "")],
                "ElseSteps": [lab.step("No", "")],
            },
        },
        lab.step("AfterNo", "", DependsOn=["No"]),
        parameters=[{"Name": "Limit", "Type": "Float", "DefaultValue": 0.5}],
        given={"Limit": limit},
    )
    assert result.status is Status.SUCCEEDED, result.reason
    assert result.steps["Gate"].outcome is (taken == "Yes")
    assert result.steps[taken].status is Status.SUCCEEDED
    assert result.steps[left].status is Status.NOT_RUN
    assert (result.steps["AfterNo"].status is Status.SUCCEEDED) is (taken == "No")


def test_a_fail_step_fails_the_execution_with_its_message(lab: Any) -> None:
    message = {"Std:Join": {"On": " ", "Values": ["share below", {"Get": "Parameters.Limit"}]}}
    result = lab.run(
        {"Name": "Stop", "Type": "Fail", "Arguments": {"ErrorMessage": message}},
        parameters=[{"Name": "Limit", "Type": "Float", "DefaultValue": 0.5}],
    )
    assert result.status is Status.FAILED
    assert result.reason == "step Stop failed: share below 0.5"


def test_properties_flow_and_order_follows_them(
    lab: Any, make_input: Make, make_output: Make
) -> None:
    first = """
        import os
        open(os.environ["ML"] + "/processing/output/out/a", "w").write("made by first")
    """
    second = """
        import os
        ml = os.environ["ML"]
        text = open(ml + "/processing/in/a").read()
        open(ml + "/processing/output/out/b", "w").write(text + " and second")
    """
    uri = {
        "Std:Join": {"On": "/", "Values": ["s3://out", {"Get": "Execution.PipelineExecutionId"}]}
    }
    property_uri = {"Get": "Steps.First.ProcessingOutputConfig.Outputs['out'].S3Output.S3Uri"}
    result = lab.run(
        lab.step(
            "Second",
            second,
            inputs=[make_input("in", property_uri, "/opt/ml/processing/in")],
            outputs=[make_output("out", "s3://out/second")],
            environment=ML,
        ),
        lab.step("First", first, outputs=[make_output("out", uri)], environment=ML),
    )
    assert result.status is Status.SUCCEEDED, result.reason
    assert lab.get("s3://out/second/b") == "made by first and second"
    assert lab.get(f"s3://out/{result.execution_id}/a") == "made by first"


def test_independent_steps_run_at_the_same_time(lab: Any) -> None:
    meet = lab.store.root / "meet"
    meet.mkdir(parents=True)
    script = f"""
        import os, time
        open("{meet}/" + str(time.time_ns()), "w").close()
        deadline = time.time() + 20
        while len(os.listdir("{meet}")) < 2:
            assert time.time() < deadline, "the other step never came"
            time.sleep(0.01)
    """
    assert lab.run(lab.step("A", script), lab.step("B", script)).status is Status.SUCCEEDED


def test_executions_in_one_store_have_their_own_records(lab: Any) -> None:
    first, second = (lab.run(lab.step("A", "")) for _ in range(2))
    assert first.execution_id != second.execution_id
    for result in (first, second):
        record = json.loads((result.folder / "execution.json").read_text())
        assert record["status"] == "Succeeded"
        assert record["steps"]["A"]["status"] == "Succeeded"
        assert not list(result.folder.glob("A/algo-*/"))


def test_a_step_that_cannot_be_run_is_named_before_anything_starts(lab: Any) -> None:
    with pytest.raises(UnsupportedError, match=r"cannot run Fit \(Training\)"):
        lab.run(lab.step("A", ""), {"Name": "Fit", "Type": "Training", "Arguments": {}})
    assert lab.events == []


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"Cuont": "3"}, "'Cuont' is not in the definition; did you mean Count?"),
        ({"Count": "three"}, "'Count' takes a whole number, not 'three'"),
        ({"Count": ""}, "'Count' is empty"),
        ({"Mode": "fast"}, "'Mode': 'fast' is not one of slow, medium"),
        ({"Flag": "perhaps"}, "'Flag' takes true or false, not 'perhaps'"),
        ({"Share": "x"}, "'Share' takes a number"),
        ({"Mode": "s" * 1025}, "longer than 1024"),
        ({}, "'Needed' has no default; give one with -p Needed=VALUE"),
    ],
)
def test_parameters_are_checked(lab: Any, given: dict[str, str], message: str) -> None:
    declared = [
        {"Name": "Count", "Type": "Integer", "DefaultValue": 3},
        {
            "Name": "Mode",
            "Type": "String",
            "DefaultValue": "slow",
            "EnumValues": ["slow", "medium"],
        },
        {"Name": "Flag", "Type": "Boolean", "DefaultValue": True},
        {"Name": "Share", "Type": "Float", "DefaultValue": 1},
        {"Name": "Needed", "Type": "String"},
    ]
    with pytest.raises(ParameterError, match=message):
        lab.run(lab.step("A", ""), parameters=declared, given=given)


def test_a_program_that_does_not_exist(lab: Any) -> None:
    step = lab.step("A", "")
    step["Arguments"]["AppSpecification"]["ContainerEntrypoint"] = ["no-such-program"]
    result = lab.run(step)
    assert result.steps["A"].reason == "AlgorithmError: , exit code: 127"
    assert result.steps["A"].log_tail == ("no-such-program: not found",)


def test_an_image_without_an_entrypoint_is_unknown(lab: Any) -> None:
    step = lab.step("A", "")
    del step["Arguments"]["AppSpecification"]["ContainerEntrypoint"]
    result = lab.run(step)
    assert "give the processor an entrypoint or a command" in result.reason


def test_an_exit_message_that_is_not_utf8_fails_the_job(lab: Any) -> None:
    script = """
        import os
        open(os.environ["ML"] + "/output/message", "wb").write(b"\\xff")
    """
    result = lab.run(lab.step("A", script, environment=ML))
    assert result.status is Status.FAILED
    assert "/opt/ml/output/message is not UTF-8" in result.reason


def test_steps_tell_their_progress(lab: Any) -> None:
    lab.run(lab.step("A", "", instances=2))
    changes = [(e.status, e.instances) for e in lab.events if isinstance(e, StepChanged)]
    assert changes == [(Status.EXECUTING, 2), (Status.SUCCEEDED, 2)]
