"""The system-call filter of one evaluation, as a classic BPF program of our own.

The filter sees `struct seccomp_data`: call number at byte 0, architecture at 4, six 64-bit arguments from 16.
What a computing interpreter needs is allowed; file calls answer EACCES, so that Python says "permission
denied"; calls that only an attacker makes kill the process; everything else answers EPERM.
"""

from __future__ import annotations

import ctypes
import errno
import struct
from typing import NamedTuple

from . import kernel
from .frames import FRAME_FD

# struct seccomp_data offsets, bytes.
_NUMBER, _ARCH, _ARGS = 0, 4, 16

# BPF opcodes (linux/bpf_common.h): load a word, jump if equal, if greater or equal, if a bit is set, return.
LD, JEQ, JGE, JSET, RET = 0x20, 0x15, 0x35, 0x45, 0x06

# Verdicts (linux/seccomp.h).
ALLOW = 0x7FFF0000
KILL_PROCESS = 0x80000000
_ERRNO = 0x00050000
EPERM = _ERRNO | errno.EPERM
EACCES = _ERRNO | errno.EACCES

AUDIT_ARCH = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}

# x86-64 has a second numbering (x32) under this bit; it would walk around a list of numbers.
_X32_BIT = 0x40000000

_PROT_EXEC = 0x4

# name: (x86-64, arm64). None: arm64 has no such call.
NUMBERS: dict[str, tuple[int, int | None]] = {
    "read": (0, 63),
    "write": (1, 64),
    "open": (2, None),
    "stat": (4, None),
    "lstat": (6, None),
    "mmap": (9, 222),
    "mprotect": (10, 226),
    "munmap": (11, 215),
    "brk": (12, 214),
    "rt_sigreturn": (15, 139),
    "access": (21, None),
    "sched_yield": (24, 124),
    "mremap": (25, 216),
    "madvise": (28, 233),
    "nanosleep": (35, 101),
    "getpid": (39, 172),
    "exit": (60, 93),
    "getdents": (78, None),
    "getcwd": (79, 17),
    "chdir": (80, 49),
    "rename": (82, None),
    "mkdir": (83, None),
    "creat": (85, None),
    "unlink": (87, None),
    "readlink": (89, None),
    "gettimeofday": (96, 169),
    "ptrace": (101, 117),
    "pivot_root": (155, 41),
    "chroot": (161, 51),
    "mount": (165, 40),
    "umount2": (166, 39),
    "init_module": (175, 105),
    "delete_module": (176, 106),
    "gettid": (186, 178),
    "time": (201, None),
    "futex": (202, 98),
    "getdents64": (217, 61),
    "restart_syscall": (219, 128),
    "clock_gettime": (228, 113),
    "clock_getres": (229, 114),
    "clock_nanosleep": (230, 115),
    "exit_group": (231, 94),
    "kexec_load": (246, 104),
    "add_key": (248, 217),
    "request_key": (249, 218),
    "keyctl": (250, 219),
    "openat": (257, 56),
    "mkdirat": (258, 34),
    "newfstatat": (262, 79),
    "unlinkat": (263, 35),
    "readlinkat": (267, 78),
    "faccessat": (269, 48),
    "unshare": (272, 97),
    "perf_event_open": (298, 241),
    "open_by_handle_at": (304, 265),
    "setns": (308, 268),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "finit_module": (313, 273),
    "renameat2": (316, 276),
    "seccomp": (317, 277),
    "getrandom": (318, 278),
    "bpf": (321, 280),
    "userfaultfd": (323, 282),
    "statx": (332, 291),
    "io_uring_setup": (425, 425),
    "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427),
    "open_tree": (428, 428),
    "move_mount": (429, 429),
    "fsopen": (430, 430),
    "fsmount": (432, 432),
    "openat2": (437, 437),
    "pidfd_getfd": (438, 438),
    "faccessat2": (439, 439),
}

# Ordered by how often a running script makes them: the filter walks the list. Not even `close` is here: a
# closed channel means that the process has died.
ALLOWED = (
    "brk",
    "munmap",
    "futex",
    "mremap",
    "madvise",
    "clock_gettime",
    "gettimeofday",
    "time",
    "getrandom",
    "clock_nanosleep",
    "nanosleep",
    "clock_getres",
    "restart_syscall",
    "rt_sigreturn",
    "sched_yield",
    "getpid",
    "gettid",
    "exit",
    "exit_group",
)

# Memory may be had, but never to run code in.
WITHOUT_EXEC = ("mmap", "mprotect")

# Bytes move only over the channel to the host.
ON_CHANNEL = ("read", "write")

FILES = (
    "open",
    "openat",
    "openat2",
    "creat",
    "stat",
    "lstat",
    "newfstatat",
    "statx",
    "access",
    "faccessat",
    "faccessat2",
    "readlink",
    "readlinkat",
    "getdents",
    "getdents64",
    "getcwd",
    "chdir",
    "mkdir",
    "mkdirat",
    "unlink",
    "unlinkat",
    "rename",
    "renameat2",
)

KILLED = (
    "ptrace",
    "process_vm_readv",
    "process_vm_writev",
    "pidfd_getfd",
    "bpf",
    "perf_event_open",
    "userfaultfd",
    "io_uring_setup",
    "io_uring_enter",
    "io_uring_register",
    "mount",
    "umount2",
    "pivot_root",
    "chroot",
    "fsopen",
    "fsmount",
    "open_tree",
    "move_mount",
    "open_by_handle_at",
    "unshare",
    "setns",
    "init_module",
    "finit_module",
    "delete_module",
    "kexec_load",
    "add_key",
    "request_key",
    "keyctl",
    "seccomp",
)


class Step(NamedTuple):
    """One `struct sock_filter`: opcode, jumps (in steps) when true and when false, operand."""

    code: int
    jt: int
    jf: int
    k: int


def program(machine: str) -> list[Step]:
    """The filter for one machine type. Raises KeyError for a machine that we have no numbers for."""
    column = {"x86_64": 0, "aarch64": 1}[machine]

    def number(name: str) -> int | None:
        return NUMBERS[name][column]

    steps = [
        Step(LD, 0, 0, _ARCH),
        Step(JEQ, 1, 0, AUDIT_ARCH[machine]),
        Step(RET, 0, 0, KILL_PROCESS),
        Step(LD, 0, 0, _NUMBER),
        Step(JGE, 0, 1, _X32_BIT),
        Step(RET, 0, 0, KILL_PROCESS),
    ]
    for names, verdict in ((ALLOWED, ALLOW), (FILES, EACCES), (KILLED, KILL_PROCESS)):
        for name in names:
            if (wanted := number(name)) is not None:
                steps += [Step(JEQ, 0, 1, wanted), Step(RET, 0, 0, verdict)]
    for name in WITHOUT_EXEC:
        steps += _when_argument(number(name), 2, Step(JSET, 0, 1, _PROT_EXEC), yes=EPERM, no=ALLOW)
    for name in ON_CHANNEL:
        steps += _when_argument(number(name), 0, Step(JEQ, 0, 1, FRAME_FD), yes=ALLOW, no=EPERM)
    steps.append(Step(RET, 0, 0, EPERM))
    return steps


def _when_argument(number: int | None, position: int, test: Step, *, yes: int, no: int) -> list[Step]:
    """Steps that judge one call by the low word of an argument (both machines are little-endian)."""
    assert number is not None
    return [
        Step(JEQ, 0, 4, number),
        Step(LD, 0, 0, _ARGS + 8 * position),
        test,
        Step(RET, 0, 0, yes),
        Step(RET, 0, 0, no),
    ]


class _Program(ctypes.Structure):
    """`struct sock_fprog`."""

    _fields_ = (("length", ctypes.c_ushort), ("steps", ctypes.c_void_p))


class Filter:
    """A filter laid out in memory beforehand, so that installing it is one call."""

    def __init__(self, machine: str) -> None:
        steps = program(machine)
        raw = b"".join(struct.pack("=HBBI", *step) for step in steps)
        self._buffer = ctypes.create_string_buffer(raw, len(raw))
        self._program = _Program(len(steps), ctypes.addressof(self._buffer))

    def install(self) -> None:
        """Irrevocable. Needs no_new_privs. Raises OSError where the kernel has no filters."""
        filter_mode = 2
        kernel.prctl(kernel.PR_SET_SECCOMP, filter_mode, self._program)
