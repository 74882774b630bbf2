"""Which device computes, in which precision, and what the machine is."""

from __future__ import annotations

import math
import os
import platform
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Literal, NamedTuple

import torch

from transduce.config import require
from transduce.errors import ConfigError
from transduce.models.linear import coarse_products
from transduce.training.allowance import allowed_cores, allowed_memory

PrecisionName = Literal["auto", "float32", "bfloat16", "float16"]


def choose_device(name: str = "auto") -> torch.device:
    """The device for "auto" (CUDA, else MPS, else the CPU), "cpu", "cuda", "cuda:1" or "mps".

    Raises ``ConfigError`` for another word, or a device that this machine or this torch has not.
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    kind, colon, number = name.partition(":")
    known = kind in ("cpu", "cuda", "mps") and (number.isdecimal() if colon else True)
    require(known and not (colon and kind != "cuda"),
            f'device "{name}" is none of auto, cpu, cuda, cuda:1, mps.')  # fmt: skip
    if kind == "cuda":
        require(torch.cuda.is_available(), f'device "{name}": this machine has no CUDA device that torch '
                f"{torch.__version__} can use. Use auto or cpu.")  # fmt: skip
        count = torch.cuda.device_count()
        require(int(number or 0) < count, f'device "{name}": there are {count} CUDA devices, counted from 0.')
    if kind == "mps":
        require(torch.backends.mps.is_available(), 'device "mps": needs a Mac with an Apple GPU. Use auto or cpu.')
    return torch.device(name)


class Precision(NamedTuple):
    """In which numbers training computes. Weights are float32 in every case."""

    name: str  # float32, bfloat16 or float16; on a CPU bfloat16 is for products with weights only (models/linear.py)
    autocast: Callable[[], AbstractContextManager[object]]  # a new context for every forward pass
    scaler: torch.amp.GradScaler | None  # float16 only: keeps small gradients from vanishing


def precision(name: PrecisionName, device: torch.device) -> Precision:
    """The precision called ``name``.

    "auto" is bfloat16 on CUDA devices that have it and on CPUs with matrix units for it, else float32. Raises
    ``ConfigError`` for one that the device has not.
    """
    bfloat16 = device.type == "cpu" and _cpu_has_bfloat16()
    if device.type == "cuda":
        bfloat16 = torch.cuda.is_bf16_supported(including_emulation=False)
    if name == "auto":
        fast = bfloat16 if device.type == "cuda" else bfloat16 and _cpu_has_matrix_units()
        name = "bfloat16" if fast else "float32"
    if name == "float32":
        return Precision(name, nullcontext, None)
    if name == "bfloat16":
        require(bfloat16, f'precision "bfloat16": the device "{device}" does not have it. Use float32.')
        if device.type == "cpu":
            return Precision(name, coarse_products, None)
        return Precision(name, lambda: torch.autocast(device.type, dtype=torch.bfloat16), None)
    if name == "float16":
        require(device.type == "cuda", f'precision "float16" is for CUDA devices, not "{device}". Use float32.')
        scaler = torch.amp.GradScaler("cuda")
        return Precision(name, lambda: torch.autocast(device.type, dtype=torch.float16), scaler)
    raise ConfigError(f'precision "{name}" is none of auto, float32, bfloat16, float16.')


def _cpu_has_bfloat16() -> bool:
    """Whether oneDNN computes in bfloat16 on this processor (AVX-512 or later)."""
    return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())


def _cpu_has_matrix_units() -> bool:
    """Whether this processor has Intel's AMX, with which bfloat16 is several times as fast as float32."""
    try:
        return bool(torch.cpu._is_amx_tile_supported())
    except AttributeError:  # torch promises no such function
        return False


def describe_machine(device: torch.device | None = None) -> dict[str, str | int | float]:
    """What a measurement depends on: processor, cores, threads, memory, torch and the device that computes."""
    device = device or torch.device("cpu")
    processor = _processor()
    names = {"cpu": processor, "mps": "Apple GPU"}
    return {
        "processor": processor,
        "cores": os.cpu_count() or 1,
        "threads": torch.get_num_threads(),
        "memory_gb": memory_gb(),
        "system": f"{platform.system()} {platform.machine()}",
        "torch": str(torch.__version__),
        "device": str(device),
        "device_name": torch.cuda.get_device_name(device) if device.type == "cuda" else names[device.type],
    }


def _processor() -> str:
    """The processor's name as its maker writes it, where the system tells."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as file:
            for line in file:
                if line.startswith("model name"):
                    return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine() or "unknown"


def memory_gb() -> float:
    """Main memory that this process may use, in 10^9 bytes; 0.0 where the system does not tell."""
    try:
        machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, OSError, ValueError):
        return 0.0
    return round(min(machine, allowed_memory()) / 1e9, 1)


def usable_threads() -> int:
    """CPU threads for torch, unless the user asks for a number: its own, and no more than cores are allowed.

    More would share the allowance, and all of them stand still once it is spent.
    """
    return int(min(torch.get_num_threads(), max(1, math.ceil(min(allowed_cores(), 1e9)))))
