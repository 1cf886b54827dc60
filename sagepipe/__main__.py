"""python -m sagepipe: the same as `sagepipe`."""

import sys

from sagepipe.cli.frame import main

if __name__ == "__main__":
    sys.exit(main(prefix="python -m sagepipe"))
