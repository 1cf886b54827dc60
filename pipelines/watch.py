"""python -m pipelines.watch."""

import sys

from sagepipe.cli.watch import main

if __name__ == "__main__":
    sys.exit(main())
