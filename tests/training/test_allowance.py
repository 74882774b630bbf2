"""What a container or a batch job allows, read from control groups as Linux tells them in either version."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch

from transduce.training import device
from transduce.training.allowance import allowed_cores, allowed_memory


def machine(root: Path, told: str, files: dict[str, str]) -> Path:
    """A root folder in which the kernel tells ``told`` of this process and holds ``files`` below /sys/fs/cgroup."""
    for name, text in {"proc/self/cgroup": told, **{f"sys/fs/cgroup/{name}": files[name] for name in files}}.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text + "\n")
    return root


@pytest.mark.parametrize(
    ("told", "files", "cores", "memory"),
    [
        ("0::/", {"cpu.max": "max 100000", "memory.max": "max"}, math.inf, math.inf),
        ("0::/", {"cpu.max": "150000 100000", "memory.max": "2000000000"}, 1.5, 2e9),
        # The least of all that it is in: a service may allow more than what holds it.
        ("0::/batch/job", {"batch/cpu.max": "400000 100000", "batch/job/cpu.max": "max 100000",
                           "batch/memory.max": "3000000000", "batch/job/memory.max": "9000000000"}, 4, 3e9),
        # In a container: the host's path, which is not there, and the container's own group as the outermost.
        ("0::/docker/0123", {"cpu.max": "50000 100000", "memory.max": "1000000000"}, 0.5, 1e9),
        # Version 1: a folder for each controller, -1 and a number of nearly 2^63 for no limit.
        ("4:memory:/a\n2:cpu,cpuacct:/a\n0::/", {
            "cpu/a/cpu.cfs_quota_us": "200000", "cpu/a/cpu.cfs_period_us": "100000",
            "cpu/cpu.cfs_quota_us": "-1", "cpu/cpu.cfs_period_us": "100000",
            "memory/a/memory.limit_in_bytes": "4000000000", "memory/memory.limit_in_bytes": "9223372036854771712",
        }, 2, 4e9),
        ("2:cpuset:/", {"cpu.max": "50000 100000"}, math.inf, math.inf),
    ],
)  # fmt: skip
def test_the_least_limit_is_found(tmp_path: Path, told: str, files: dict[str, str], cores: float,
                                  memory: float) -> None:  # fmt: skip
    root = machine(tmp_path, told, files)
    assert allowed_cores(root) == cores
    assert allowed_memory(root) == memory


def test_a_system_that_tells_nothing_limits_nothing(tmp_path: Path) -> None:
    assert allowed_cores(tmp_path) == allowed_memory(tmp_path) == math.inf


@pytest.mark.parametrize(("allowed", "threads"), [(math.inf, 4), (9.0, 4), (2.0, 2), (1.5, 2), (0.5, 1)])
def test_torch_gets_no_more_threads_than_cores_are_allowed(monkeypatch: pytest.MonkeyPatch, allowed: float,
                                                           threads: int) -> None:  # fmt: skip
    monkeypatch.setattr(device, "allowed_cores", lambda: allowed)
    monkeypatch.setattr(torch, "get_num_threads", lambda: 4)
    assert device.usable_threads() == threads


def test_memory_is_what_is_allowed_of_the_machines(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = device.memory_gb()
    monkeypatch.setattr(device, "allowed_memory", lambda: 1.5e9)
    assert device.memory_gb() == min(1.5, whole)
