"""The fuzzer's own modules are imported by name, as `python tests/fuzz` does."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
