"""python -m pipelines.upsert."""

import sys

from sagepipe.cli.upsert import main

if __name__ == "__main__":
    sys.exit(main())
