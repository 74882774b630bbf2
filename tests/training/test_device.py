from __future__ import annotations

import pytest
import torch

from transduce.errors import ConfigError
from transduce.models.linear import ROWS, Linear
from transduce.training.device import choose_device, describe_machine, precision

CPU = torch.device("cpu")


def test_auto_takes_the_fastest_that_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    assert choose_device("auto") == CPU
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    assert choose_device("auto").type == "mps"
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert choose_device("auto").type == "cuda"
    assert choose_device("cuda:1") == torch.device("cuda:1")
    with pytest.raises(ConfigError, match="2 CUDA devices"):
        choose_device("cuda:2")


@pytest.mark.parametrize("name", ["", "gpu", "cuda:", "cuda:x", "cuda:-1", "cpu:0", "mps:1", "meta", "CPU"])
def test_an_unknown_device_is_refused_with_the_known_ones(name: str) -> None:
    with pytest.raises(ConfigError, match="none of auto, cpu, cuda"):
        choose_device(name)


@pytest.mark.parametrize(("name", "what"), [("cuda", "CUDA"), ("cuda:0", "CUDA"), ("mps", "Mac")])
def test_a_device_that_is_not_there_is_refused(name: str, what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    with pytest.raises(ConfigError, match=what):
        choose_device(name)


def test_precision_auto_is_bfloat16_where_that_is_fast(monkeypatch: pytest.MonkeyPatch) -> None:
    for units, onednn in ((True, True), (False, True), (True, False)):
        monkeypatch.setattr("transduce.training.device._cpu_has_matrix_units", lambda units=units: units)
        monkeypatch.setattr("transduce.training.device._cpu_has_bfloat16", lambda onednn=onednn: onednn)
        assert precision("auto", CPU).name == ("bfloat16" if units and onednn else "float32")
    for has in (True, False):
        monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation=True, has=has: has)
        assert precision("auto", torch.device("cuda")).name == ("bfloat16" if has else "float32")
    with pytest.raises(ConfigError, match="bfloat16"):
        precision("bfloat16", torch.device("cuda"))


def test_bfloat16_is_refused_on_a_processor_without_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("transduce.training.device._cpu_has_bfloat16", lambda: False)
    with pytest.raises(ConfigError, match=r"bfloat16.*Use float32"):
        precision("bfloat16", CPU)


def test_precision_is_what_a_product_is_computed_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("transduce.training.device._cpu_has_bfloat16", lambda: True)
    layer, x = Linear(2, 2), torch.ones(ROWS, 2)
    asked: list[str] = []
    monkeypatch.setattr(torch, "set_float32_matmul_precision", asked.append)
    with precision("float32", CPU).autocast():
        layer(x)
    assert not asked
    chosen = precision("bfloat16", CPU)
    for times in (1, 2):  # one context a forward pass
        with chosen.autocast():
            assert layer(x).dtype == torch.float32
        assert asked.count("medium") == times


def test_float16_without_cuda_is_refused() -> None:
    with pytest.raises(ConfigError, match="float16"):
        precision("float16", CPU)


def test_the_machine_is_described() -> None:
    told = describe_machine()
    assert told["threads"] == torch.get_num_threads()
    assert told["device"] == "cpu"
    assert told["processor"]
    assert told["device_name"] == told["processor"]
