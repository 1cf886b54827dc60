"""python -m pipelines.history."""

import sys

from sagepipe.cli.spark_ui import main

if __name__ == "__main__":
    sys.exit(main())
