"""sagepipe versions, whole, against a moto server over HTTP."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import tables
from command_result import Run
from moto.s3.models import s3_backends
from server import ACCOUNT, BUCKET
from wire import Fault, Wire

from sagepipe import Build
from sagepipe.deploy import deployed

Client = Callable[[str], Any]


@pytest.fixture
def two(upsert: Run, changed_code: Callable[[], None], wire: Wire) -> Callable[[], None]:
    """Version 1, then version 2 with another fit.py, which has the alias."""

    def make() -> None:
        assert upsert("--alias", "live").code == 0
        changed_code()
        assert upsert("--alias", "live").code == 0
        wire.clear()

    make()
    return make


def definition(client: Client, version: int) -> str:
    answer = client("sagemaker").describe_pipeline(PipelineName="tables", PipelineVersionId=version)
    return str(answer["PipelineDefinition"])


def newest(client: Client) -> dict[str, Any]:
    answer = client("sagemaker").list_pipeline_versions(PipelineName="tables", MaxResults=1)
    found: dict[str, Any] = answer["PipelineVersionSummaries"][0]
    return found


def pca(client: Client, version: int) -> str:
    """The key of that version's fit.py."""
    scripts = deployed.scripts(definition(client, version))
    return next(script.key for script in scripts if script.name == "fit.py")


@pytest.mark.usefixtures("two")
def test_list(versions: Run, client: Client) -> None:
    arn = client("sagemaker").start_pipeline_execution(
        PipelineName="tables", PipelineVersionId=1, ClientRequestToken="t" * 32
    )["PipelineExecutionArn"]
    result = versions("list")
    assert result.code == 0
    head, second, first = (line.split("  ") for line in result.out.splitlines())
    assert head[0] == "version"
    assert second[0].split() == ["2"]
    assert "live" in [cell.strip() for cell in second]
    assert first[0].split() == ["1"]
    assert arn.rpartition("/")[2] in [cell.strip() for cell in first]
    found = json.loads(versions("list", "--json").out)
    assert [one["number"] for one in found] == [2, 1]
    assert found[1]["last_execution"] == arn
    assert found[0]["aliases"] == ["live"]
    assert found[0]["name"].endswith("-c0ffeec0ffee")


@pytest.mark.usefixtures("two")
def test_show(versions: Run, client: Client) -> None:
    shown = versions("show", "1")
    assert shown.code == 0
    assert "steps" in shown.out
    assert "Clean, Fit, Gate, Export, GateFailed" in shown.out
    assert f"s3://{BUCKET}/{pca(client, 1)}\n" in shown.out
    assert versions("show", "live").out.splitlines()[1:] == versions("show").out.splitlines()[1:]
    assert json.loads(versions("show", "1", "--definition").out) == json.loads(
        definition(client, 1)
    )
    client("s3").delete_object(Bucket=BUCKET, Key=pca(client, 1))
    assert f"{pca(client, 1)} (missing)\n" in versions("show", "1").out
    assert json.loads(versions("show", "1", "--json").out)["script fit.py"].endswith("(missing)")


@pytest.mark.usefixtures("two")
def test_diff(versions: Run, client: Client) -> None:
    result = versions("diff", "1")
    assert result.code == 0
    title, step, line = result.out.splitlines()
    assert (title, step) == ("version 1 → the latest version", "~ step Fit")
    assert line.startswith("    ~ input code: s3://")
    assert versions("diff", "1", "live").out.splitlines()[1:] == [step, line]
    assert versions("diff", "2", "live").out == "version 2 → alias live: the same definition\n"
    (change,) = json.loads(versions("diff", "2", "1", "--json").out)
    assert change["after"] == f"s3://{BUCKET}/{pca(client, 1)}"


@pytest.mark.usefixtures("two")
def test_rollback(versions: Run, client: Client, wire: Wire, upsert: Run) -> None:
    dry = versions("rollback", "1", "--alias", "live", "--dry-run")
    assert dry.code == 2
    assert "~ pipeline tables" in dry.out
    assert wire.mutations == []
    result = versions("rollback", "1", "--alias", "live")
    assert result.code == 0, result.err
    assert wire.mutations == ["sagemaker:UpdatePipeline"] + ["sagemaker:UpdatePipelineVersion"] * 2
    latest = newest(client)
    assert latest["PipelineVersionId"] == 3
    assert latest["PipelineVersionAliases"] == ["live"]
    assert latest["PipelineVersionDisplayName"].endswith("-again-1")
    assert latest["PipelineVersionDescription"].endswith("version 1 again, rolled back from 2")
    assert definition(client, 3) == definition(client, 1) != definition(client, 2)
    wire.clear()
    again = versions("rollback", "1", "--alias", "live")
    assert again.code == 0
    assert "nothing to change (version 3" in again.out
    assert wire.mutations == []
    # Forward again, to what the checkout has.
    assert upsert("--alias", "live").code == 0
    assert definition(client, 4) == definition(client, 2)


@pytest.mark.usefixtures("two")
@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("call", range(3))
def test_an_interrupted_rollback_is_finished_by_the_next(
    versions: Run, client: Client, wire: Wire, call: int, after: bool
) -> None:
    old, new = definition(client, 2), definition(client, 1)
    wire.clear()
    seen: list[str] = []

    def nth(_: int, one: Any) -> bool:
        seen.extend([one.operation] if one.mutating else [])
        return one.mutating and len(seen) == call + 1

    with wire.fault(Fault(nth, after=after)):
        assert versions("rollback", "1", "--alias", "live").code == 1
    number = newest(client)["PipelineVersionId"]
    assert definition(client, number) in (old, new)
    assert versions("rollback", "1", "--alias", "live").code == 0
    latest = newest(client)
    assert latest["PipelineVersionId"] == 3
    assert latest["PipelineVersionAliases"] == ["live"]
    assert latest["PipelineVersionDisplayName"].endswith("-again-1")
    wire.clear()
    assert versions("rollback", "1", "--alias", "live").code == 0
    assert wire.mutations == []


@pytest.mark.usefixtures("two")
def test_rollback_without_its_scripts(versions: Run, client: Client, wire: Wire) -> None:
    key = pca(client, 1)
    client("s3").delete_object(Bucket=BUCKET, Key=key)
    wire.clear()
    result = versions("rollback", "1")
    assert result.code == 1
    assert f"version 1 can't run: s3://{BUCKET}/{key} is gone" in result.err
    client("s3").put_object(Bucket=BUCKET, Key=key, Body=b"other")
    result = versions("rollback", "1", "--force")
    assert result.code == 1
    assert f"{key} was overwritten" in result.err
    assert "sagemaker:UpdatePipeline" not in wire.operations


@pytest.mark.usefixtures("two")
def test_rollback_over_someone_elses_change(versions: Run, client: Client, wire: Wire) -> None:
    seen: list[str] = []

    def meddle(_: int, call: Any) -> None:
        seen.append(call.operation)
        if seen.count("sagemaker:ListTags") == 2 and call.operation == "sagemaker:ListTags":
            client("sagemaker").add_tags(
                ResourceArn=newest(client)["PipelineArn"], Tags=[{"Key": "a", "Value": "b"}]
            )

    with wire.tap(meddle):
        result = versions("rollback", "1")
    assert result.code == 1
    assert "was changed by someone since the plan was made" in result.err
    assert newest(client)["PipelineVersionId"] == 2


def test_rollback_that_a_schedule_cant_follow(
    upsert: Run, versions: Run, client: Client, wire: Wire, checkout: Any
) -> None:
    assert upsert().code == 0

    def with_parameter(given: Build) -> Any:
        members = tables.build(given)
        members["Parameters"].append(tables.parameter("New", "String", "x"))
        return members

    checkout.project = tables.project(build=with_parameter)
    Path("pipeline.toml").write_text(
        '[pipelines.tables.schedule]\nexpression = "rate(1 day)"\nparameters = { New = "y" }\n'
    )
    assert upsert().code == 0
    wire.clear()
    result = versions("rollback", "1")
    assert result.code == 1
    assert "schedule tables can't start version 1: parameter 'New'" in result.err
    assert wire.mutations == []
    assert versions("rollback", "1", "--force").code == 0
    assert definition(client, 3) == definition(client, 1)


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (("list",), "there is no pipeline tables in eu-west-1"),
        (("show",), "there is no pipeline tables"),
        (("diff", "1"), "there is no pipeline tables"),
        (("rollback", "1"), "pipeline tables has no version 1"),
    ],
)
def test_no_pipeline(versions: Run, wire: Wire, command: tuple[str, ...], message: str) -> None:
    result = versions(*command)
    assert result.code == 1
    (line,) = result.err.splitlines()
    assert line.startswith(f"error: {message}")
    assert wire.mutations == []


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (("show", "7"), "pipeline tables has no version 7; see"),
        (("show", "stable"), "pipeline tables has no alias stable; see"),
        (("diff", "1", "7"), "has no version 7"),
        (("rollback", "7"), "has no version 7"),
    ],
)
def test_no_such_version(
    upsert: Run, versions: Run, command: tuple[str, ...], message: str
) -> None:
    assert upsert().code == 0
    result = versions(*command)
    assert result.code == 1
    assert message in result.err


def keys(client: Client) -> set[str]:
    answer = client("s3").list_objects_v2(Bucket=BUCKET)
    return {one["Key"] for one in answer.get("Contents", [])}


def test_prune(upsert: Run, versions: Run, client: Client, wire: Wire) -> None:
    assert upsert().code == 0
    used = keys(client)
    assert len(used) == 5
    s3 = client("s3")
    orphan = f"tables/code/{'0' * 64}/fit.py"
    other = f"tables/code/{'1' * 64}/fit.py"
    foreign = "tables/code/notes.txt"
    elsewhere = f"other/code/{'0' * 64}/fit.py"
    for key in (orphan, other, foreign, elsewhere):
        s3.put_object(Bucket=BUCKET, Key=key, Body=b"12345")
    # Another pipeline shares the prefix.
    client("sagemaker").create_pipeline(
        PipelineName="another",
        RoleArn=f"arn:aws:iam::{ACCOUNT}:role/another",
        ClientRequestToken="t" * 32,
        PipelineDefinition=json.dumps({"Steps": [{"Name": f"s3://{BUCKET}/{other}"}]}),
    )
    wire.clear()
    # A deployment may be about to publish what was uploaded just now.
    assert "nothing to prune" in versions("prune").out
    dry = versions("prune", "--older-than", "0")
    assert dry.code == 0
    assert dry.out.splitlines()[0].startswith(f"- s3://{BUCKET}/{orphan} (5 bytes, ")
    assert dry.out.splitlines()[1:] == ["1 unused scripts, 5 bytes; --delete removes them"]
    assert wire.mutations == []
    assert versions("prune", "--older-than", "0", "--delete").code == 0
    assert keys(client) == used | {other, foreign, elsewhere}
    assert upsert("--dry-run").code == 0


@pytest.mark.usefixtures("two")
def test_prune_keeps_what_old_versions_need(versions: Run, client: Client, wire: Wire) -> None:
    before = keys(client)
    assert len(before) == 6
    assert "nothing to prune" in versions("prune", "--older-than", "0", "--delete").out
    assert keys(client) == before
    assert versions("rollback", "1").code == 0


def test_prune_by_age(upsert: Run, versions: Run, client: Client) -> None:
    from datetime import timedelta

    orphan = f"tables/code/{'0' * 64}/fit.py"
    client("s3").put_object(Bucket=BUCKET, Key=orphan, Body=b"x")
    assert "nothing to prune" in versions("prune").out
    found = s3_backends[ACCOUNT]["aws"].buckets[BUCKET].keys[orphan]
    found.last_modified -= timedelta(days=2)
    assert "nothing to prune" in versions("prune", "--older-than", "3").out
    assert orphan in versions("prune").out


def test_prune_says_what_could_not_be_deleted(versions: Run, client: Client, wire: Wire) -> None:
    client("s3").put_object(Bucket=BUCKET, Key=f"tables/code/{'0' * 64}/fit.py", Body=b"x")
    denied = Fault(lambda _, call: call.operation == "s3:DeleteObjects", "AccessDenied", status=403)
    with wire.fault(denied):
        result = versions("prune", "--older-than", "0", "--delete")
    assert result.code == 1
    assert "can't delete scripts from bucket" in result.err
    assert "DeleteObjects is not allowed" in result.err


def test_more_versions_than_a_page_has(
    upsert: Run, versions: Run, client: Client, wire: Wire
) -> None:
    assert upsert("--alias", "first").code == 0
    text = '{"Version":"2020-12-01","Steps":[{"Name":"S%d","Type":"Fail","Arguments":{}}]}'
    for number in range(120):
        client("sagemaker").update_pipeline(PipelineName="tables", PipelineDefinition=text % number)
    wire.clear()
    found = json.loads(versions("list", "--json").out)
    assert [one["number"] for one in found] == list(range(121, 0, -1))
    assert wire.operations.count("sagemaker:ListPipelineVersions") == 2
    # The alias is found on the last page, and moves.
    assert upsert("--alias", "first").code == 0
    latest = newest(client)
    assert (latest["PipelineVersionId"], latest["PipelineVersionAliases"]) == (122, ["first"])
