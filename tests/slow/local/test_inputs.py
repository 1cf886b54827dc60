"""Inputs: prefixes, manifests, file names, folders that lie in each other; with real processes."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sagepipe.errors import InputError, UnsupportedError
from sagepipe.language.s3 import Location
from sagepipe.local.channels import inputs, manifest
from sagepipe.local.events import Status
from sagepipe.local.store import Mount, Store

Json = Any
Make = Callable[..., Json]
ML = {"ML": "/opt/ml"}

TREE = """
    import json, os
    ml = os.environ["ML"]
    host = json.load(open(ml + "/config/resourceconfig.json"))["current_host"]
    top = ml + "/processing/in"
    paths = [os.path.join(folder, name) for folder, _, names in os.walk(top) for name in names]
    tree = {os.path.relpath(path, top): open(path).read() for path in paths}
    json.dump(tree, open(ml + "/processing/output/out/" + host, "w"))
"""


def trees(lab: Any, make_output: Make, *given: Json, instances: int = 1) -> list[dict[str, str]]:
    """What each instance finds below /opt/ml/processing/in, file by file."""
    step = lab.step(
        "Tree",
        TREE,
        instances=instances,
        inputs=list(given),
        outputs=[make_output("out", "s3://out/e")],
        environment=ML,
    )
    result = lab.run(step)
    assert result.status is Status.SUCCEEDED, (result.reason, result.steps["Tree"].log_tail)
    return [json.loads(lab.get(f"s3://out/e/algo-{n}")) for n in range(1, instances + 1)]


def refused(lab: Any, *given: Json) -> str:
    """The reason for which a job with these inputs fails, before its script has run."""
    result = lab.run(lab.step("Never", "print('ran')", inputs=list(given)))
    assert result.status is Status.FAILED
    assert not list(result.folder.glob("Never/*.log"))
    return str(result.reason)


def changed(item: Json, **members: Json) -> Json:
    return {**item, "S3Input": {**item["S3Input"], **members}}


IN = "/opt/ml/processing/in"


@pytest.mark.parametrize(
    ("prefix", "expected"),
    [
        ("s3://in/data/", {"train/a.csv", "train-b.csv", "tr/c.csv"}),
        ("s3://in/data", {"train/a.csv", "train-b.csv", "tr/c.csv", "data-2/d.csv"}),
        ("s3://in/data/train", {"a.csv", "train-b.csv"}),
        ("s3://in/data/tr", {"c.csv", "train/a.csv", "train-b.csv"}),
        ("s3://in/data/train-b.csv", {"train-b.csv"}),
        ("s3://in", {"data/train/a.csv", "data/train-b.csv", "data/tr/c.csv", "data-2/d.csv"}),
    ],
)
def test_a_prefix_is_a_string_and_names_files_as_the_service_does(
    lab: Any, make_input: Make, make_output: Make, prefix: str, expected: set[str]
) -> None:
    for key in ("data/train/a.csv", "data/train-b.csv", "data/tr/c.csv", "data-2/d.csv"):
        lab.put(f"s3://in/{key}", key)
    (tree,) = trees(lab, make_output, make_input("data", prefix, IN))
    assert tree.keys() == expected


def test_a_single_object_also_brings_what_its_name_starts(
    lab: Any, make_input: Make, make_output: Make
) -> None:
    lab.put("s3://in/deep/a.csv", "1")
    lab.put("s3://in/deep/a.csv.bak", "2")
    (tree,) = trees(lab, make_output, make_input("data", "s3://in/deep/a.csv", IN))
    assert tree == {"a.csv": "1", "a.csv.bak": "2"}


def test_odd_keys_stay_below_the_folder(lab: Any, make_input: Make, make_output: Make) -> None:
    keys = ["../../x", "a b/ü 日本.csv", "/lead", "d//e", "d/./f", "%=g"]
    for key in keys:
        lab.put(f"s3://in/raw/{key}", key)
    (tree,) = trees(lab, make_output, make_input("data", "s3://in/raw/", IN))
    names = ["%=../%=../x", "a b/ü 日本.csv", "lead", "d/e", "d/f", "%=%=g"]
    assert tree == dict(zip(names, keys, strict=True))


def test_a_folder_made_in_the_console_is_no_object(
    lab: Any, make_input: Make, make_output: Make
) -> None:
    for key in ("raw/", "raw/sub/", "raw/a.csv", "raw/b.csv"):
        lab.put(f"s3://in/{key}", "" if key.endswith("/") else "x")
    given = make_input("data", "s3://in/raw/", IN, "ShardedByS3Key")
    found = trees(lab, make_output, given, instances=2)
    assert [set(tree) for tree in found] == [{"a.csv"}, {"b.csv"}]


def test_a_key_that_ends_in_a_slash_and_has_content_is_refused(lab: Any, make_input: Make) -> None:
    lab.put("s3://in/raw/", "content")
    reason = refused(lab, make_input("data", "s3://in/raw", IN))
    assert "s3://in/raw/ has content, but no file can be named after it" in reason


def test_a_manifest_names_objects_one_by_one(lab: Any, make_input: Make, make_output: Make) -> None:
    for key in ("a.csv", "deep/b.csv", "c d.csv", "left-out.csv"):
        lab.put(f"s3://data/raw/{key}", key)
    listed = ["c d.csv", "a.csv", "deep/b.csv"]
    lab.put("s3://lists/m.json", json.dumps([{"prefix": "s3://data/raw/"}, *listed]))
    given = changed(make_input("data", "s3://lists/m.json", IN), S3DataType="ManifestFile")
    (tree,) = trees(lab, make_output, given)
    assert tree == {key: key for key in listed}


def test_a_manifest_is_sharded_in_its_order(lab: Any, make_input: Make, make_output: Make) -> None:
    names = [f"{n}.csv" for n in (3, 1, 4, 0, 2)]
    for name in names:
        lab.put(f"s3://data/raw/{name}", name)
    lab.put("s3://data/m", json.dumps([{"prefix": "s3://data/ra"}, *(f"w/{n}" for n in names)]))
    given = changed(
        make_input("data", "s3://data/m", IN, "ShardedByS3Key"), S3DataType="ManifestFile"
    )
    found = trees(lab, make_output, given, instances=3)
    shards = [["w/3.csv", "w/0.csv"], ["w/1.csv", "w/2.csv"], ["w/4.csv"]]
    assert [sorted(tree) for tree in found] == [sorted(shard) for shard in shards]


HEAD = {"prefix": "s3://data/raw/"}
BAD_MANIFESTS: list[tuple[Json, str]] = [
    ({"prefix": "s3://data/raw/"}, 'a manifest is \\[{"prefix"'),
    ([], "a manifest is"),
    (["a.csv"], "a manifest is"),
    ([{}, "a.csv"], "its first element is {}"),
    ([{"prefix": 1}, "a.csv"], "its first element is"),
    ([{**HEAD, "x": 1}, "a.csv"], "its first element is"),
    ([{"prefix": "data/raw/"}, "a.csv"], "is not an S3 URI"),
    ([{"prefix": "s3://data"}, "a.csv"], "gives another bucket, 'dataa.csv'"),
    ([HEAD], "lists no objects"),
    ([HEAD, ""], '"" is not the end of a key'),
    ([HEAD, {"prefix": "s3://data/"}], "is not the end of a key"),
    ([HEAD, "a.csv", "a.csv"], "lists 'a.csv' twice"),
]


@pytest.mark.parametrize(("content", "message"), BAD_MANIFESTS)
def test_what_is_no_manifest_is_refused(content: Json, message: str) -> None:
    with pytest.raises(InputError, match=f"^here.*{message}"):
        manifest.parse(json.dumps(content).encode(), "here")


def test_a_manifest_that_is_not_json_or_not_there(lab: Any, make_input: Make) -> None:
    given = changed(make_input("data", "s3://data/m", IN), S3DataType="ManifestFile")
    assert "input 'data': its manifest s3://data/m does not exist" in refused(lab, given)
    lab.put("s3://data/m", "a,b")
    assert "input 'data': manifest s3://data/m is not JSON" in refused(lab, given)
    lab.put("s3://data/m", json.dumps([HEAD, "none.csv"]))
    reason = refused(lab, given)
    assert "manifest s3://data/m: s3://data/raw/none.csv does not exist in the store" in reason


def test_an_inputs_folder_may_lie_in_anothers(
    lab: Any, make_input: Make, make_output: Make
) -> None:
    lab.put("s3://in/data/a.csv", "data")
    lab.put("s3://in/data/lists/train.txt", "list")
    lab.put("s3://more/test.txt", "other list")
    (tree,) = trees(
        lab,
        make_output,
        make_input("lists", "s3://more/", f"{IN}/lists/"),
        make_input("data", "s3://in/data/", IN),
    )
    assert tree == {"a.csv": "data", "lists/train.txt": "list", "lists/test.txt": "other list"}


def test_two_inputs_with_one_folder_are_refused_as_by_the_service(
    lab: Any, make_input: Make
) -> None:
    lab.put("s3://in/a")
    reason = refused(
        lab, make_input("one", "s3://in/", IN), make_input("two", "s3://in/", f"{IN}/")
    )
    assert f"LocalPath: is '{IN}/', as is Arguments.ProcessingInputs[0].S3Input.Lo" in reason


def test_two_inputs_that_bring_one_file_are_refused(lab: Any, make_input: Make) -> None:
    lab.put("s3://in/sub/a")
    lab.put("s3://more/a")
    one, two = make_input("one", "s3://in/", IN), make_input("two", "s3://more/", f"{IN}/sub")
    reason = refused(lab, one, two)
    assert f"inputs 'one' and 'two': sub/a and a would both be {IN}/sub/a" in reason


def test_a_file_that_others_need_as_a_folder_is_refused(lab: Any, make_input: Make) -> None:
    lab.put("s3://in/data/data-2/a")
    lab.put("s3://in/data-2")
    reason = refused(lab, make_input("one", "s3://in/data", IN))
    assert f"data-2 would be the file {IN}/data-2, but other objects need that as" in reason


def test_two_objects_of_one_name_are_refused(lab: Any, make_input: Make) -> None:
    lab.put("s3://in/data/data-2")
    lab.put("s3://in/data-2")
    reason = refused(lab, make_input("one", "s3://in/data", IN))
    assert "data-2 and data/data-2 would both be 'data-2'; end the prefix s3://in/data" in reason


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ({"LocalPath": "/opt/ml/input/data"}, "must be a folder below /opt/ml/processing"),
        ({"LocalPath": "/opt/ml/processing/../../etc"}, "must be a folder below"),
        ({"S3Uri": "s3://in/none"}, "no object under s3://in/none; put files there"),
    ],
)
def test_what_no_instance_can_be_given_is_refused(
    tmp_path: Path, make_input: Make, members: Json, message: str
) -> None:
    store = Store(tmp_path)
    store.put(Location("in", "a"), b"x")
    with pytest.raises(InputError, match=rf"^input 'data'.*{message}"):
        inputs.list_channels([changed(make_input("data", "s3://in/", IN), **members)], store)


def test_a_query_is_not_to_be_had_here(tmp_path: Path) -> None:
    given = {"InputName": "q", "DatasetDefinition": {"LocalPath": IN}}
    with pytest.raises(UnsupportedError, match="input 'q': a DatasetDefinition is a query"):
        inputs.list_channels([given], Store(tmp_path))


def test_app_managed_inputs_are_the_scripts_own_business(
    lab: Any, make_input: Make, make_output: Make
) -> None:
    script = """
        import json, os
        ml = os.environ["ML"]
        config = json.load(open(ml + "/config/processingjobconfig.json"))
        json.dump(config["ProcessingInputs"], open(ml + "/processing/output/out/seen", "w"))
        assert not os.path.exists(ml + "/processing/in")
    """
    own = {**make_input("own", "s3://nowhere/at-all", IN), "AppManaged": True}
    del own["S3Input"]["LocalPath"]
    athena = {
        "Catalog": "c",
        "Database": "d",
        "QueryString": "select 1",
        "OutputS3Uri": "s3://b/q",
        "OutputFormat": "PARQUET",
    }
    query = {
        "InputName": "q",
        "AppManaged": True,
        "DatasetDefinition": {"InputMode": "File", "AthenaDatasetDefinition": athena},
    }
    step = lab.step(
        "Own",
        script,
        inputs=[own, query],
        outputs=[make_output("out", "s3://out/e")],
        environment=ML,
    )
    result = lab.run(step)
    assert result.status is Status.SUCCEEDED, (result.reason, result.steps["Own"].log_tail)
    seen = {item["InputName"]: item for item in json.loads(lab.get("s3://out/e/seen"))}
    assert seen["own"]["S3Input"]["S3Uri"] == "s3://nowhere/at-all"
    assert seen["q"] == query


def test_a_script_finds_the_modules_of_an_input_beside_it(lab: Any, make_input: Make) -> None:
    """Python looks where the script really is, so a linked script would look in the store."""
    lab.put("s3://lib/helper.py", "answer = 42")
    step = lab.step(
        "Import",
        "import lib.helper; assert lib.helper.answer == 42",
        inputs=[make_input("lib", "s3://lib/", "/opt/ml/processing/input/code/lib")],
    )
    result = lab.run(step)
    assert result.status is Status.SUCCEEDED, result.steps["Import"].log_tail


def test_large_inputs_are_linked_and_cannot_be_damaged(
    lab: Any, make_input: Make, make_output: Make, tmp_path: Path
) -> None:
    """Also where a folder of the user's has a link that leads out of it."""
    content = "x" * (inputs.COPIED + 1)
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "b.csv").write_text(content)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "a.csv").write_text(content)
    (tmp_path / "mine" / "b.csv").symlink_to(tmp_path / "elsewhere" / "b.csv")
    lab.store = Store(lab.store.root, (Mount("mine", "", tmp_path / "mine", writable=True),))
    script = """
        import os
        folder = os.environ["ML"] + "/processing/in/"
        for name in "ab":
            print(os.path.islink(folder + name + ".csv"))
            try:
                open(folder + name + ".csv", "a").write("damage")
            except OSError as error:
                print(error.strerror)
    """
    result = lab.run(
        lab.step("Damage", script, inputs=[make_input("in", "s3://mine/", IN)], environment=ML)
    )
    assert result.status is Status.SUCCEEDED
    log = (result.folder / "Damage" / "algo-1.log").read_text().split("\n")
    linked = ["True", "Read-only file system"] * 2
    assert log[:-1] == (linked if lab.isolated else ["False"] * 2)
    assert (tmp_path / "mine" / "a.csv").read_text() == content
    assert (tmp_path / "elsewhere" / "b.csv").read_text() == content


def test_a_link_to_a_file_beside_the_store_leaves_the_instance_its_own_folder(
    lab: Any, make_input: Make, make_output: Make, tmp_path: Path
) -> None:
    """What lies around the store can't be written to, but the instance lies in the store."""
    (tmp_path / "beside.csv").write_text("x" * (inputs.COPIED + 1))
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "a.csv").symlink_to(tmp_path / "beside.csv")
    lab.store = Store(lab.store.root, (Mount("mine", "", tmp_path / "mine"),))
    script = """
        import os
        ml = os.environ["ML"]
        open(ml + "/processing/output/out/size", "w").write(
            str(os.path.getsize(ml + "/processing/in/a.csv")))
        open("here", "w").close()
        open(os.environ["TMPDIR"] + "/there", "w").close()
    """
    step = lab.step(
        "Size",
        script,
        inputs=[make_input("in", "s3://mine/", IN)],
        outputs=[make_output("out", "s3://out/e")],
        environment=ML,
    )
    result = lab.run(step)
    assert result.status is Status.SUCCEEDED, (result.reason, result.steps["Size"].log_tail)
    assert lab.get("s3://out/e/size") == str(inputs.COPIED + 1)


def test_a_bucket_of_the_users_is_read_and_written(
    lab: Any, make_input: Make, make_output: Make, tmp_path: Path
) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "a.csv").write_text("1")
    lab.store = Store(lab.store.root, (Mount.parse(f"mine={tmp_path / 'mine'}"),))
    script = """
        import os, shutil
        ml = os.environ["ML"]
        shutil.copy(ml + "/processing/in/a.csv", ml + "/processing/output/out/b.csv")
    """
    step = lab.step(
        "Copy",
        script,
        inputs=[make_input("in", "s3://mine/", IN)],
        outputs=[make_output("out", "s3://mine/results")],
        environment=ML,
    )
    result = lab.run(step)
    assert result.status is Status.SUCCEEDED, result.reason
    assert (tmp_path / "mine" / "results" / "b.csv").read_text() == "1"
    lab.store = Store(lab.store.root, (Mount.parse(f"mine={tmp_path / 'mine'}:ro"),))
    result = lab.run(step)
    assert result.status is Status.FAILED
    assert "s3://mine/results/b.csv lies in" in result.reason
    assert "which is only read" in result.reason
