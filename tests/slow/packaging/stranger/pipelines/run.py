from pipelines import PROJECT
from sagepipe.cli.frame import run_verb

if __name__ == "__main__":
    raise SystemExit(run_verb("run", project=PROJECT))
