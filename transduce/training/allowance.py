"""How much of the machine this process may use, where a container, a service or a batch job allows less than all.

Linux tells it in control groups, of either version (kernel documentation: admin-guide/cgroup-v2 "CPU" and "Memory",
admin-guide/cgroup-v1/memory, scheduler/sched-bwc). Other systems tell nothing, which is taken for all of it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

ROOT = Path("/")


def allowed_cores(root: Path = ROOT) -> float:
    """Processor seconds a second that this process and its children may use; infinite where nothing limits them."""
    limits = [text.split() for text in _settings("cpu", "cpu.max", root)]
    quotas, periods = _settings("cpu", "cpu.cfs_quota_us", root), _settings("cpu", "cpu.cfs_period_us", root)
    limits += [[quota, period] for quota, period in zip(quotas, periods, strict=False)]
    # "max" and -1 are no limit.
    pairs = [pair for pair in limits if len(pair) == 2 and all(text.isdecimal() and int(text) > 0 for text in pair)]
    return min((int(quota) / int(period) for quota, period in pairs), default=math.inf)


def allowed_memory(root: Path = ROOT) -> float:
    """Bytes that this process and its children may use; infinite where nothing limits them."""
    limits = [*_settings("memory", "memory.max", root), *_settings("memory", "memory.limit_in_bytes", root)]
    return min((float(text) for text in limits if text.isdecimal()), default=math.inf)


def _settings(controller: str, name: str, root: Path) -> Iterator[str]:
    """What is set as ``name`` for the control groups that this process is in, from its own to the outermost.

    Within a container the path that the kernel tells may be one of the host's; then the outermost alone is there, which
    is the container's own.
    """
    for line in _text(root / "proc/self/cgroup").splitlines():
        _, controllers, path = line.split(":", 2)  # "0::/a/b" in version 2, "4:cpu,cpuacct:/a/b" in version 1
        if controllers and controller not in controllers.split(","):
            continue
        outermost = root / "sys/fs/cgroup" / (controller if controllers else "")
        group = outermost / path.strip("/")
        for folder in (group, *group.parents):
            if text := _text(folder / name):
                yield text
            if folder == outermost:
                break


def _text(path: Path) -> str:
    """What a file of the kernel says; nothing where it is missing or may not be read."""
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""
