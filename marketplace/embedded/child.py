"""Run a command that ends with its parent, as another user if asked: child.py PARENT SIGNAL USER|- COMMAND...

A script of its own, started before the command in the same process: the kernel forgets PR_SET_PDEATHSIG when a process
changes its user, so it has to be set after that and right before exec.
"""

import ctypes
import os
import sys

PR_SET_PDEATHSIG = 1


def main(parent: int, death_signal: int, user: str, command: list[str]) -> None:
    """Become the command.

    user: "uid:gid", or "-" to stay who we are.
    """
    if user != "-":
        uid, gid = (int(part) for part in user.split(":"))
        os.setgroups([])
        os.setgid(gid)
        os.setuid(uid)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, death_signal, 0, 0, 0)
        if os.getppid() != parent:  # it died before we could ask to be told
            sys.exit(1)
    os.execv(command[0], command)  # noqa: S606


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], sys.argv[4:])
