"""python -m pipelines.run: the verb `run` for this repository."""

from pipelines.registry import TEAM
from sagepipe.cli.frame import run_verb

if __name__ == "__main__":
    raise SystemExit(run_verb("run", project=TEAM))
