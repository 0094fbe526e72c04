"""Landlock: no path, no TCP, no signal outside. A second wall behind the system-call filter.

Rights by ABI as in linux/landlock.h: 1 has 13 file rights, 2 adds refer, 3 truncate, 4 TCP bind and connect,
5 device ioctl, 6 scopes (abstract Unix sockets, signals).
"""

from __future__ import annotations

import ctypes
import os
import struct

from . import kernel

_CREATE_RULESET, _RESTRICT_SELF = 444, 446
_ASK_VERSION = 1


def abi() -> int:
    """The kernel's landlock ABI; 0 where it has none or it is switched off."""
    try:
        return kernel.syscall(_CREATE_RULESET, None, 0, _ASK_VERSION)
    except OSError:
        return 0


def ruleset(version: int) -> bytes:
    """`struct landlock_ruleset_attr` that handles, and so denies, everything which the ABI knows."""
    file_rights = 13 + (version >= 2) + (version >= 3) + (version >= 5)
    words = [(1 << file_rights) - 1]
    if version >= 4:
        words.append(0b11)
    if version >= 6:
        words.append(0b11)
    return struct.pack(f"={len(words)}Q", *words)


def deny_all(version: int) -> None:
    """Lay one layer over this process and its children. Needs no_new_privs. Raises OSError."""
    raw = ruleset(version)
    fd = kernel.syscall(_CREATE_RULESET, ctypes.create_string_buffer(raw, len(raw)), len(raw), 0)
    try:
        kernel.syscall(_RESTRICT_SELF, fd, 0)
    finally:
        os.close(fd)
