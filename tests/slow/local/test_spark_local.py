"""The managed Spark image's contract on pip's pyspark: real processes over a small store.

Two Spark starts serve all tests here: `step` runs spark_transform.py as the pipeline does, and
`probe` runs a script that looks at file systems, settings and the step's error paths.
"""

import json
import shutil
import subprocess
import tempfile
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from sagepipe.language.s3 import Location
from sagepipe.local.spark import distribution, emr
from sagepipe.local.spark.command import parse
from sagepipe.local.spark.submit import (
    SparkCommandError,
    SparkLaunch,
    is_primary,
    is_spark_submit,
    prepare,
)
from sagepipe.local.store import Mount, Store

CODE = Path(__file__).parents[3] / "code"
WINDOW, STEP = 0.3, 0.1


# --- the world: a store, an instance, one command -------------------------------------------


@dataclass(frozen=True)
class World:
    """Folders as the engine would make them; a space in every path, on purpose."""

    root: Path
    elsewhere: Path
    """A folder on another file system, where there is one."""

    @property
    def bucket(self) -> Path:
        return self.root / "a store" / "bucket"

    @property
    def opt_ml(self) -> Path:
        return self.root / "opt ml"

    @property
    def only_read(self) -> Path:
        return self.root / "my ${HOME} 100%" / "read"

    @property
    def written(self) -> Path:
        return self.root / "my ${HOME} 100%" / "written"

    @property
    def store(self) -> Store:
        self.only_read.mkdir(parents=True, exist_ok=True)
        self.written.mkdir(exist_ok=True)
        return Store(
            self.root / "a store",
            (
                Mount("bucket", "mounted/read", self.only_read),
                Mount("mounted", "", self.written, writable=True),
                Mount("mounted", "deep/read", self.only_read),
                Mount("mounted", "deep/written", self.elsewhere, writable=True),
            ),
        )

    def prepare(self, *words: str, work: str = "a work") -> SparkLaunch:
        return prepare(
            ["smspark-submit", *words],
            opt_ml=self.opt_ml,
            store=self.store,
            work=self.root / work,
            cache=self.root / "a cache",
            cores=2,
        )

    def run(self, launch: SparkLaunch) -> subprocess.CompletedProcess[str]:
        """Run with a PATH that has what a shell script needs and no Java."""
        tools = self.root / "tools"
        tools.mkdir(exist_ok=True)
        for name in ("bash", "env", "dirname", "rm", "chmod"):
            if not (tools / name).exists():
                (tools / name).symlink_to(shutil.which(name) or pytest.fail(f"no {name}"))
        assert shutil.which("java", path=str(tools)) is None
        return subprocess.run(
            launch.argv,
            env={"PATH": str(tools), "HOME": str(self.root), "LANG": "C.UTF-8", **launch.env},
            cwd=self.root,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )


@dataclass(frozen=True)
class Run:
    world: World
    launch: SparkLaunch
    done: subprocess.CompletedProcess[str]
    linked: Path
    """A hard link to a file that was in the output before the run."""


RECORDINGS = {"train": ["p1/s1", "p2"], "test": ["p3"]}


def recording(name: str) -> dict[str, Any]:
    """Samples every 0.1 s / 3, so that every third one lies exactly on a window's edge."""
    random = np.random.default_rng(len(name))
    samples = 70 + len(name)
    sample = np.arange(samples, dtype=np.int64)
    # Zeros in pc2: they count as positive.
    pc2 = np.tile([1.0, 0.0, -1.0, -0.5, 0.0, -2.0, 3.0], samples)[:samples]
    return {
        "recording": [name] * samples,
        "sample": sample,
        "time": sample / 30.0,
        "pc1": random.normal(size=samples) + 1e3,
        "pc2": pc2,
    }


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    root = tmp_path_factory.mktemp("spark local")
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as elsewhere:
        world = World(root, Path(elsewhere))
        furnish(world)
        yield world


def furnish(made: World) -> None:
    bucket = made.bucket
    bucket.mkdir(parents=True)
    for split, names in RECORDINGS.items():
        folder = bucket / "run/components" / f"split={split}"
        folder.mkdir(parents=True)
        table = pa.concat_tables(pa.table(recording(name)) for name in names)
        # Parts run on across recordings, so a recording lies in several; the last has no row.
        for part, start in enumerate([*range(0, table.num_rows, 40), table.num_rows]):
            pq.write_table(table.slice(start, 40), folder / f"part-algo-1-{part:05d}.parquet")
    empty = pa.table(recording("p3")).slice(0, 0)
    (bucket / "run/components/split=validation").mkdir()
    pq.write_table(empty, bucket / "run/components/split=validation/none-algo-2.parquet")

    early = pa.table({**recording("early"), "time": recording("early")["time"] - 1.0})
    (bucket / "early/split=train").mkdir(parents=True)
    pq.write_table(early, bucket / "early/split=train/part.parquet")
    (bucket / "nothing").mkdir()

    with zipfile.ZipFile(bucket / "ecglib.zip", "w") as archive:
        for path in sorted(
            file for kind in ("*.py", "*.java") for file in (CODE / "ecglib").rglob(kind)
        ):
            archive.write(path, path.relative_to(CODE).as_posix())
    shutil.copy(CODE / "spark_transform.py", bucket)

    conf = made.opt_ml / "processing/input/conf/configuration.json"
    conf.parent.mkdir(parents=True)
    conf.write_text(
        json.dumps(
            [
                {
                    "Classification": "spark-defaults",
                    "Properties": {
                        "spark.executor.memory": "700g",
                        "spark.driver.memory": "1g",
                        "spark.sql.session.timeZone": "Asia/Tokyo",
                    },
                },
                {"Classification": "core-site", "Properties": {"ecg.from.core.site": "yes"}},
                {
                    "Classification": "spark-env",
                    "Properties": {},
                    "Configurations": [
                        {
                            "Classification": "export",
                            "Properties": {"QUOTED": "'two words'", "JAVA_HOME": "/usr"},
                        }
                    ],
                },
                {"Classification": "yarn-site", "Properties": {"yarn.x": "1"}},
            ]
        )
    )


@pytest.fixture(scope="module")
def step(world: World) -> Run:
    config = world.opt_ml / "config/processingjobconfig.json"
    config.parent.mkdir(parents=True)
    output = {"OutputName": "features", "S3Output": {"S3Uri": "s3://bucket/run/features"}}
    config.write_text(json.dumps({"ProcessingOutputConfig": {"Outputs": [output]}}))
    old = world.bucket / "run/features/split=old/part-0.parquet"
    old.parent.mkdir(parents=True)
    old.write_text("an earlier run's")
    linked = world.root / "linked"
    linked.hardlink_to(old)
    launch = world.prepare(
        *("--py-files", "s3://bucket/ecglib.zip"),
        *("--local-spark-event-logs-dir", str(world.opt_ml / "processing/spark-events")),
        "s3://bucket/spark_transform.py",
        *("--input", "s3://bucket/run/components", "--output-name", "features"),
        *("--job-config", str(config)),
        *("--receipt-dir", str(world.opt_ml / "processing/output/features")),
        *("--window", str(WINDOW), "--step", str(STEP)),
    )
    return Run(world, launch, world.run(launch), linked)


PROBE = """
import json, os, sys
import spark_transform
from ecglib.errors import StepError
from pyspark.sql import SparkSession

result_path, message_path = sys.argv[1:]
result = {}

def step(*arguments):
    code = spark_transform.main([*arguments, "--message-file", message_path])
    return code, open(message_path).read()

result["missing bucket"] = step("--input", "s3://absent/c", "--output", "s3://bucket/x")
result["no components"] = step("--input", "s3://bucket/nothing", "--output", "s3://bucket/x")
result["early"] = step("--input", "s3a://bucket/early", "--output", "s3a://bucket/x")

spark = SparkSession.builder.getOrCreate()

def attempt(action):
    try:
        return str(action())
    except Exception as error:
        return str(error)

Path = spark._jvm.org.apache.hadoop.fs.Path
conf = spark._jsc.hadoopConfiguration()

def files(uri):
    return Path(uri).getFileSystem(conf)

names = ["spark.master", "spark.sql.session.timeZone", "spark.driver.memory"]
result["settings"] = {name: spark.conf.get(name) for name in names}
result["core-site"] = conf.get("ecg.from.core.site")
result["environment"] = {name: os.environ.get(name) for name in ("QUOTED", "JAVA_HOME")}
result["java"] = spark._jvm.System.getProperty("java.home")
result["write"] = attempt(lambda: spark.range(3).write.parquet("s3://absent/table"))
os.mkdir(os.path.join(conf.get("fs.sagepipe.store"), "made-later"))
spark.range(3).write.csv("s3a://made-later/deep/table")
spark.range(2).write.mode("overwrite").csv("s3://made-later/deep/table")
result["read"] = spark.read.csv("s3://made-later/deep/*").count()
result["root"] = [s.getPath().toString() for s in files("s3://made-later").listStatus(Path("s3://made-later"))]
result["outside"] = attempt(lambda: files("s3://bucket").exists(Path("s3://bucket/a/../../bucket-2/x")))
result["append"] = attempt(lambda: files("s3://bucket").append(Path("s3://bucket/ecglib.zip")))
result["delete root"] = attempt(lambda: files("s3://bucket").delete(Path("s3://bucket/"), True))
spark.range(4).write.parquet("/opt/ml/processing/output/x")
result["hdfs"] = spark.read.parquet("hdfs:///opt/ml/processing/output/x").count()
context = spark._jvm.org.apache.hadoop.fs.FileContext
result["file context"] = context.getFileContext(Path("s3a://bucket/").toUri(), conf).util().exists(Path("s3a://bucket/ecglib.zip"))

def names(uri):
    return [status.getPath().toString() for status in files(uri).listStatus(Path(uri))]

def touch(uri):
    files(uri).create(Path(uri)).close()

def rename(source, target):
    return files(source).rename(Path(source), Path(target))

read = "s3://bucket/mounted/read"
result["mounted"] = {
    "lines": spark.read.text(read + "/*.csv").count(),
    "above": [name for name in names("s3://bucket/") if "mounted" in name],
    "parent": names("s3://bucket/mounted"),
    "content": names("s3a://bucket/mounted/read"),
    "deep": names("s3://mounted/deep"),
    "globbed": spark.read.text("s3://mounted/*/read/*.csv").count(),
}
result["refused"] = {
    "write": attempt(lambda: spark.range(3).write.csv(read + "/out")),
    "overwrite": attempt(lambda: spark.range(3).write.mode("overwrite").csv(read)),
    "create": attempt(lambda: touch(read + "/new")),
    "mkdirs": attempt(lambda: files(read).mkdirs(Path(read + "/a/b"))),
    "rename from": attempt(lambda: rename(read + "/a.csv", "s3://bucket/b")),
    "rename to": attempt(lambda: rename("s3://bucket/ecglib.zip", read + "/b")),
    "delete": attempt(lambda: files(read).delete(Path(read + "/a.csv"), False)),
    "delete above": attempt(lambda: files(read).delete(Path("s3://bucket/mounted"), True)),
    "move above": attempt(lambda: rename("s3://bucket/mounted", "s3://bucket/m")),
    "truncate": attempt(lambda: files(read).truncate(Path("s3://bucket/ecglib.zip"), 0)),
    "odd": attempt(lambda: touch("s3://mounted/%=x")),
    "dots": attempt(lambda: names("s3://bucket/dots")),
}
for target in ("s3://mounted/table", "s3://mounted/deep/written"):
    spark.range(3).write.mode("overwrite").parquet(target)
    spark.range(5).write.mode("overwrite").parquet(target)
targets = ("s3a://mounted/table", "s3a://mounted/deep/written")
result["rows"] = [spark.read.parquet(target).count() for target in targets]
touch("s3://bucket/leaves")
result["moved"] = rename("s3://bucket/leaves", "s3://bucket/odd/arrives")
for name in ("%=x", ".%=part-y", "a:b ü"):
    touch("s3://bucket/odd/" + name)
result["odd"] = names("s3://bucket/odd")
stream = files("s3://bucket").create(Path("s3://bucket/unfinished"))
result["before close"] = files("s3://bucket").exists(Path("s3://bucket/unfinished"))
with open(result_path, "w") as file:
    json.dump(result, file)
sys.exit(3)
"""


@dataclass(frozen=True)
class Probe:
    world: World
    launch: SparkLaunch
    code: int
    result: dict[str, Any]


@pytest.fixture(scope="module")
def probe(world: World) -> Probe:
    (world.opt_ml / "probe.py").write_text(PROBE)
    (world.only_read / "a.csv").write_text("one\ntwo\n")
    (world.only_read / "sub").mkdir()
    hidden = world.bucket / "mounted/read/hidden.csv"  # the store's own, behind the mount
    hidden.parent.mkdir(parents=True)
    hidden.write_text("hidden\n")
    for key in ("odd/%=z", "dots/../x"):
        world.store.put(Location("bucket", key), b"")
    launch = world.prepare(
        *("--py-files", "s3://bucket/ecglib.zip,s3://bucket/spark_transform.py"),
        *("--spark-event-logs-s3-uri", "s3://bucket/run/spark-events"),
        str(world.opt_ml / "probe.py"),
        *(str(world.opt_ml / "result.json"), str(world.opt_ml / "message")),
        work="another work",
    )
    done = world.run(launch)
    result = world.opt_ml / "result.json"
    assert result.is_file(), done.stdout + done.stderr
    return Probe(world, launch, done.returncode, json.loads(result.read_text()))


# --- the step -------------------------------------------------------------------------------


def reference(split: str, data: dict[str, Any]) -> list[dict[str, Any]]:
    """The features of one recording with numpy, window by window, in integer thirtieths."""
    thirtieths = np.asarray(data["sample"])
    length, step = round(WINDOW * 30), round(STEP * 30)
    rows = []
    for window in range(int(thirtieths[-1]) // step + 1):
        inside = (thirtieths >= window * step) & (thirtieths < window * step + length)
        row = {"split": split, "recording": data["recording"][0], "window": window}
        row |= {"start": window * step / 30, "n": int(inside.sum())}
        for name in ("pc1", "pc2"):
            values = np.asarray(data[name])[inside]
            row |= {
                f"{name}_mean": values.mean(),
                f"{name}_std": values.std(),
                f"{name}_min": values.min(),
                f"{name}_max": values.max(),
                f"{name}_energy": (values**2).sum(),
                f"{name}_zero_crossings": int(np.count_nonzero(np.diff(values >= 0))),
            }
        rows.append(row)
    return rows


def test_every_feature_equals_numpys(step: Run) -> None:
    assert step.done.returncode == 0, step.done.stderr
    expected = [
        row
        for split, names in RECORDINGS.items()
        for name in names
        for row in reference(split, recording(name))
    ]
    table = pq.read_table(step.world.bucket / "run/features", partitioning="hive")
    found = table.sort_by([(key, "ascending") for key in ("recording", "window")]).to_pylist()
    expected.sort(key=lambda row: (row["recording"], row["window"]))
    assert [row["n"] for row in found] == [row["n"] for row in expected]
    # Full windows hold nine samples: an edge belongs to the window that it starts.
    assert {row["n"] for row in found if row["recording"] == "p2"} == {9, 6, 3}
    for row, right in zip(found, expected, strict=True):
        assert row.keys() == right.keys()
        for name, value in right.items():
            close = value if isinstance(value, str) else pytest.approx(value, rel=1e-12, abs=1e-9)
            assert row[name] == close, (right, name)


def test_features_have_the_documented_types(step: Run) -> None:
    file = next((step.world.bucket / "run/features/split=train").glob("*.parquet"))
    types = {field.name: str(field.type) for field in pq.read_schema(file)}
    assert list(types)[:5] == ["recording", "window", "start", "n", "pc1_mean"]
    assert types.pop("recording") == "string"
    integers = {name for name, kind in types.items() if kind == "int64"}
    assert integers == {"window", "n", "pc1_zero_crossings", "pc2_zero_crossings"}
    assert set(types.values()) == {"int64", "double"}


def test_the_output_replaces_the_old_one_whole(step: Run) -> None:
    run = step.world.bucket / "run"
    assert sorted(path.name for path in run.iterdir() if "event" not in path.name) == [
        "components",
        "features",
    ]
    names = sorted(path.name for path in (run / "features").iterdir())
    assert names == ["_SUCCESS", "split=test", "split=train"]
    # What was linked into a job before stays as it was.
    assert step.linked.read_text() == "an earlier run's"


def test_no_checksum_files_in_the_store(step: Run, probe: Probe) -> None:
    assert not list(step.world.bucket.parent.rglob("*.crc"))


def test_the_receipt_says_where_and_how_much(step: Run) -> None:
    path = step.world.opt_ml / "processing/output/features/_receipt.json"
    rows = {
        split: sum(len(reference(split, recording(name))) for name in names)
        for split, names in RECORDINGS.items()
    }
    assert json.loads(path.read_text()) == {
        "schema": 1,
        "output": "s3://bucket/run/features",
        "rows": {**rows, "validation": 0},
        "window": WINDOW,
        "step": STEP,
    }


def events(folder: Path) -> set[str]:
    (log,) = folder.iterdir()
    assert not log.name.endswith(".inprogress")
    return {json.loads(line)["Event"] for line in log.read_text().splitlines()}


def test_event_logs_in_a_local_folder(step: Run) -> None:
    found = events(step.world.opt_ml / "processing/spark-events")
    assert {"SparkListenerApplicationStart", "SparkListenerApplicationEnd"} <= found


def test_nothing_is_left_on_the_machine(step: Run, probe: Probe) -> None:
    assert not list((step.world.root / "a work/uploads").iterdir())
    assert not Path("/opt/ml/processing/output/x").exists()
    expected = {"a cache", "a store", "a work", "another work", "linked", "opt ml", "tools"}
    expected.add("my ${HOME} 100%")
    assert {path.name for path in step.world.root.iterdir()} == expected


def test_the_log_is_not_noise(step: Run) -> None:
    # Warnings are there to be read.
    lines = [line for line in step.done.stderr.splitlines() if " INFO " in line]
    assert lines == []
    assert "NativeCodeLoader" not in step.done.stderr


# --- the image's contract, from inside ------------------------------------------------------


def test_the_exit_code_is_the_scripts(probe: Probe) -> None:
    assert probe.code == 3


def test_user_settings_win_over_defaults(probe: Probe) -> None:
    assert probe.result["settings"] == {
        "spark.master": "local[2]",
        "spark.sql.session.timeZone": "Asia/Tokyo",
        "spark.driver.memory": "1g",
    }
    assert probe.result["core-site"] == "yes"
    assert probe.result["environment"]["QUOTED"] == "two words"


def test_settings_without_a_meaning_here_are_named(probe: Probe) -> None:
    assert probe.launch.ignored == (
        "yarn-site (yarn.x) is ignored: there is no cluster, and no daemons, on this machine.",
        "spark.executor.memory is ignored: driver and executors are one local JVM.",
        "JAVA_HOME of spark-env is ignored: the local engine sets it.",
    )


def test_java_is_the_wheels(probe: Probe) -> None:
    home = str(distribution.find().java_home)
    assert probe.result["java"] == probe.result["environment"]["JAVA_HOME"] == home


def test_the_steps_errors_are_one_line_and_exit_1(probe: Probe) -> None:
    code, message = probe.result["missing bucket"]
    assert code == 1
    assert message.startswith("cannot open s3://absent/c: bucket 'absent' of s3://absent")
    code, message = probe.result["no components"]
    assert code == 1
    assert message.startswith("--input s3://bucket/nothing: no components there; expected folders")
    code, message = probe.result["early"]
    assert code == 1
    assert message.startswith("--input s3a://bucket/early: negative time in recording early at ")
    assert not (probe.world.bucket / "_x.staging").exists()
    assert not (probe.world.bucket / "x").exists()


def test_a_bucket_is_a_folder_of_the_store(probe: Probe) -> None:
    assert "bucket 'absent' of s3://absent" in probe.result["write"]
    assert not (probe.world.bucket.parent / "absent").exists()
    assert probe.result["root"] == ["s3://made-later/deep"]
    assert probe.result["read"] == 2
    assert (probe.world.bucket.parent / "made-later/deep/table/_SUCCESS").is_file()


def test_s3_does_what_s3_does(probe: Probe) -> None:
    assert "leads out of its bucket" in probe.result["outside"]
    assert "S3 has no append" in probe.result["append"]
    assert "root of a bucket cannot be deleted" in probe.result["delete root"]
    assert probe.result["file context"] is True
    # An object that is never closed never appears.
    assert probe.result["before close"] is False
    assert not (probe.world.bucket / "unfinished").exists()


def test_mounted_folders_are_seen_where_they_are_mounted(probe: Probe) -> None:
    mounted = probe.result["mounted"]
    assert (mounted["lines"], mounted["globbed"]) == (2, 2)
    assert mounted["above"] == ["s3://bucket/mounted"]
    assert mounted["parent"] == ["s3://bucket/mounted/read"]
    assert mounted["content"] == [f"s3a://bucket/mounted/read/{name}" for name in ("a.csv", "sub")]
    assert mounted["deep"] == ["s3://mounted/deep/read", "s3://mounted/deep/written"]


def test_nothing_changes_in_a_folder_that_is_only_read(probe: Probe) -> None:
    refused = probe.result["refused"]
    only = f"lies in {probe.world.only_read}, which is only read"
    for action in ("write", "create", "mkdirs", "rename from", "rename to", "delete", "overwrite"):
        assert only in refused[action], action
    for action in ("delete above", "move above"):
        assert "s3://bucket/mounted holds a mounted folder" in refused[action]
    assert "S3 cannot truncate" in refused["truncate"]
    assert sorted(path.name for path in probe.world.only_read.iterdir()) == ["a.csv", "sub"]
    assert (probe.world.only_read / "a.csv").read_text() == "one\ntwo\n"


def test_a_folder_that_may_be_written_takes_overwriting_and_stays(probe: Probe) -> None:
    assert probe.result["rows"] == [5, 5]
    assert probe.result["moved"] is True
    for folder in (probe.world.written / "table", probe.world.elsewhere):
        assert (folder / "_SUCCESS").is_file()
        assert not list(folder.glob(".%=part-*"))
    # The store's own bucket of that name was never made.
    assert not (probe.world.root / "a store/mounted").exists()


def test_odd_keys_are_named_as_the_store_names_them(probe: Probe) -> None:
    keys = ["odd/%=x", "odd/%=z", "odd/.%=part-y", "odd/a:b ü", "odd/arrives"]
    assert probe.result["odd"] == [f"s3://bucket/{key}" for key in keys]
    assert [item.key for item in probe.world.store.list(Location("bucket", "odd/"))] == keys
    assert "no file in it can be named so" in probe.result["refused"]["odd"]
    # Neither has the real class a path for it.
    assert "has a key with an empty, '.' or '..' segment" in probe.result["refused"]["dots"]


def test_a_path_without_a_scheme_is_hdfs(probe: Probe) -> None:
    assert probe.result["hdfs"] == 4
    assert (probe.world.root / "another work/hdfs/opt/ml/processing/output/x").is_dir()


def test_event_logs_straight_to_s3(probe: Probe) -> None:
    # The probe leaves without stopping its session; its log is finished all the same.
    folder = probe.world.bucket / "run/spark-events"
    assert len(list(folder.iterdir())) == 4  # one for each session of the probe
    for log in folder.iterdir():
        assert not log.name.endswith(".inprogress")
        assert '"SparkListenerApplicationEnd"' in log.read_text()


# --- what is refused before anything starts -------------------------------------------------


def words(tmp_path: Path, *command: str) -> tuple[str, ...]:
    parsed = parse(["smspark-submit", *command], tmp_path)
    return (*parsed.submit_options, parsed.app, *parsed.arguments)


def test_only_the_images_program_is_a_spark_submit() -> None:
    assert is_spark_submit(["smspark-submit", "--py-files", "x"])
    assert is_spark_submit(["/usr/bin/smspark-submit"])
    assert not is_spark_submit(["python3", "smspark-submit"])
    assert not is_spark_submit([])


def test_the_primary_is_the_first_of_the_sorted_names() -> None:
    hosts = [f"algo-{number}" for number in range(1, 12)]
    assert [host for host in hosts if is_primary(host, hosts)] == ["algo-1"]
    assert is_primary("algo-10", hosts[1:])  # "algo-10" sorts before "algo-2"


def test_options_end_at_the_application(tmp_path: Path) -> None:
    assert words(tmp_path, "-v", "--class=a.B", "app.jar", "--conf", "x", "-v") == (
        *("--verbose", "--class", "a.B"),
        *("app.jar", "--conf", "x", "-v"),
    )


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (["--conf", "a=b", "app.py"], r"has no option --conf; it takes --class, .* and -v before"),
        (["--master=local", "app.py"], "has no option --master"),
        (["--properties-file", "x", "app.py"], "has no option --properties-file"),
        (["--py-files", "s3://b/a.zip"], "needs an application"),
        (["--jars"], "--jars needs a value"),
        (["app.py", "two words"], "would misread 'two words': .* to a shell"),
        (["app.py", ""], "would misread ''"),
        (["app.py", "$HOME"], "would misread"),
        (["--jars", "lib.jar", "app.py"], "s3 URIs and absolute local paths, not 'lib.jar'"),
        (["--jars", "file:///lib.jar", "app.py"], "s3 URIs and absolute local paths"),
        (["--jars", "/absent.jar", "app.py"], "--jars: /absent.jar does not exist"),
        (["--files", "s3://b/a,/opt/ml/b", "app.py"], "--files mixes s3 and local files"),
        (["--py-files", "/opt/ml/empty", "app.py"], "no files at the top of the folder"),
    ],
)
def test_commands_that_the_image_refuses_or_misreads(
    tmp_path: Path, command: list[str], message: str
) -> None:
    (tmp_path / "empty/folder").mkdir(parents=True)
    with pytest.raises(SparkCommandError, match=message):
        words(tmp_path, *command)


def test_a_folder_stands_for_the_files_at_its_top(tmp_path: Path) -> None:
    (tmp_path / "lib/deeper").mkdir(parents=True)
    for name in ("lib/b.py", "lib/a.zip", "lib/deeper/c.py", "one.py"):
        (tmp_path / name).touch()
    found = words(tmp_path, "--py-files", "/opt/ml/lib,/opt/ml/one.py", "app.py")
    assert found == ("--py-files", "/opt/ml/lib/a.zip,/opt/ml/lib/b.py,/opt/ml/one.py", "app.py")


def test_a_rewritten_path_may_hold_what_the_shell_would_read(tmp_path: Path) -> None:
    opt_ml = tmp_path / "the owner's folder"
    path = str(opt_ml / "processing/input")
    assert parse(["smspark-submit", "app.py", path], opt_ml).arguments == (path,)


def configuration(tmp_path: Path, content: Any) -> emr.SparkConfiguration:
    path = tmp_path / "processing/input/conf/configuration.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return emr.load(tmp_path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", r"^/opt/ml/processing/input/conf/configuration.json is not JSON"),
        (
            [{"Classification": "hbase-site", "Properties": {}}],
            "no classification 'hbase-site'; it takes core-site, hadoop-env, .*, yarn-site$",
        ),
        ({"Classification": "export", "Properties": {}}, "no classification 'export'"),
        (["spark-defaults"], "no classification None"),
        ({"Classification": "spark-defaults"}, "spark-defaults needs Properties"),
        (
            {"Classification": "spark-defaults", "Properties": {"spark.x": {"y": 1}}},
            "the value of spark.x must be one line of text",
        ),
        ({"Classification": "spark-env", "Properties": {}}, "spark-env needs Configurations"),
        (
            {
                "Classification": "spark-env",
                "Properties": {},
                "Configurations": [{"Classification": "spark-defaults", "Properties": {}}],
            },
            "spark-env may only hold export parts",
        ),
    ],
)
def test_configurations_that_the_image_refuses(tmp_path: Path, content: Any, message: str) -> None:
    with pytest.raises(SparkCommandError, match=message):
        configuration(tmp_path, content)


def test_all_fourteen_classifications_are_taken(tmp_path: Path) -> None:
    export = {"Classification": "export", "Properties": {"A": "1"}}
    content = [
        {"Classification": name, "Properties": {"a": "1"}, "Configurations": [export]}
        for name in emr.CLASSIFICATIONS
    ]
    assert len(content) == 14
    loaded = configuration(tmp_path, content)
    assert loaded.properties == {"spark.hadoop.a": "1", "a": "1"}
    assert (loaded.environment, loaded.log4j, loaded.metrics) == (
        {"A": "1"},
        {"a": "1"},
        {"a": "1"},
    )
    assert len(loaded.ignored) == 9


def test_the_data_channel_comes_before_the_processing_channel(tmp_path: Path) -> None:
    one = {"Classification": "spark-defaults", "Properties": {"spark.x": "processing"}}
    two = {"Classification": "spark-defaults", "Properties": {"spark.x": "data"}}
    configuration(tmp_path, one)
    other = tmp_path / "input/data/conf/configuration.json"
    other.parent.mkdir(parents=True)
    other.write_text(json.dumps(two))
    assert emr.load(tmp_path).properties == {"spark.x": "data"}


def settings(tmp_path: Path, **properties: str) -> tuple[dict[str, str], tuple[str, ...]]:
    names = {name.replace("_", "."): value for name, value in properties.items()}
    configuration(tmp_path, {"Classification": "spark-defaults", "Properties": names})
    launch = prepare(
        ["smspark-submit", "app.py"],
        store=Store(tmp_path / "store"),
        work=tmp_path / "work",
        opt_ml=tmp_path,
        # The jar that other tests here have built is not needed again.
        cache=tmp_path / "cache",
        cores=3,
    )
    lines = (tmp_path / "work/spark-defaults.conf").read_text().splitlines()
    return dict(line.split(" ", 1) for line in lines), launch.ignored


def test_memory_that_the_machine_has_not(tmp_path: Path) -> None:
    found, ignored = settings(tmp_path, spark_driver_memory="90t")
    assert found["spark.driver.memory"].endswith("m")
    assert "spark.driver.memory=90t is ignored: it is more than half of" in ignored[0]
    with pytest.raises(SparkCommandError, match="is a size such as 4g, not 'lots'"):
        settings(tmp_path, spark_driver_memory="lots")


def test_what_the_user_sets_and_what_stays_ours(tmp_path: Path) -> None:
    found, ignored = settings(
        tmp_path,
        spark_sql_shuffle_partitions="7",
        spark_hadoop_fs_s3_impl="com.amazon.ws.emr.hadoop.fs.EmrFileSystem",
        spark_driver_extraClassPath="/opt/ml/x.jar",
    )
    assert found["spark.sql.shuffle.partitions"] == "7"
    assert found["spark.hadoop.fs.s3.impl"] == distribution.FILE_SYSTEM_CLASS
    assert found["spark.driver.extraClassPath"].endswith(".jar:/opt/ml/x.jar")
    assert ignored == ("spark.hadoop.fs.s3.impl is ignored: S3 and HDFS are folders here.",)


@pytest.mark.parametrize(
    ("uri", "message"),
    [
        ("s3://absent/logs", "the store has no bucket absent"),
        ("/logs", "takes s3://bucket/prefix"),
        ("s3://bucket/../logs", "Hadoop has no path for s3://bucket/../logs"),
        ("s3://bucket/a//logs", "Hadoop has no path for"),
        ("s3://bucket/mounted/read/logs", "lies in .*read, which is only read"),
    ],
)
def test_event_logs_need_a_place(tmp_path: Path, uri: str, message: str) -> None:
    (tmp_path / "elsewhere").mkdir()
    world = World(tmp_path, tmp_path / "elsewhere")
    world.bucket.mkdir(parents=True)
    with pytest.raises(SparkCommandError, match=message):
        world.prepare("--spark-event-logs-s3-uri", uri, "app.py")


def test_the_jar_is_the_same_whoever_builds_it(tmp_path: Path) -> None:
    spark = distribution.find()
    with ThreadPoolExecutor() as pool:
        caches = [tmp_path / "one", tmp_path / "one", tmp_path / "two"]
        jars = list(pool.map(lambda cache: distribution.file_system_jar(spark, cache), caches))
    assert jars[0] == jars[1]
    assert jars[0].read_bytes() == jars[2].read_bytes()
    assert [path.name for path in (tmp_path / "one").iterdir()] == [jars[0].name]
    before = jars[0].stat().st_mtime_ns
    assert distribution.file_system_jar(spark, tmp_path / "one").stat().st_mtime_ns == before
