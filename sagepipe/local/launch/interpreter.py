"""A Python of an instance's own: this one's packages, and whatever its script installs.

In a container a script may `pip install` what it likes, and it is gone with the container. Here it
would land in the environment that the engine runs in. So each instance gets a virtual environment
of a few files in its scratch folder, in which all of this environment's packages are importable.
pip counts them as installed, puts new ones into the instance's own, where they come first, and
leaves the ones outside alone.
"""

from __future__ import annotations

import functools
import sys
from pathlib import Path

_PIP = '#!/bin/sh\nexec "{python}" -m pip "$@"\n'


def make(folder: Path) -> Path:
    """Make the environment in `folder`; returns the folder of its commands."""
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    commands, packages = folder / "bin", folder / "lib" / version / "site-packages"
    commands.mkdir(parents=True)
    packages.mkdir(parents=True)
    base = Path(getattr(sys, "_base_executable", None) or sys.executable)
    (folder / "pyvenv.cfg").write_text(
        f"home = {base.parent}\ninclude-system-site-packages = false\n"
    )
    for name in ("python", "python3", version):
        (commands / name).symlink_to(base)
    for name in ("pip", "pip3"):
        (commands / name).write_text(_PIP.format(python=commands / "python3"))
        (commands / name).chmod(0o755)
    (packages / "_outer.pth").write_text(_outer())
    return commands


@functools.cache
def _outer() -> str:
    """Lines for a .pth file that add this environment's packages, their own .pth files too."""
    folders = [path for path in sys.path if Path(path).name in ("site-packages", "dist-packages")]
    return "".join(f"import site; site.addsitedir({path!r})\n" for path in folders)
