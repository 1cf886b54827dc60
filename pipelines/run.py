"""python -m pipelines.run."""

import sys

from sagepipe.cli.run import main

if __name__ == "__main__":
    sys.exit(main())
