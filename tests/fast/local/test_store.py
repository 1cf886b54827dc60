"""The folder that stands in for S3."""

import os
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sagepipe.errors import SettingsError, StoreError
from sagepipe.language.s3 import Location
from sagepipe.local.store import Mount, Store


def put(store: Store, uri: str, content: bytes = b"x") -> None:
    store.put(Location.parse(uri), content)


def keys(store: Store, uri: str) -> list[str]:
    return [item.key for item in store.list(Location.parse(uri))]


def test_a_prefix_is_a_string_not_a_folder(tmp_path: Path) -> None:
    store = Store(tmp_path)
    for name in ("data/train/a", "data/train-b", "data/tr", "other/train"):
        put(store, f"s3://bucket/{name}")
    assert keys(store, "s3://bucket/data/train") == ["data/train-b", "data/train/a"]
    assert keys(store, "s3://bucket/data/train/") == ["data/train/a"]
    assert len(keys(store, "s3://bucket")) == 4
    assert keys(store, "s3://nowhere/x") == []


@given(
    st.lists(st.text("aZ-/_é0.", min_size=1, max_size=6), max_size=6), st.text("aZ-/_é", max_size=3)
)
def test_listing_is_what_s3_lists(
    tmp_path_factory: pytest.TempPathFactory, names: list[str], prefix: str
) -> None:
    store = Store(tmp_path_factory.mktemp("store"))
    held = set()
    for name in names:
        try:
            put(store, f"s3://bucket/{name}")
        except StoreError:
            continue  # a key that no file can stand for
        held.add(name)
    expected = sorted((name for name in held if name.startswith(prefix)), key=str.encode)
    assert [item.key for item in store.list(Location("bucket", prefix))] == expected


ODD = [
    "../out",
    "a/../../out",
    "a//b",
    "a/",
    "/a",
    "//a",
    "./a",
    "..",
    "%=",
    "%=../x",
    "a/%=%=b",
    "é ü/*?",
]


@pytest.mark.parametrize("key", ODD)
def test_a_key_that_no_file_can_be_named_after_stays_inside_and_comes_back(
    tmp_path: Path, key: str
) -> None:
    store = Store(tmp_path / "store")
    store.put(Location("bucket", key), b"x")
    assert store.read(Location("bucket", key)) == b"x"
    assert [item.key for item in store.list(Location("bucket"))] == [key]
    assert [item.key for item in store.list(Location("bucket", key))] == [key]
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len(files) == 1
    assert files[0].is_relative_to(tmp_path / "store" / "bucket")


def test_odd_keys_that_resemble_each_other_are_different_objects(tmp_path: Path) -> None:
    store = Store(tmp_path)
    names = ["a/../b", "b", "%=../b", "a/%=../b", "/b", "%=/b", "a/./b", "a/b"]
    for name in names:
        put(store, f"s3://bucket/{name}", name.encode())
    assert keys(store, "s3://bucket/") == sorted(names)
    assert all(store.read(Location("bucket", name)) == name.encode() for name in names)


@pytest.mark.parametrize(
    ("key", "message"),
    [("", "an empty key"), ("a\0b", "NUL"), ("é" * 128, "a segment of more than 255 bytes")],
)
def test_a_key_that_cannot_be_held_is_refused(tmp_path: Path, key: str, message: str) -> None:
    with pytest.raises(StoreError, match=message):
        Store(tmp_path / "store").put(Location("bucket", key), b"x")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("key", ["../out", "a//b", "/a", "a/"])
def test_a_mounted_folder_refuses_odd_keys(tmp_path: Path, key: str) -> None:
    (tmp_path / "mine").mkdir()
    store = Store(tmp_path / "store", (Mount("bucket", "", tmp_path / "mine", writable=True),))
    with pytest.raises(StoreError, match="is a folder of yours, and no file in it can be named so"):
        store.put(Location("bucket", key), b"x")
    assert store.list(Location("bucket", key)) == []
    assert not (tmp_path / "out").exists()


def test_a_writable_mount_is_a_whole_bucket(tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    mine.mkdir()
    store = Store(tmp_path / "store", (Mount.parse(f"data={mine}"),))
    put(store, "s3://data/deep/a.csv", b"1")
    assert (mine / "deep" / "a.csv").read_bytes() == b"1"
    assert keys(store, "s3://data/de") == ["deep/a.csv"]
    assert store.bucket("data") == mine
    put(store, "s3://other/b", b"2")
    assert (tmp_path / "store" / "other" / "b").read_bytes() == b"2"
    assert [path.name for path in mine.rglob("*")] == ["deep", "a.csv"]


def test_a_bucket_that_is_only_read(tmp_path: Path) -> None:
    (tmp_path / "a=b:c").mkdir()
    mount = Mount.parse(f"data={tmp_path}/a=b:c:ro")
    assert (mount.bucket, mount.directory, mount.writable) == ("data", tmp_path / "a=b:c", False)
    with pytest.raises(StoreError, match="which is only read"):
        put(Store(tmp_path / "store", (mount,)), "s3://data/a")


@pytest.mark.parametrize("text", ["data", "=x", "data=", "..=x", "a/b=x", "data=no-such-folder"])
def test_a_bucket_option_says_what_is_wrong_with_it(text: str) -> None:
    with pytest.raises(SettingsError, match=r"--bucket .*(write NAME=DIR|make it first)"):
        Mount.parse(text)


def test_below_a_mount_the_stores_own_objects_are_hidden(tmp_path: Path) -> None:
    """Else a generated sample of an earlier run would be read beside the user's recordings."""
    put(Store(tmp_path / "store"), "s3://bucket/raw/sample.csv")
    put(Store(tmp_path / "store"), "s3://bucket/rawer/a.csv")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "b.csv").write_text("1")
    (tmp_path / "inner").mkdir()
    (tmp_path / "inner" / "c.csv").write_text("2")
    outer, inner = (
        Mount("bucket", "raw", tmp_path / "mine"),
        Mount("bucket", "raw/deep", tmp_path / "inner"),
    )
    for mounts in ((outer, inner), (inner, outer)):
        store = Store(tmp_path / "store", mounts)
        assert keys(store, "s3://bucket/") == ["raw/b.csv", "raw/deep/c.csv", "rawer/a.csv"]
        assert store.read(Location("bucket", "raw/deep/c.csv")) == b"2"
        with pytest.raises(StoreError, match="does not exist"):
            store.read(Location("bucket", "raw/sample.csv"))


def test_a_store_inside_a_mounted_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="name a --store outside of it"):
        Store(tmp_path / "deep" / "store", (Mount("bucket", "raw", tmp_path),))


def test_a_file_name_that_is_not_utf8_is_named(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    try:
        open(os.fsencode(tmp_path / "mine") + b"/\xff.csv", "w").close()
    except OSError:
        pytest.skip("this file system takes UTF-8 names only")
    store = Store(tmp_path / "store", (Mount("bucket", "raw", tmp_path / "mine"),))
    with pytest.raises(StoreError, match="keys are UTF-8, and this file's name isn't"):
        store.list(Location("bucket", "raw"))


def test_a_copy_that_is_no_longer_good_is_not_published(tmp_path: Path) -> None:
    source = tmp_path / "result"
    source.write_text("1")
    store = Store(tmp_path / "store")
    assert store.copy_in(source, Location("bucket", "a"), lambda: False) is False
    assert keys(store, "s3://bucket/") == []
    assert store.copy_in(source, Location("bucket", "a")) is True
    assert source.exists()
    assert store.read(Location("bucket", "a")) == b"1"
    assert not list((store.state / "staging").iterdir())


def test_what_killed_writers_left_is_swept_once_nobody_can_be_writing_it(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.sweep()  # a store that nobody has written to
    staging = store.state / "staging"
    staging.mkdir(parents=True)
    for name, age in (("left", 2 * 86_400), ("under-way", 60)):
        (staging / name).write_text("half")
        written = time.time() - age
        os.utime(staging / name, (written, written))
    store.sweep()
    assert [path.name for path in staging.iterdir()] == ["under-way"]


def test_what_the_disk_refuses_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import errno

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(StoreError, match=r"s3://bucket/a cannot be written: No space left"):
        put(Store(tmp_path / "store"), "s3://bucket/a")


@pytest.mark.parametrize("bucket", ["..", ".local", "a\\b"])
def test_a_bucket_cannot_leave_the_store(tmp_path: Path, bucket: str) -> None:
    with pytest.raises(StoreError, match="is not a bucket name"):
        Store(tmp_path).list(Location(bucket, "a"))


def test_listing_with_dots_stays_inside(tmp_path: Path) -> None:
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret" / "file").write_text("x")
    assert Store(tmp_path / "store").list(Location("bucket", "../../secret/")) == []


def test_an_object_and_a_folder_of_one_name_are_refused(tmp_path: Path) -> None:
    store = Store(tmp_path)
    put(store, "s3://bucket/a/b")
    with pytest.raises(StoreError, match=r"s3://bucket/a: .* choose another key"):
        put(store, "s3://bucket/a")
    with pytest.raises(StoreError, match=r"s3://bucket/a/b/c: .* choose another key"):
        put(store, "s3://bucket/a/b/c")


def test_a_mount_is_read_where_it_lies_and_never_written(tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    (folder / "deep").mkdir(parents=True)
    (folder / "deep" / "a.csv").write_text("1")
    store = Store(tmp_path / "store", (Mount("bucket", "raw", folder),))
    assert keys(store, "s3://bucket/raw") == ["raw/deep/a.csv"]
    assert store.list(Location("bucket", "raw/"))[0].path == folder / "deep" / "a.csv"
    assert store.read(Location("bucket", "raw/deep/a.csv")) == b"1"
    with pytest.raises(StoreError, match="which is only read"):
        put(store, "s3://bucket/raw/b.csv")
    put(store, "s3://bucket/rawer/b.csv")
    assert [path.name for path in folder.rglob("*")] == ["deep", "a.csv"]


def test_reading_through_a_mount_does_not_leave_it(tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    (tmp_path / "secret").write_text("x")
    store = Store(tmp_path / "store", (Mount("bucket", "raw", folder),))
    with pytest.raises(StoreError):
        store.read(Location("bucket", "raw/../secret"))


def test_a_missing_object_is_said(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"s3://bucket/a does not exist in the store"):
        Store(tmp_path).read(Location("bucket", "a"))


def test_moving_in_leaves_no_copy_behind(tmp_path: Path) -> None:
    source = tmp_path / "result"
    source.write_text("1")
    store = Store(tmp_path / "store")
    store.move_in(source, Location("bucket", "a/b"))
    assert not source.exists()
    assert store.read(Location("bucket", "a/b")) == b"1"


def test_moving_in_from_another_file_system_copies(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import errno

    source = tmp_path / "result"
    source.write_text("1")
    real = os.replace

    def replace(a: Path, b: Path) -> None:
        if Path(a) == source:
            raise OSError(errno.EXDEV, "Invalid cross-device link")
        real(a, b)

    monkeypatch.setattr(os, "replace", replace)
    store = Store(tmp_path / "store")
    store.move_in(source, Location("bucket", "a/b"))
    assert not source.exists()
    assert store.read(Location("bucket", "a/b")) == b"1"
