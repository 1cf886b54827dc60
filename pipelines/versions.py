"""python -m pipelines.versions."""

import sys

from sagepipe.cli.versions import main

if __name__ == "__main__":
    sys.exit(main())
