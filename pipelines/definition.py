"""python -m pipelines.definition."""

import sys

from sagepipe.cli.definition import main

if __name__ == "__main__":
    sys.exit(main())
