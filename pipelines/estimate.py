"""python -m pipelines.estimate."""

import sys

from sagepipe.cli.estimate import main

if __name__ == "__main__":
    sys.exit(main())
