"""python -m pipelines.spark_ui: the verb `spark-ui` for this project."""

from pipelines import PROJECT
from sagepipe.cli.frame import run_verb

if __name__ == "__main__":
    raise SystemExit(run_verb("spark-ui", project=PROJECT))
