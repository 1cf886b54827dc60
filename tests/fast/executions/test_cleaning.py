"""Which local executions go, what goes with them, and what never does."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
import records
from pytest_mock import MockerFixture

from sagepipe.errors import ExecutionError, LocalError
from sagepipe.executions import cleaning
from sagepipe.executions.cleaning import Plan, Rules
from sagepipe.local import record
from sagepipe.local.events import Status
from sagepipe.local.store import Mount, Store


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


def plan(store: Store, *, outputs: bool = False, **rules: timedelta | int) -> Plan:
    return cleaning.plan(store, Rules(**rules), outputs=outputs, now=records.NOW)  # type: ignore[arg-type]


def ids(found: Plan) -> list[str]:
    return [removal.entry.id for removal in found.removals]


def folders(store: Store) -> set[str]:
    return {path.name for path in (store.state / "executions").iterdir()}


def fit(identity: str, **members: object) -> record.StepResult:
    return records.step("Fit", outputs={"rows": f"s3://bkt/runs/{identity}/rows"}, **members)


def three(store: Store) -> None:
    """Executions that are 1, 2 and 30 days old, each with an output of 100 bytes of its own."""
    for identity, days in (("new", 1.0), ("mid", 2.0), ("old", 30.0)):
        records.write(store, identity, fit(identity), days_ago=days)
        records.put(store, f"s3://bkt/runs/{identity}/rows/part", b"x" * 100)


@pytest.mark.parametrize(
    ("rules", "expected"),
    [
        ({"older_than": timedelta(days=1.5)}, ["mid", "old"]),
        ({"older_than": timedelta(days=90)}, []),
        ({"keep": 1}, ["mid", "old"]),
        ({"keep": 0}, ["new", "mid", "old"]),
        ({"keep": 3}, []),
        ({"max_bytes": 0}, ["new", "mid", "old"]),
        ({"max_bytes": 10**9}, []),
        ({"keep": 2, "older_than": timedelta(days=1.5)}, ["mid", "old"]),
    ],
)
def test_the_rules(store: Store, rules: dict[str, timedelta | int], expected: list[str]) -> None:
    three(store)
    found = plan(store, **rules)
    assert ids(found) == expected
    assert found.kept == 3 - len(expected)


def test_the_newest_that_fit_into_a_size_stay(store: Store) -> None:
    three(store)
    each = plan(store, keep=0, outputs=True).removals[0].bytes
    assert ids(plan(store, max_bytes=2 * each + 10, outputs=True)) == ["old"]
    assert each > plan(store, keep=0).removals[0].bytes + 99


def test_a_rule_is_needed() -> None:
    with pytest.raises(ExecutionError, match="say what may go: --older-than DAYS, --keep N or"):
        Rules()


def test_planning_changes_nothing(store: Store) -> None:
    three(store)
    before = sorted(str(path) for path in store.root.rglob("*"))
    assert plan(store, keep=0, outputs=True).bytes > 300
    assert sorted(str(path) for path in store.root.rglob("*")) == before


def test_records_and_logs_go_and_outputs_stay(store: Store) -> None:
    three(store)
    result = records.write(store, "log", fit("log"), days_ago=3)
    records.log(result, "Fit", "algo-1", "y" * 5000)
    found = plan(store, keep=1)
    assert next(one for one in found.removals if one.entry.id == "log").bytes > 5000
    assert [one.entry.id for one in cleaning.carry_out(found)] == ["mid", "log", "old"]
    assert folders(store) == {"new"}
    assert (store.root / "bkt/runs/old/rows/part").exists()
    assert not (store.state / "removed" / "old").exists()


def test_own_outputs_go_with_their_empty_folders(store: Store) -> None:
    three(store)
    cleaning.carry_out(plan(store, keep=1, outputs=True))
    assert [path.name for path in (store.root / "bkt/runs").iterdir()] == ["new"]
    assert (store.root / "bkt/runs/new/rows/part").exists()


def test_an_output_that_another_execution_took_stays(store: Store) -> None:
    records.write(store, "old", fit("old"), days_ago=9)
    records.put(store, "s3://bkt/runs/old/rows/part")
    records.write(store, "new", fit("old", reused="cached", source="old"), days_ago=1)
    found = plan(store, keep=1, outputs=True)
    (removal,) = found.removals
    assert removal.files == ()
    assert removal.left == (("s3://bkt/runs/old/rows", "execution new refers to it"),)
    cleaning.carry_out(found)
    assert (store.root / "bkt/runs/old/rows/part").exists()
    # when both go, so does what only they refer to
    records.write(store, "old", fit("old"), days_ago=9)
    cleaning.carry_out(plan(store, keep=0, outputs=True))
    assert not (store.root / "bkt/runs").exists()


def test_outputs_whose_own_record_is_gone_go_with_the_last_that_took_them(store: Store) -> None:
    records.put(store, "s3://bkt/runs/gone/rows/part", b"x" * 100)
    for identity, days in (("new", 1), ("mid", 2)):
        taken = fit("gone", reused="cached", source="gone")
        records.write(store, identity, taken, days_ago=days)
    assert plan(store, keep=1, outputs=True).removals[0].files == ()
    found = plan(store, keep=0, outputs=True)
    assert [len(one.files) for one in found.removals] == [1, 0]
    cleaning.carry_out(found)
    assert not (store.root / "bkt/runs").exists()


def test_an_execution_without_its_definition_goes_like_the_others(store: Store) -> None:
    three(store)
    (record.folder_of(store, "old") / record.DEFINITION).unlink()
    cleaning.carry_out(plan(store, keep=2, outputs=True))
    assert folders(store) == {"new", "mid"}
    assert not (store.root / "bkt/runs/old").exists()


@pytest.mark.parametrize(
    "uses",
    [
        "s3://bkt/runs/old/rows",
        "s3://bkt/runs/old/rows/part",
        "s3://bkt/runs/old",
        "s3://bkt",
        "--input=s3://bkt/runs/old/rows/,s3://x/y",
    ],
)
def test_an_output_that_another_execution_reads_stays(store: Store, uses: str) -> None:
    records.write(store, "old", fit("old"), days_ago=9)
    records.put(store, "s3://bkt/runs/old/rows/part")
    reader = records.step("Fit", properties={"AppSpecification": {"ContainerArguments": [uses]}})
    records.write(store, "new", reader)
    assert plan(store, keep=1, outputs=True).removals[0].files == ()


def test_another_key_is_no_reference(store: Store) -> None:
    records.write(store, "old", fit("old"), days_ago=9)
    records.put(store, "s3://bkt/runs/old/rows/part")
    reader = records.step("Fit", properties={"Uri": "s3://bkt/runs/old/rows-of-another"})
    records.write(store, "new", reader)
    assert len(plan(store, keep=1, outputs=True).removals[0].files) == 1


def test_a_damaged_record_that_names_an_execution_keeps_its_outputs(store: Store) -> None:
    three(store)
    damaged = records.write(store, "bad").folder / record.RECORD
    damaged.write_text('{"steps": {"Fit": {"source": "old", ')
    found = plan(store, keep=0, outputs=True)
    assert ids(found) == ["new", "mid", "old"]
    assert [len(one.files) for one in found.removals] == [1, 1, 0]
    assert any(str(damaged) in note and "left as it is" in note for note in found.notes)
    cleaning.carry_out(found)
    assert folders(store) == {"bad"}


def test_an_output_without_the_executions_id_in_its_key_stays(store: Store) -> None:
    shared = records.step("Fit", outputs={"rows": "s3://bkt/latest", "more": "s3://bkt/xold/y"})
    records.write(store, "old", shared)
    records.put(store, "s3://bkt/latest/part")
    (removal,) = plan(store, keep=0, outputs=True).removals
    assert removal.files == ()
    assert "its key doesn't have the execution's id" in dict(removal.left)["s3://bkt/latest"]
    assert "s3://bkt/xold/y" in dict(removal.left)


def test_a_folder_of_the_users_is_never_touched(store: Store, tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    (mine / "rows").mkdir(parents=True)
    (mine / "rows" / "part").write_text("precious")
    mount = Mount("bkt", "runs/old", mine, writable=True)
    records.write(store, "old", fit("old"), mounts=(mount,))
    records.put(store, "s3://bkt/runs/old/rows/hidden")  # of the store's own, below the mount
    cleaning.carry_out(plan(store, keep=0, outputs=True))
    assert (mine / "rows" / "part").read_text() == "precious"
    assert folders(store) == set()


def test_a_running_execution_never_goes(store: Store) -> None:
    three(store)
    result = records.write(store, "run", fit("run"), status=Status.EXECUTING, days_ago=99)
    with record.held(result.folder):
        found = plan(store, keep=0, outputs=True)
        assert ids(found) == ["new", "mid", "old"]
        assert "execution run is running; left as it is" in found.notes
        cleaning.carry_out(found)
    assert folders(store) == {"run"}
    # nobody runs it any more
    assert ids(plan(store, keep=0)) == ["run"]


def test_one_that_was_resumed_since_the_plan_was_made_stays(store: Store) -> None:
    three(store)
    found = plan(store, keep=0)
    with record.held(record.folder_of(store, "mid")):
        assert [one.entry.id for one in cleaning.carry_out(found)] == ["new", "old"]
    assert folders(store) == {"mid"}


def test_a_cached_result_goes_with_the_outputs_that_it_stands_for(store: Store) -> None:
    three(store)
    entry = store.state / "step-cache" / "tables" / "Fit" / "key" / "old.json"
    entry.parent.mkdir(parents=True)
    entry.write_text("{}")
    cleaning.carry_out(plan(store, keep=2))
    assert entry.exists()
    records.write(store, "old", fit("old"), days_ago=30)
    cleaning.carry_out(plan(store, keep=2, outputs=True))
    assert not entry.exists()


def test_what_is_cut_short_is_finished_by_the_next(store: Store, mocker: MockerFixture) -> None:
    three(store)
    full = OSError(5, "Input/output error", "/some/where")
    rmtree = mocker.patch("sagepipe.executions.cleaning.shutil.rmtree", side_effect=[None, full])
    with pytest.raises(LocalError, match="old can't be removed: /some/where: Input/output error"):
        cleaning.carry_out(plan(store, keep=2))
    assert folders(store) == {"new", "mid"}
    assert [path.name for path in (store.state / "removed").iterdir()] == ["old"]
    mocker.stop(rmtree)
    cleaning.carry_out(plan(store, keep=2))
    assert not list((store.state / "removed").glob("*"))


def test_what_can_not_be_removed_is_named(store: Store, mocker: MockerFixture) -> None:
    three(store)
    denied = PermissionError(13, "Permission denied", "/some/where")
    mocker.patch("sagepipe.executions.cleaning._remove", side_effect=denied)
    words = "execution old can't be removed: /some/where: Permission denied"
    with pytest.raises(LocalError, match=words):
        cleaning.carry_out(plan(store, keep=2))
