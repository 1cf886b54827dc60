"""The folder that stands in for S3."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.errors import StoreError
from pipelines.local.store import Location, Mount, Store


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


@pytest.mark.parametrize("key", ["../out", "a/../../out", "a//b", "", "a/", "/a", "./a"])
def test_a_key_that_no_file_can_stand_for_is_refused(tmp_path: Path, key: str) -> None:
    with pytest.raises(StoreError, match=r"cannot hold a key"):
        Store(tmp_path / "store").put(Location("bucket", key), b"x")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "uri", ["bucket/key", "https://bucket/key", "s3://", "s3:///key", "s3:/b/k"]
)
def test_what_is_not_an_s3_uri_is_refused(uri: str) -> None:
    with pytest.raises(StoreError, match="is not an S3 URI; write s3://bucket/key"):
        Location.parse(uri)


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
    import os

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
