"""Our own Preprocess in File and in Pipe mode, over several instances of the engine."""

from __future__ import annotations

import gzip
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sagepipe.language.s3 import Location
from sagepipe.local.events import Status

Json = Any
Make = Callable[..., Json]
CODE = Path(__file__).resolve().parents[3] / "code"
IN, OUT = "/opt/ml/processing/input/raw", "/opt/ml/processing/output"
OUTPUTS = ("train", "validation", "test", "moments", "account")


def recording(number: int) -> bytes:
    rows = [
        f"{row / 100},{math.sin(row + number):.4f},{math.cos(row * number):.4f}"
        for row in range(200 + 10 * number)
    ]
    return "\n".join(["time,i,ii", *rows, "" if number % 2 else "9,bad,1"]).encode()


@pytest.mark.parametrize("packed", [False, True], ids=["plain", "packed"])
def test_both_modes_give_the_same_bits(
    lab: Any, make_input: Make, make_output: Make, packed: bool
) -> None:
    for number in range(11):
        name = f"p{number % 3}/r{number}.csv{'.gz' if packed else ''}"
        content = recording(number)
        location = Location("in", f"raw/{name}")
        lab.store.put(location, gzip.compress(content) if packed else content)

    def step(mode: str) -> Json:
        raw = make_input("raw", "s3://in/raw/", IN, "ShardedByS3Key")
        raw["S3Input"]["S3InputMode"] = mode
        return lab.step(
            mode,
            (CODE / "preprocess.py").read_text(),
            instances=3,
            inputs=[raw],
            outputs=[
                make_output(name, f"s3://out/{mode}/{name}", f"{OUT}/{name}") for name in OUTPUTS
            ],
            arguments=[
                *("--input", IN, "--output", OUT, "--rows-per-part", "500"),
                *("--input-mode", mode, "--input-uri", "s3://in/raw/"),
                *("--resource-config", "/opt/ml/config/resourceconfig.json"),
                *("--message-file", "/opt/ml/output/message"),
            ],
            environment={"PYTHONPATH": str(CODE)},
        )

    result = lab.run(step("File"), step("Pipe"))
    assert result.status is Status.SUCCEEDED, (result.reason, result.steps["Pipe"].log_tail)
    found = {
        mode: {
            item.key.removeprefix(f"{mode}/"): item.path.read_bytes()
            for item in lab.store.list(Location("out", f"{mode}/"))
        }
        for mode in ("File", "Pipe")
    }
    assert len(found["File"]) > 20
    assert found["Pipe"] == found["File"]


def test_headers_that_differ_fail_the_job_with_a_reason(
    lab: Any, make_input: Make, make_output: Make
) -> None:
    lab.put("s3://in/raw/a.csv", "time,i,ii\n0,1,2\n")
    lab.put("s3://in/raw/b.csv", "time,ii,i\n0,1,2\n")
    raw = make_input("raw", "s3://in/raw/", IN)
    raw["S3Input"]["S3InputMode"] = "Pipe"
    result = lab.run(
        lab.step(
            "Pre",
            (CODE / "preprocess.py").read_text(),
            inputs=[raw],
            outputs=[make_output("train", "s3://out/train", f"{OUT}/train")],
            arguments=[
                *("--input", IN, "--output", OUT, "--leads", "i,ii", "--input-mode", "Pipe"),
                *("--input-uri", "s3://in/raw/", "--message-file", "/opt/ml/output/message"),
            ],
            environment={"PYTHONPATH": str(CODE)},
        )
    )
    assert result.status is Status.FAILED
    assert "use File mode (InputMode=File)" in result.steps["Pre"].exit_message
    assert lab.keys("s3://out/") == []
