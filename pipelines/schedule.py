"""python -m pipelines.schedule."""

import sys

from sagepipe.cli.schedule import main

if __name__ == "__main__":
    sys.exit(main())
