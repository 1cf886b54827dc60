"""python -m pipelines.estimate: the verb `estimate` for this project."""

from pipelines import PROJECT
from sagepipe.cli.frame import run_verb

if __name__ == "__main__":
    raise SystemExit(run_verb("estimate", project=PROJECT))
