"""python -m pipelines.schedule: the verb `schedule` for this project."""

from pipelines import PROJECT
from sagepipe.cli.frame import run_verb

if __name__ == "__main__":
    raise SystemExit(run_verb("schedule", project=PROJECT))
