"""Takes rights away: once from the zygote, and again, for good, from every evaluation."""

from __future__ import annotations

import contextlib
import math
import os
import resource
import signal
from dataclasses import dataclass

from . import kernel, landlock, seccomp
from .frames import FRAME_FD

# A user id of its own for every evaluation that runs at the same time: the kernel keeps processes of
# different users apart even if every other wall fell. The first range is far from any real account; the
# second lies in Debian's reserved block and fits into containers that map 65,536 ids.
_UID_RANGES = ((1_600_000_000, 4_096), (65_000, 500))

_NAMESPACES = (
    ("net", kernel.CLONE_NEWNET),
    ("pid", kernel.CLONE_NEWPID),
    ("ipc", kernel.CLONE_NEWIPC),
    ("uts", kernel.CLONE_NEWUTS),
)


@dataclass(frozen=True, slots=True)
class Enforced:
    """What the zygote has reached; every evaluation inherits it and adds its own."""

    namespaces: tuple[str, ...]
    landlock_abi: int
    uid_base: int | None
    """First of the ids that evaluations take, None where this process cannot change its id."""
    uid_count: int
    address_space_bytes: int
    """What the interpreter itself occupies; an evaluation's memory limit is counted from here."""
    filter: seccomp.Filter


def lock_zygote(*, use_namespaces: bool) -> Enforced:
    """Shut this process off for good. Raises OSError where a wall that we insist on cannot be had."""
    machine = kernel.machine()
    if machine not in seccomp.AUDIT_ARCH:
        raise OSError(f"no system-call filter is written for {machine}")
    uid_base, uid_count = _uid_range()
    kernel.prctl(kernel.PR_SET_NO_NEW_PRIVS, 1)
    _volunteer_for_oom()
    namespaces = _unshare() if use_namespaces else ()
    if uid_base is None:
        kernel.keep_only()
    else:
        os.setgroups([])
        kernel.keep_only(kernel.CAP_SETUID, kernel.CAP_SETGID, kernel.CAP_KILL)
    address_space = _address_space_bytes()
    version = landlock.abi()
    if version:
        landlock.deny_all(version)
    if "pid" in namespaces:
        _fork_init()
    return Enforced(namespaces, version, uid_base, uid_count, address_space, seccomp.Filter(machine))


def lock_evaluation(enforced: Enforced, *, slot: int, cpu_secs: float, memory_bytes: int) -> None:
    """The last thing before a user's text is read. Descriptors other than the channel are closed by now."""
    if enforced.uid_base is not None:
        uid = enforced.uid_base + slot % enforced.uid_count
        os.setresgid(uid, uid, uid)
        os.setresuid(uid, uid, uid)
    # After the change of id, which clears both.
    kernel.prctl(kernel.PR_SET_DUMPABLE, 0)
    kernel.prctl(kernel.PR_SET_PDEATHSIG, signal.SIGKILL)
    if enforced.landlock_abi:
        # A layer of its own, so that other evaluations and the zygote are out of reach of its signals.
        landlock.deny_all(enforced.landlock_abi)
    _limit(resource.RLIMIT_AS, enforced.address_space_bytes + memory_bytes)
    _limit(resource.RLIMIT_FSIZE, 0)
    _limit(resource.RLIMIT_CORE, 0)
    _limit(resource.RLIMIT_NPROC, 0)
    _limit(resource.RLIMIT_MEMLOCK, 0)
    _limit(resource.RLIMIT_NOFILE, FRAME_FD + 1)
    # The timer knows fractions of a second; the limit, in whole seconds, stands behind it.
    _limit(resource.RLIMIT_CPU, math.ceil(cpu_secs) + 1)
    signal.setitimer(signal.ITIMER_PROF, cpu_secs)
    enforced.filter.install()


def _limit(kind: int, value: int) -> None:
    _, hard = resource.getrlimit(kind)
    if hard != resource.RLIM_INFINITY:
        value = min(value, hard)
    resource.setrlimit(kind, (value, value))


def _uid_range() -> tuple[int | None, int]:
    """Where root with the right capabilities can go; (None, 0) for everyone else."""
    if os.geteuid() != 0:
        return None, 0
    held = 0
    with open("/proc/self/status", encoding="ascii") as status:
        for line in status:
            if line.startswith("CapEff:"):
                held = int(line.split()[1], 16)
    needed = (kernel.CAP_SETUID, kernel.CAP_SETGID, kernel.CAP_KILL)
    if not all(held >> number & 1 for number in needed):
        return None, 0
    for base, count in _UID_RANGES:
        if all(_maps(kind, base, count) for kind in ("uid_map", "gid_map")):
            return base, count
    return None, 0


def _maps(kind: str, base: int, count: int) -> bool:
    """Whether this user namespace knows all ids of a range; lines are `inside outside length`."""
    with open(f"/proc/self/{kind}", encoding="ascii") as spans:
        for line in spans:
            inside, _, length = (int(word) for word in line.split())
            if inside <= base and base + count <= inside + length:
                return True
    return False


def _volunteer_for_oom() -> None:
    """When memory runs out, the kernel shall end an evaluation and not the server."""
    with (
        contextlib.suppress(OSError),  # a courtesy; some containers mount /proc read-only
        open("/proc/self/oom_score_adj", "w", encoding="ascii") as adjustment,
    ):
        adjustment.write("900")


def _unshare() -> tuple[str, ...]:
    """As many namespaces as this host permits: all, or those it grants one by one, or none."""
    # Someone who is not root may unshare only from inside a user namespace of his own.
    first = 0 if os.geteuid() == 0 else kernel.CLONE_NEWUSER
    everything = first
    for _, flag in _NAMESPACES:
        everything |= flag
    try:
        kernel.unshare(everything)
    except OSError:
        return tuple(name for name, flag in _NAMESPACES if not first and _granted(flag))
    return tuple(name for name, _ in _NAMESPACES)


def _granted(flag: int) -> bool:
    try:
        kernel.unshare(flag)
    except OSError:
        return False
    return True


def _fork_init() -> None:
    """A PID namespace lives as long as its first process: this one waits until the zygote is gone.

    After landlock: from another domain, the zygote's death would not be allowed to signal it.
    """
    if os.fork() == 0:
        kernel.prctl(kernel.PR_SET_PDEATHSIG, signal.SIGKILL)
        os.closerange(0, FRAME_FD + 64)
        kernel.keep_only()
        while True:
            signal.pause()


def _address_space_bytes() -> int:
    with open("/proc/self/statm", encoding="ascii") as statm:
        pages = int(statm.read().split()[0])
    return pages * resource.getpagesize()
