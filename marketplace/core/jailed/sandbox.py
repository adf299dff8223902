"""Closes a process over itself, before it opens anything that others wrote.

Bubblewrap has taken away the file system and the network already where it can; limits and the system call filter come on
top. Where it cannot, Landlock takes the file system and the filter takes the network.
Sources: landlock(7), seccomp(2), linux/landlock.h (ABI 7), linux/audit.h.
"""

import ctypes
import os
import platform
import resource
import struct
from collections.abc import Mapping
from typing import Any

_EPERM = 1
_PR_SET_NO_NEW_PRIVS = 38
_PR_SET_DUMPABLE = 4
_PR_SET_SECCOMP = 22
_SECCOMP_MODE_FILTER = 2
_RET_ALLOW = 0x7FFF0000
_RET_ERRNO = 0x00050000
_RET_KILL = 0x80000000
_X32 = 0x40000000

#: machine -> (audit architecture, numbers of the system calls that a reader of files never needs)
_DENIED: dict[str, tuple[int, dict[str, int]]] = {
    "x86_64": (
        0xC000003E,
        {
            "socket": 41, "connect": 42, "socketpair": 53, "clone": 56, "fork": 57, "vfork": 58, "execve": 59,
            "kill": 62, "chmod": 90, "fchmod": 91, "chown": 92, "fchown": 93, "lchown": 94, "ptrace": 101,
            "pivot_root": 155, "chroot": 161, "mount": 165, "umount2": 166, "setxattr": 188, "lsetxattr": 189,
            "fsetxattr": 190, "tkill": 200, "tgkill": 234, "add_key": 248, "request_key": 249, "keyctl": 250,
            "fchownat": 260, "fchmodat": 268, "unshare": 272, "perf_event_open": 298, "name_to_handle_at": 303,
            "open_by_handle_at": 304, "setns": 308, "process_vm_readv": 310, "process_vm_writev": 311, "bpf": 321,
            "execveat": 322, "userfaultfd": 323, "pidfd_send_signal": 424, "io_uring_setup": 425, "clone3": 435,
            "pidfd_getfd": 438, "fchmodat2": 452,
        },
    ),
    "aarch64": (
        0xC00000B7,
        {
            "setxattr": 5, "lsetxattr": 6, "fsetxattr": 7, "umount2": 39, "mount": 40, "pivot_root": 41, "chroot": 51,
            "fchmod": 52, "fchmodat": 53, "fchownat": 54, "fchown": 55, "unshare": 97, "ptrace": 117, "kill": 129,
            "tkill": 130, "tgkill": 131, "socket": 198, "socketpair": 199, "connect": 203, "add_key": 217,
            "request_key": 218, "keyctl": 219, "clone": 220, "execve": 221, "perf_event_open": 241,
            "name_to_handle_at": 264, "open_by_handle_at": 265, "setns": 268, "process_vm_readv": 270,
            "process_vm_writev": 271, "bpf": 280, "execveat": 281, "userfaultfd": 282, "pidfd_send_signal": 424,
            "io_uring_setup": 425, "clone3": 435, "pidfd_getfd": 438, "fchmodat2": 452,
        },
    ),
}  # fmt: skip

_LANDLOCK_CREATE, _LANDLOCK_ADD, _LANDLOCK_RESTRICT = 444, 445, 446
#: 3 is the first that also forbids to truncate
LEAST_LANDLOCK = 3
_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_DIR, _REMOVE_FILE = 1 << 0, 1 << 1, 1 << 2, 1 << 3, 1 << 5
_MAKE_FILE, _TRUNCATE, _IOCTL = 1 << 8, 1 << 14, 1 << 15
_READ = _READ_FILE | _READ_DIR
_WRITE = _READ | _WRITE_FILE | _REMOVE_FILE | _MAKE_FILE | _TRUNCATE
_FOR_FILES = _EXECUTE | _WRITE_FILE | _READ_FILE | _TRUNCATE | _IOCTL


class CannotClose(OSError):
    """The kernel refused a restriction: the process must not go on."""


class _Instruction(ctypes.Structure):
    _fields_ = (("code", ctypes.c_uint16), ("jt", ctypes.c_uint8), ("jf", ctypes.c_uint8), ("k", ctypes.c_uint32))


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_uint16), ("instructions", ctypes.POINTER(_Instruction)))


def landlock_abi() -> int:
    """Return the version of Landlock that the kernel has, 0 for none."""
    try:
        return max(0, int(_libc().syscall(_LANDLOCK_CREATE, None, ctypes.c_size_t(0), ctypes.c_uint32(1))))
    except (OSError, AttributeError):
        return 0


def can_filter() -> bool:
    """Return True on machines whose system calls are known here."""
    return platform.system() == "Linux" and platform.machine() in _DENIED


def close(config: Mapping[str, Any]) -> None:
    """Apply limits, Landlock where asked, and the filter. Raises CannotClose; the caller then ends."""
    for name, value in config["limits"].items():
        resource.setrlimit(getattr(resource, name), (value, value))
    libc = _libc()
    _checked(libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
    _checked(libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0))
    if config["landlock"]:
        _restrict_files(libc, readable=config["readable"], writable=config["writable"])
    if can_filter():
        _filter_calls(libc)
    elif config["landlock"]:
        raise CannotClose(f"No filter for {platform.machine()}.")


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _checked(result: int) -> int:
    if result < 0:
        raise CannotClose(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result


def _restrict_files(libc: ctypes.CDLL, *, readable: list[str], writable: list[str]) -> None:
    abi = landlock_abi()
    if abi < LEAST_LANDLOCK:
        raise CannotClose(f"Landlock {LEAST_LANDLOCK} is needed, the kernel has {abi}.")
    handled = (1 << (16 if abi >= 5 else 15)) - 1
    # no bind and no connect over TCP (4); no abstract sockets and no signals to others (6)
    attributes = struct.pack("=QQQ", handled, 0b11, 0b11)[: 24 if abi >= 6 else 16 if abi >= 4 else 8]
    ruleset = _checked(libc.syscall(_LANDLOCK_CREATE, attributes, ctypes.c_size_t(len(attributes)), ctypes.c_uint32(0)))
    for path, access in [*((path, _READ) for path in readable), *((path, _WRITE) for path in writable)]:
        if not os.path.exists(path):
            continue
        descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
        allowed = (access if os.path.isdir(path) else access & _FOR_FILES) & handled
        rule = struct.pack("=Qi", allowed, descriptor)
        _checked(libc.syscall(_LANDLOCK_ADD, ruleset, 1, rule, ctypes.c_uint32(0)))
        os.close(descriptor)
    _checked(libc.syscall(_LANDLOCK_RESTRICT, ruleset, ctypes.c_uint32(0)))
    os.close(ruleset)


def _filter_calls(libc: ctypes.CDLL) -> None:
    architecture, denied = _DENIED[platform.machine()]
    load, equal, at_least, answer = 0x20, 0x15, 0x35, 0x06
    refuse = _RET_ERRNO | _EPERM
    code: list[tuple[int, int, int, int]] = [
        (load, 0, 0, 4),
        (equal, 1, 0, architecture),
        (answer, 0, 0, _RET_KILL),
        (load, 0, 0, 0),
        (at_least, 0, 1, _X32),
        (answer, 0, 0, refuse),
    ]
    for number in denied.values():
        code += [(equal, 0, 1, number), (answer, 0, 0, refuse)]
    code.append((answer, 0, 0, _RET_ALLOW))
    instructions = (_Instruction * len(code))(*(_Instruction(*fields) for fields in code))
    program = _Program(len(code), ctypes.cast(instructions, ctypes.POINTER(_Instruction)))
    _checked(libc.prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, ctypes.byref(program), 0, 0))
