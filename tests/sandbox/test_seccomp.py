"""The system-call filter on both machine types: its program is interpreted as the kernel would."""

from __future__ import annotations

import errno
import platform
import struct

import pytest

from callgauge.sandbox.jail import landlock, seccomp
from callgauge.sandbox.jail.frames import FRAME_FD

MACHINES = ("x86_64", "aarch64")
COLUMN = {"x86_64": 0, "aarch64": 1}
PROT_READ, PROT_WRITE, PROT_EXEC = 1, 2, 4


def verdict(machine: str, number: int, *args: int, arch: int | None = None) -> int:
    """Classic BPF over `struct seccomp_data`, little-endian."""
    padded = [*args, 0, 0, 0, 0, 0, 0][:6]
    packet = struct.pack("<iIQ6Q", number, seccomp.AUDIT_ARCH[machine] if arch is None else arch, 0, *padded)
    steps = seccomp.program(machine)
    accumulator, at = 0, 0
    while True:
        step = steps[at]
        at += 1
        if step.code == seccomp.LD:
            assert step.k % 4 == 0
            (accumulator,) = struct.unpack_from("<I", packet, step.k)
        elif step.code == seccomp.RET:
            return step.k
        else:
            holds = {
                seccomp.JEQ: accumulator == step.k,
                seccomp.JGE: accumulator >= step.k,
                seccomp.JSET: accumulator & step.k != 0,
            }[step.code]
            at += step.jt if holds else step.jf


def numbers(machine: str, names: tuple[str, ...]) -> list[tuple[str, int]]:
    found = [(name, seccomp.NUMBERS[name][COLUMN[machine]]) for name in names]
    return [(name, number) for name, number in found if number is not None]


@pytest.mark.parametrize("machine", MACHINES)
def test_what_a_computing_interpreter_needs_is_allowed(machine: str) -> None:
    for name, number in numbers(machine, seccomp.ALLOWED):
        assert verdict(machine, number) == seccomp.ALLOW, name


@pytest.mark.parametrize("machine", MACHINES)
def test_files_are_denied_in_the_words_of_files(machine: str) -> None:
    for name, number in numbers(machine, seccomp.FILES):
        assert verdict(machine, number) == 0x00050000 | errno.EACCES, name


@pytest.mark.parametrize("machine", MACHINES)
def test_calls_of_attackers_kill(machine: str) -> None:
    for name, number in numbers(machine, seccomp.KILLED):
        assert verdict(machine, number) == seccomp.KILL_PROCESS, name


@pytest.mark.parametrize("machine", MACHINES)
def test_everything_else_is_not_permitted(machine: str) -> None:
    """Every number that the kernel has or may get, so that a new call is never allowed by accident."""
    listed = {pair[COLUMN[machine]] for pair in seccomp.NUMBERS.values()}
    for number in range(1_024):
        if number not in listed:
            assert verdict(machine, number) == 0x00050000 | errno.EPERM, number


@pytest.mark.parametrize("machine", MACHINES)
def test_bytes_move_only_over_the_channel(machine: str) -> None:
    for _, number in numbers(machine, seccomp.ON_CHANNEL):
        assert verdict(machine, number, FRAME_FD) == seccomp.ALLOW
        for fd in (0, 1, 2, 4, 5, 255, 0xFFFFFFFF):
            assert verdict(machine, number, fd) == seccomp.EPERM


@pytest.mark.parametrize("machine", MACHINES)
def test_memory_is_never_executable(machine: str) -> None:
    for _, number in numbers(machine, seccomp.WITHOUT_EXEC):
        assert verdict(machine, number, 0, 4096, PROT_READ | PROT_WRITE) == seccomp.ALLOW
        for prot in (PROT_EXEC, PROT_READ | PROT_EXEC, PROT_READ | PROT_WRITE | PROT_EXEC):
            assert verdict(machine, number, 0, 4096, prot) == seccomp.EPERM


def test_other_architectures_and_numberings_kill() -> None:
    assert verdict("x86_64", 0, FRAME_FD, arch=0x40000003) == seccomp.KILL_PROCESS  # i386
    assert verdict("aarch64", 63, FRAME_FD, arch=0x40000028) == seccomp.KILL_PROCESS  # 32-bit ARM
    assert verdict("x86_64", 0x40000000, FRAME_FD) == seccomp.KILL_PROCESS  # x32 read
    assert verdict("x86_64", -1) == seccomp.KILL_PROCESS


@pytest.mark.parametrize("machine", MACHINES)
def test_the_groups_are_disjoint_and_cover_the_table(machine: str) -> None:
    groups = [
        *seccomp.ALLOWED,
        *seccomp.FILES,
        *seccomp.KILLED,
        *seccomp.WITHOUT_EXEC,
        *seccomp.ON_CHANNEL,
    ]
    assert len(groups) == len(set(groups))
    assert set(groups) == set(seccomp.NUMBERS)
    column = [number for _, number in numbers(machine, tuple(seccomp.NUMBERS))]
    assert len(column) == len(set(column))


@pytest.mark.parametrize("machine", MACHINES)
def test_jumps_stay_inside_the_program(machine: str) -> None:
    steps = seccomp.program(machine)
    assert len(steps) < 4_096  # BPF_MAXINSNS
    assert steps[-1].code == seccomp.RET
    for at, step in enumerate(steps):
        assert at + 1 + max(step.jt, step.jf) < len(steps) or step.code == seccomp.RET


def test_a_machine_without_numbers_has_no_filter() -> None:
    with pytest.raises(KeyError):
        seccomp.program("riscv64")


@pytest.mark.skipif(platform.machine() not in MACHINES, reason="needs x86-64 or arm64")
def test_a_filter_is_laid_out_for_this_machine() -> None:
    seccomp.Filter(platform.machine())


@pytest.mark.parametrize(
    ("version", "words"),
    [
        (1, [0x1FFF]),
        (2, [0x3FFF]),
        (3, [0x7FFF]),
        (4, [0x7FFF, 3]),
        (5, [0xFFFF, 3]),
        (6, [0xFFFF, 3, 3]),
        (7, [0xFFFF, 3, 3]),
    ],
)
def test_landlock_denies_what_each_abi_knows(version: int, words: list[int]) -> None:
    assert landlock.ruleset(version) == struct.pack(f"<{len(words)}Q", *words)
