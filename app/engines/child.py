"""Becomes another program that ends when the process that started it ends. Run as a script, standard library only.

    python -I -S child.py PARENT SIGNAL UID GID DIRECTORY PROGRAM ARGUMENT…

PARENT is the process that must stay alive; SIGNAL is sent when it is gone (Linux; elsewhere nothing is). UID and GID
of -1 keep the own ones. A script of its own because the alternative, Python code between fork and exec, may deadlock
in a process that has threads. The program keeps this process's id.
"""

import ctypes
import os
import sys

PR_SET_PDEATHSIG = 1


def end_with_parent(parent: int, death_signal: int) -> bool:
    """Asks for `death_signal` when the parent ends (on Linux); False if it has ended already."""
    if sys.platform == "linux":
        # The kernel watches the parent's thread that started us, not its whole process.
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, death_signal, 0, 0, 0)
    return os.getppid() == parent


def main(arguments: list[str]) -> None:
    parent, death_signal, uid, gid = (int(argument) for argument in arguments[:4])
    directory, *program = arguments[4:]
    os.umask(0o077)
    os.chdir(directory)  # Before root is dropped: the way there may be closed to the engines' account.
    if uid >= 0:
        os.setgroups([])
        os.setgid(gid)
        os.setuid(uid)
    if not end_with_parent(parent, death_signal):  # After setuid, which would clear it.
        sys.exit(f"{program[0]}: the process that wanted it is gone")
    os.execv(program[0], program)  # noqa: S606 - no shell is what we want


if __name__ == "__main__":
    main(sys.argv[1:])
