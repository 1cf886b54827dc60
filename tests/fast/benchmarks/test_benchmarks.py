"""The benchmarks' own arithmetic, data, measuring and pages; not what they measure."""

from pathlib import Path

import mpmath  # with moto
import numpy as np
import pytest

from benchmarks import __main__ as command
from benchmarks import agreement, balance, data, measure, report, results, scaling, throughput
from benchmarks.baselines import numerics
from benchmarks.measure import BenchmarkError, Usage
from benchmarks.results import Result, Table, Target

ROOT = Path(__file__).resolve().parents[3]
FACTS = {
    "processor": "p",
    "cores": 2,
    "memory_gib": 4.0,
    "system": "s",
    "versions": {"numpy": "1"},
}


def test_lognormal_sizes_have_the_mean_asked_for() -> None:
    sizes = data.lognormal(200_000, 60e6, 1.0, 0)
    assert abs(np.mean(sizes) / 60e6 - 1) < 0.02
    assert abs(np.std(np.log(sizes)) - 1) < 0.02


def test_contestants_take_turns_and_ratios_are_of_one_round() -> None:
    order: list[str] = []

    def contestant(name: str, *seconds: float) -> "measure.Callable[[], Usage]":
        left = iter(seconds)

        def go() -> Usage:
            order.append(name)
            return Usage(1.0, next(left), 10.0)

        return go

    found = measure.in_turns(
        {"a": contestant("a", 10, 30, 20), "b": contestant("b", 1, 2, 4)}, 3, lambda _: None
    )
    assert order == ["a", "b"] * 3
    times = measure.ratio(found["a"], found["b"], lambda usage: usage.cpu)
    assert (times.median, times.least, times.greatest) == (10, 5, 15)
    assert times.text() == "10.0 (5.0 to 15.0)"


def test_parts_of_all_hosts_have_all_rows_and_are_full_but_the_last() -> None:
    sizes = [7e6, 3e6, 11e6, 5e6, 2e6]
    by_split = balance.parts(sizes, 2, np.random.default_rng(0))
    rows = sum(size / balance.ROW_BYTES for size in sizes)
    assert abs(sum(map(sum, by_split)) - rows) < len(by_split) * 2
    for parts in by_split:
        assert sum(part != balance.ROWS_PER_PART for part in parts) <= 2


def test_balance_of_parts_is_that_of_each_split_by_itself() -> None:
    assert balance.spread_of([5, 1, 1, 1], 2) == [6, 2]
    assert balance.unevenness([6, 2]) == 1.5
    assert balance.of_parts([[1, 1, 1], [1]], 2) == [3, 1]


def test_parts_balance_where_recordings_do_not() -> None:
    found = balance.simulate(100, balance.MEAN, 8, 5)
    assert min(found["raw"]) > 1.2
    assert max(found["parts"]) < 1.05


def test_the_reference_agrees_with_fifty_digits() -> None:
    generator = np.random.default_rng(1)
    values = generator.normal(size=(4, 30)) * np.array([[1.0], [1e-3], [1.0], [1e-6]]) + 1e6
    with mpmath.workdps(50):
        rows = [[mpmath.mpf(float(x)) for x in lead] for lead in values]
        centred = [[x - mpmath.fsum(lead) / 30 for x in lead] for lead in rows]
        matrix = mpmath.matrix(centred)
        exact = sorted(mpmath.eigsy(matrix * matrix.T / 29, eigvals_only=True), reverse=True)
        found, _ = numerics.reference(values)
        for one, other in zip(found, exact, strict=True):
            error = abs(mpmath.mpf(str(np.format_float_scientific(one, 25))) / other - 1)
            assert error < 1e-12


def test_errors_are_relative_and_axes_without_a_gap_do_not_count() -> None:
    exact = (np.array([4.0, 1.0, 0.999], np.longdouble), np.eye(3, dtype=np.longdouble))
    turned = np.array([[1.0, 0, 0], [0, 0, 1], [0, 1, 0]])
    found = numerics.errors((np.array([4.0, 1.01, 0.999]), -turned), exact)
    assert found["variance"] == pytest.approx(0.01)
    assert found["angle"] == 0


def write_components(folder: Path, values: np.ndarray) -> Path:
    folder.mkdir()
    np.savetxt(folder / "pca_a.csv", values, delimiter=",", fmt="%.17g")
    return folder


def test_components_must_agree_up_to_sign(tmp_path: Path) -> None:
    values = np.random.default_rng(0).normal(size=(50, 3))
    usual = write_components(tmp_path / "usual", values)
    same = write_components(tmp_path / "same", values * [1, -1, 1] + 1e-12)
    agreement.require_same_components(usual, same)
    for name, other in (("off", values + 1e-6), ("short", values[:-1])):
        with pytest.raises(BenchmarkError, match=r"differ by 1|components, but ours"):
            agreement.require_same_components(usual, write_components(tmp_path / name, other))


def some_result(value: float) -> Result:
    return Result(
        [Target("speed of it", value, ">=", 15, spread=f"{value:.1f}")],
        [Table("A title", ("a", "b"), [["1", "2"]], "A note.")],
        {"figure": value},
    )


def test_a_scenario_replaces_its_last_result_and_leaves_the_others(tmp_path: Path) -> None:
    results.save(tmp_path, "one", some_result(20), FACTS, quick=False)
    results.save(tmp_path, "two", some_result(10), FACTS, quick=True)
    results.save(tmp_path, "one", some_result(30), FACTS, quick=False)
    found = results.load(tmp_path)["scenarios"]
    assert list(found) == ["one", "two"]
    assert found["one"]["figures"] == {"figure": 30}
    assert [one["targets"][0]["holds"] for one in found.values()] == [True, False]
    assert sorted(path.name for path in tmp_path.iterdir()) == [results.FILE]


def test_a_damaged_results_file_is_named(tmp_path: Path) -> None:
    (tmp_path / results.FILE).write_text('{"schema": 99}')
    with pytest.raises(BenchmarkError, match=r"results\.json: not results"):
        results.load(tmp_path)


def test_the_page_shows_targets_tables_and_where_they_were_measured(tmp_path: Path) -> None:
    results.save(tmp_path, "one", some_result(10), FACTS, quick=False)
    results.save(tmp_path, "two", some_result(20), FACTS, quick=False)
    report.save(tmp_path, results.load(tmp_path))
    page = (tmp_path / report.PAGE).read_text()
    assert f"| speed of it | 10.0 {results.TIMES} |" in page
    assert page.count("**no**") == 1
    assert "| 1 | 2 |" in page
    assert "A note." in page
    assert "p, 2 cores, 4.0 GiB, s; numpy 1" in page
    assert "--quick" not in page
    assert not (tmp_path / report.CHART).exists()


@pytest.mark.parametrize("option", [["--only", "speed,nothing"], ["--rounds", "0"]])
def test_a_wrong_command_line_exits_with_2(option: list[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        command.main(option)
    assert stopped.value.code == 2


def test_committed_pages_are_those_of_the_committed_results() -> None:
    """Fails until a full run's results are in benchmarks/results; then keeps figures untyped."""
    folder = ROOT / "benchmarks" / "results"
    content = results.load(folder)
    assert set(content["scenarios"]) == set(command.SCENARIOS)
    assert not any(one["quick"] for one in content["scenarios"].values())
    assert (folder / report.PAGE).read_text() == report.page(content, has_chart=True)
    assert (folder / report.CHART).read_text() == report.chart(content["scenarios"]["speed"])
    page = (ROOT / "docs" / "scaling.md").read_text()
    assert page == scaling.page(content)
    table = (ROOT / "pipelines" / throughput.FILE).read_text()
    assert table == throughput.text(content)
    readme = (ROOT / "docs" / "numbers.md").read_text()
    assert readme == report.in_readme(readme, content)


def test_throughput_is_of_the_results() -> None:
    content = results.load(ROOT / "benchmarks" / "results")
    figures = content["scenarios"]["speed"]["figures"]
    figures["pca_bytes_per_cpu_second"] = 123e6
    content["scenarios"]["large"]["figures"]["pca_gain_of_2_cores"] = 1.25
    content["scenarios"]["pipeline"]["quick"] = True
    found = throughput.table(content)
    assert (found.steps["Pca"].rate, found.steps["Pca"].second_core) == (123e6, 1.25)
    assert found.steps["Preprocess"].written == figures["part_bytes"] / figures["raw_bytes"]
    assert found.quick


@pytest.mark.parametrize("lacking", ["speed", "large", "spark", "pipeline"])
def test_throughput_without_its_scenarios_is_an_error(lacking: str) -> None:
    content = results.load(ROOT / "benchmarks" / "results")
    del content["scenarios"][lacking]
    assert not throughput.ready(content)
    with pytest.raises(BenchmarkError, match=f"the results have no '{lacking}'"):
        throughput.table(content)


def test_no_page_proposes_more_instances_than_a_job_may_have() -> None:
    content = results.load(ROOT / "benchmarks" / "results")
    content["scenarios"]["spark"]["figures"]["spark_bytes_per_core_second"] = 3e6
    page = scaling.page(content)
    rows = [line for line in page.splitlines() if line.startswith("| ") and " h |" in line]
    assert any("| no: longer than the step's own limit, 12.0 h |" in row for row in rows)
    assert "quota" not in "".join(rows)


def test_the_readme_gets_the_targets_in_their_place() -> None:
    with pytest.raises(BenchmarkError, match="no place for the targets"):
        report.in_readme("# Project\n", {"scenarios": {}})
    place = f"{report._BEGIN}\nstale\n{report._END}"
    target = {"what": "speed", "value": 3.0, "relation": ">=", "bound": 2, "unit": "", "spread": ""}
    content = {"scenarios": {"speed": {"targets": [{**target, "holds": True}]}}}
    text = report.in_readme(f"# Project\n{place}\nmore\n", content)
    assert text.startswith("# Project\n<!--")
    assert text.endswith("<!-- to here -->\nmore\n")
    assert "| speed | 3 | ≥ 2 | yes |" in text
    assert "stale" not in text
    assert report.in_readme(text, content) == text
