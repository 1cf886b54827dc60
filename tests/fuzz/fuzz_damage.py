"""What Preprocess wrote, damaged on its way to Pca: read as it was, or refused in one line."""

import json
import random
import shutil
from pathlib import Path
from typing import Any

import pca
import preprocess
from fuzz_check import Violation, run

FILES = ("moments", "account", "train", "resourceconfig.json")
VALUES: tuple[Any, ...] = (
    *(None, True, 0, -1, 2, 1e308, 10**400, float("nan"), float("-inf"), "", "x", "\u2028"),
    *([], {}, [1], [[1, 2], [3, 4]], {"a": 1}, "recording", 1.5, [None], ["i", "i"]),
)


def prepare(folder: Path) -> Path:
    """Make what Pca reads, once."""
    raw, made = folder / "raw", folder / "made"
    raw.mkdir(parents=True)
    for number in range(3):
        rows = "".join(f"{n / 100},{(n * 7 + number) % 11},{n * n % 13}\n" for n in range(40))
        (raw / f"r{number}.csv").write_text(f"time,i,ii\n{rows}")
    run(preprocess.main, folder, "--input", raw, "--output", made, "--split", "1,0,0")
    config = {"current_host": "algo-1", "hosts": ["algo-1"]}
    (made / "resourceconfig.json").write_text(json.dumps(config))
    return made


def check(number: int, made: Path, folder: Path) -> str:
    """Damage one file and run Pca; return what was damaged and how that ended.

    Raises:
        Violation: it ended otherwise than well or with a refusal.
    """
    dice = random.Random(number)
    shutil.rmtree(folder, ignore_errors=True)
    before = folder / "before"
    shutil.copytree(made, before)
    kind = dice.choice(FILES)
    path = dice.choice(
        sorted(p for p in (before / kind).rglob("*") if p.is_file()) or [before / kind]
    )
    content = path.read_bytes()
    if path.suffix == ".parquet" or dice.random() < 0.4:
        path.write_bytes(_bytes(dice, content))
    else:
        path.write_text(_shape(dice, content.decode()), encoding="utf-8", errors="surrogatepass")
    scope = dice.choice(("global", "recording"))
    output = folder / "output"
    ended = run(
        pca.main, folder, "--input", before, "--moments", before / "moments", "--output", output,
        "--account", before / "account", "--scope", scope,
        config=before / "resourceconfig.json",
    )  # fmt: skip
    if ended.code and any(path.is_file() for path in output.rglob("*")):
        raise Violation(f"{kind}: left behind after {ended.said}")
    return f"{kind}: {'refused' if ended.code else 'read'}"


def _bytes(dice: random.Random, content: bytes) -> bytes:
    if dice.random() < 0.5:
        return content[: dice.randrange(len(content))]
    changed = bytearray(content)
    # The ends of a Parquet file say what it is; a cell between them may be any number.
    places = [*range(4), *range(max(0, len(content) - 600), len(content))]
    for _ in range(dice.randint(1, 4)):
        changed[dice.choice(places) % len(changed)] = dice.randrange(256)
    return bytes(changed)


def _shape(dice: random.Random, text: str) -> str:
    lines = text.split("\n")[:-1] or [text]
    at = dice.randrange(len(lines))
    value = json.loads(lines[at])
    if dice.random() < 0.1:
        value = dice.choice(VALUES)
    elif dice.random() < 0.1:
        lines.append(lines[at])
    else:
        name = dice.choice(sorted(value))
        inner = value[name]
        if isinstance(inner, list) and inner and dice.random() < 0.5:
            inner[dice.randrange(len(inner))] = dice.choice(VALUES)
        elif dice.random() < 0.2:
            del value[name]
        else:
            value[name] = dice.choice(VALUES)
    lines[at] = json.dumps(value, ensure_ascii=False)
    return "\n".join(lines) + "\n"
