"""Run as a program, with [[script, arguments], …] on standard input: what each script says of its
arguments, as JSON. Not imported by anything: here the scripts' own imports are at home."""

import contextlib
import importlib
import io
import json
import sys
from pathlib import Path


def ask(script: Path, arguments: list[str]) -> dict[str, str]:
    """The script's refusal, or the module that it lacks here."""
    sys.path[:0] = [str(script.parent)]
    said = io.StringIO()
    try:
        with contextlib.redirect_stdout(sys.stderr):
            module = importlib.import_module(script.stem)
        refusal = getattr(module, "refusal", None)
        if refusal is None:
            return {"refusal": ""}
        with contextlib.redirect_stderr(said), contextlib.redirect_stdout(said):
            return {"refusal": str(refusal(arguments))}
    except ImportError as error:
        return {"missing": str(error)}
    except SystemExit:
        last = (said.getvalue().strip().splitlines() or ["it exits"])[-1]
        return {"refusal": last.partition("error: ")[2] or last}
    finally:
        sys.path.remove(str(script.parent))


if __name__ == "__main__":
    asked = json.load(sys.stdin)
    json.dump([ask(Path(script), arguments) for script, arguments in asked], sys.stdout)
