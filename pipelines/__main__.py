"""python -m pipelines: the verbs, for this project."""

from pipelines import PROJECT
from sagepipe.cli.frame import main

if __name__ == "__main__":
    raise SystemExit(main(prefix="python -m pipelines", project=PROJECT))
