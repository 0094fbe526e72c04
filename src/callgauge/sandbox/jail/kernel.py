"""Raw system calls and prctl by ctypes: what the standard library has no door for."""

from __future__ import annotations

import ctypes
import os

_LIBC = ctypes.CDLL(None, use_errno=True)
_LIBC.syscall.restype = ctypes.c_long

# Numbers from the kernel's uapi headers (linux/prctl.h, linux/sched.h, linux/capability.h).
PR_SET_PDEATHSIG = 1
PR_SET_DUMPABLE = 4
PR_SET_SECCOMP = 22
PR_SET_NO_NEW_PRIVS = 38

CLONE_NEWUTS = 0x04000000
CLONE_NEWIPC = 0x08000000
CLONE_NEWUSER = 0x10000000
CLONE_NEWPID = 0x20000000
CLONE_NEWNET = 0x40000000

CAP_KILL, CAP_SETGID, CAP_SETUID = 5, 6, 7
_CAPABILITY_VERSION_3 = 0x20080522

# unshare and capset differ by architecture; the landlock calls (444 to 446) do not.
_NUMBERS = {
    "x86_64": {"unshare": 272, "capset": 126},
    "aarch64": {"unshare": 97, "capset": 91},
}


def machine() -> str:
    return os.uname().machine


def syscall(number: int, *args: int | ctypes.Array[ctypes.c_char] | ctypes.Structure | None) -> int:
    """Call the kernel. Raises OSError with the call's errno."""
    words = [ctypes.c_long(arg) if isinstance(arg, int) else arg for arg in args]
    result = int(_LIBC.syscall(ctypes.c_long(number), *words))
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    return result


def prctl(option: int, value: int = 0, pointer: ctypes.Structure | None = None) -> None:
    third = ctypes.byref(pointer) if pointer is not None else ctypes.c_ulong(0)
    zero = ctypes.c_ulong(0)
    if _LIBC.prctl(ctypes.c_int(option), ctypes.c_ulong(value), third, zero, zero) != 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))


def unshare(flags: int) -> None:
    syscall(_NUMBERS[machine()]["unshare"], flags)


def keep_only(*capabilities: int) -> None:
    """Give up every capability but these."""
    mask = sum(1 << number for number in capabilities)
    header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION_3, 0)
    # Two 32-bit halves of (effective, permitted, inheritable); those we keep are all below 32.
    sets = (ctypes.c_uint32 * 6)(mask, mask, 0, 0, 0, 0)
    number = _NUMBERS[machine()]["capset"]
    if _LIBC.syscall(ctypes.c_long(number), ctypes.byref(header), ctypes.byref(sets)) != 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
