"""Run one command and write what it used, as JSON, to a file: `launch.py FILE CORES COMMAND…`.

A program of its own, and a small one: Linux counts the memory of the process that starts another
into the other's peak, so whoever starts a process to measure it must be smaller than it.
CORES is a comma-separated list, or "" for all.
"""

import json
import os
import sys
import time


def main() -> int:
    """Run the command; return its exit code."""
    file, cores, *command = sys.argv[1:]
    if cores and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {int(core) for core in cores.split(",")})
    began = time.perf_counter()
    child = os.posix_spawnp(command[0], command, os.environ)
    _, status, usage = os.wait4(child, 0)
    wall = time.perf_counter() - began
    unit = 1 if sys.platform == "darwin" else 1024  # of ru_maxrss, in bytes
    with open(file, "w", encoding="utf-8") as out:
        json.dump(
            {
                "wall": wall,
                "cpu": usage.ru_utime + usage.ru_stime,
                "peak_mib": usage.ru_maxrss * unit / 2**20,
            },
            out,
        )
    return os.waitstatus_to_exitcode(status) & 0xFF


if __name__ == "__main__":
    sys.exit(main())
