"""Starts one instance's process where it sees its own `/opt/ml`. Run as a program, by itself.

    python -I -S confine.py FOLDER < SPEC

SPEC is JSON: `argv`, `env` (null for this process's own), `cwd`, `parent`, and `confined`, null or
the mounts of a process that gets new mount and process-id namespaces (and a user namespace where
needed). Then

- `/opt/ml` is the instance's folder, `/etc/hosts` names all instances, and the folders in
  `read_only` can't be written to, so no script can damage recordings that are linked, not copied;
- when this process ends, however it ends, the kernel ends everything that the script has started.

Without namespaces this process adopts what the script leaves behind (Linux) and ends it when the
script ends, when the process that started this one ends, and when it is told to by SIGUSR1.

Only the standard library is imported, since every instance pays for it. Exit codes: the script's,
128 + n when signal n ended it, 126/127 when it can't be started, 125 when the namespaces can't be
made.
"""

import contextlib
import ctypes
import errno
import json
import os
import select
import signal
import sys
import time
from types import FrameType
from typing import Any, NoReturn

CLONE_NEWNS, CLONE_NEWUSER, CLONE_NEWPID = 0x00020000, 0x10000000, 0x20000000
MS_RDONLY, MS_REMOUNT, MS_BIND, MS_REC, MS_PRIVATE = 0x1, 0x20, 0x1000, 0x4000, 0x40000
# a remount in a user namespace must keep these flags of the mount it starts from
KEPT_FLAGS = {
    os.ST_NOSUID: 0x2,
    os.ST_NODEV: 0x4,
    os.ST_NOEXEC: 0x8,
    os.ST_NOATIME: 0x400,
    os.ST_NODIRATIME: 0x800,
    os.ST_RELATIME: 0x200000,
}
PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36
CANNOT_ISOLATE = 125
END_ALL = signal.SIGUSR1
END_SECONDS = 4.0  # for what the script has started to be gone; it may not be ours to end

script: list[int] = []  # its process, once it has been started


def main() -> NoReturn:
    """Read the specification, isolate if asked, and supervise the script."""
    spec = json.load(sys.stdin)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    for number in (signal.SIGTERM, signal.SIGINT, END_ALL):
        signal.signal(number, on_signal)
    die_with_parent(END_ALL, spec["parent"])
    if spec["confined"] is None:
        run_here(spec)
    try:
        enter_namespaces()
        arrange_mounts(spec["confined"])
    except OSError as error:
        print(f"cannot isolate the instance: {error}", file=sys.stderr)
        os._exit(CANNOT_ISOLATE)
    run_confined(spec)


def run_confined(spec: dict[str, Any]) -> NoReturn:
    """Run the script as the first process of its namespace: with it, the kernel ends the rest."""
    alive, ours = os.pipe()  # `alive` reads as ended once this process is gone
    child = fork()
    if child == 0:
        os.close(ours)
        die_with_parent(signal.SIGKILL, None)
        if select.select([alive], [], [], 0)[0]:
            os._exit(128 + signal.SIGKILL)
        os.close(alive)
        mount_proc()
        execute(spec)
    _, status = os.waitpid(child, 0)
    end_as(status)


def run_here(spec: dict[str, Any]) -> NoReturn:
    """Run the script without namespaces, and end what it leaves behind."""
    if sys.platform == "linux":
        libc().prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    child = fork()
    if child == 0:
        os.setpgid(0, 0)  # what of it stays in this group can be ended without /proc, too
        die_with_parent(signal.SIGKILL, None)
        execute(spec)
    reaped, status = 0, 0
    while reaped != child:
        reaped, status = os.waitpid(-1, 0)
    script.clear()
    end_all(child)
    end_as(status)


def fork() -> int:
    """Fork, with nothing of this process's signal handling in the child."""
    held = signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGTERM, signal.SIGINT, END_ALL))
    child = os.fork()
    if child == 0:
        for number in (signal.SIGTERM, signal.SIGINT, END_ALL):
            signal.signal(number, signal.SIG_DFL)
    else:
        script.append(child)
    signal.pthread_sigmask(signal.SIG_SETMASK, held)
    return child


def on_signal(number: int, _frame: FrameType | None) -> None:
    """Pass a stop signal on to the script; end everything at END_ALL."""
    if number == END_ALL or not script:
        end_all(*script)
        os._exit(128 + signal.SIGKILL)
    with contextlib.suppress(ProcessLookupError):
        os.kill(script[0], number)


def end_all(*group: int) -> None:
    """End the script's group, and then every process that descends from this one."""
    for child in group:
        for end in (os.killpg, os.kill):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                end(child, signal.SIGKILL)
    deadline = time.monotonic() + END_SECONDS
    while time.monotonic() < deadline:
        for process in descendants():
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(process, signal.SIGKILL)
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        except ChildProcessError:
            return
        time.sleep(0.002)


def descendants() -> list[int]:
    """The processes that this one has started or adopted, and theirs, as /proc has them."""
    parents = {}
    try:
        entries = os.listdir("/proc")
    except OSError:
        return []
    for entry in entries:
        if entry.isdigit():
            try:
                with open(f"/proc/{entry}/stat", "rb") as file:
                    # after the name, which may hold anything: state, parent
                    parents[int(entry)] = int(file.read().rpartition(b")")[2].split()[1])
            except OSError:
                continue  # it has ended
    found = [os.getpid()]
    for process in found:
        found += [child for child, parent in parents.items() if parent == process]
    return found[1:]


def die_with_parent(number: int, parent: int | None) -> None:
    """Have the kernel send a signal when this process's parent ends, even by SIGKILL (Linux)."""
    if sys.platform == "linux":
        libc().prctl(PR_SET_PDEATHSIG, number, 0, 0, 0)
        if parent is not None and os.getppid() != parent:
            os._exit(128 + signal.SIGKILL)  # it ended before we asked


def execute(spec: dict[str, Any]) -> NoReturn:
    """Become the script."""
    argv, env = spec["argv"], dict(os.environ) if spec["env"] is None else spec["env"]
    try:
        os.chdir(spec["cwd"])
        os.execvpe(argv[0], argv, env)
    except FileNotFoundError:
        print(f"{argv[0]}: not found", file=sys.stderr)
        os._exit(127)
    except OSError as error:
        print(f"{argv[0]}: {error.strerror}", file=sys.stderr)
        os._exit(126)


def enter_namespaces() -> None:
    """New mount and process-id namespaces; as an ordinary user inside a new user namespace."""
    uid, gid = os.getuid(), os.getgid()
    if uid == 0 and libc().unshare(CLONE_NEWNS | CLONE_NEWPID) == 0:
        return
    check(libc().unshare(CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID), "unshare")
    write("/proc/self/setgroups", "deny")
    write("/proc/self/uid_map", f"0 {uid} 1")
    write("/proc/self/gid_map", f"0 {gid} 1")


def arrange_mounts(spec: dict[str, Any]) -> None:
    """Lay out what the script sees; nothing of it is visible outside."""
    mount("none", "/", MS_REC | MS_PRIVATE)
    # a mount of its own stays writable when a folder around it becomes read-only
    mount(spec["own"], spec["own"], MS_BIND | MS_REC)
    for folder in spec["read_only"]:
        mount(folder, folder, MS_BIND | MS_REC)
        mount(folder, folder, MS_BIND | MS_REMOUNT | MS_RDONLY | kept_flags(folder))
    make_mount_point("/opt/ml", spec["scratch"])
    mount(spec["opt_ml"], "/opt/ml", MS_BIND | MS_REC)
    if spec["hosts_file"] and os.path.isfile("/etc/hosts"):
        mount(spec["hosts_file"], "/etc/hosts", MS_BIND)


def make_mount_point(path: str, scratch: str) -> None:
    """Make sure that `path` exists without leaving a trace on the machine: where it doesn't, its
    parent is replaced, in this namespace alone, by a temporary folder with the same entries."""
    if os.path.isdir(path):
        return
    parent = os.path.dirname(path)
    original = os.path.join(scratch, "original")
    os.makedirs(original, exist_ok=True)
    mount(parent, original, MS_BIND | MS_REC)
    mount("tmpfs", parent, 0, kind="tmpfs")
    for entry in os.scandir(original):
        twin = os.path.join(parent, entry.name)
        if entry.is_symlink():
            os.symlink(os.readlink(entry.path), twin)
            continue
        if entry.is_dir():
            os.mkdir(twin)
        else:
            os.close(os.open(twin, os.O_CREAT))
        mount(entry.path, twin, MS_BIND | MS_REC)
    os.mkdir(path)


def mount_proc() -> None:
    """Show the new process-id namespace in /proc. Some containers forbid it; nothing of ours
    needs it, so that is not an error."""
    libc().mount(b"proc", b"/proc", b"proc", 0, None)


def end_as(status: int) -> NoReturn:
    """End as the script has ended."""
    code = os.waitstatus_to_exitcode(status)
    os._exit(code if code >= 0 else 128 - code)


def mount(source: str, target: str, flags: int, kind: str | None = None) -> None:
    """Call mount(2). Raises OSError."""
    result = libc().mount(
        os.fsencode(source), os.fsencode(target), kind and kind.encode(), flags, None
    )
    check(result, f"mount {target}")


def kept_flags(folder: str) -> int:
    """The flags that a remount of this folder must repeat."""
    present = os.statvfs(folder).f_flag
    return sum(flag for st, flag in KEPT_FLAGS.items() if present & st)


def check(result: int, action: str) -> None:
    """Raise OSError with the C library's error unless `result` is 0."""
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{action}: {os.strerror(number)} ({errno.errorcode.get(number)})")


def write(path: str, text: str) -> None:
    """Write a file of the kernel's."""
    with open(path, "w", encoding="ascii") as file:
        file.write(text)


def libc() -> ctypes.CDLL:
    """The C library, with mount's types declared."""
    library = ctypes.CDLL(None, use_errno=True)
    library.mount.argtypes = (
        ctypes.c_char_p,
        ctypes.c_char_p,
        ctypes.c_char_p,
        ctypes.c_ulong,
        ctypes.c_char_p,
    )
    return library


if __name__ == "__main__":
    main()
