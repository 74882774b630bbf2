from __future__ import annotations

import errno
import json
import os
import random
from pathlib import Path
from typing import Any

import msgspec
import pytest
import safetensors.torch
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from tests.training.toys import same_bits, small_model
from transduce.errors import RunError
from transduce.training.checkpoint import (
    RNG,
    Best,
    Progress,
    StateFile,
    TrainingState,
    load_weights,
    optimizer_state_fits,
    random_state,
    restore_random_state,
    save_weights,
    shapes,
)
from transduce.training.optim import OptimConfig, make_optimizer

CPU = torch.device("cpu")


@pytest.fixture
def weights() -> dict[str, Tensor]:
    return {
        "float": torch.randn(3, 4),
        "double": torch.randn(2, dtype=torch.float64),
        "half": torch.randn(3).half(),
        "brain": torch.randn(5).bfloat16(),
        "ids": torch.arange(7),
        "mask": torch.tensor([True, False]),
        "bytes": torch.arange(3, dtype=torch.uint8),
        "scalar": torch.tensor(2.5),
        "empty": torch.zeros(0, 3),
        "slice": torch.arange(12.0).view(3, 4)[:, 1:3],
        "name with ünïcode": torch.ones(1),
    }


def test_weights_come_back_bit_for_bit_with_their_types_and_notes(tmp_path: Path, weights: dict[str, Tensor]) -> None:
    save_weights(tmp_path / "w", weights, metadata={"note": "ü"})
    loaded, notes = load_weights(tmp_path / "w", expected={name: tuple(each.shape) for name, each in weights.items()})
    assert notes == {"note": "ü"}
    assert same_bits(loaded, weights)
    assert {name: each.dtype for name, each in loaded.items()} == {name: each.dtype for name, each in weights.items()}


def test_the_file_is_one_that_the_safetensors_library_reads(tmp_path: Path, weights: dict[str, Tensor]) -> None:
    save_weights(tmp_path / "w", weights)
    assert same_bits(safetensors.torch.load_file(tmp_path / "w"), weights)


def test_tied_weights_are_stored_once_and_come_back_tied(tmp_path: Path) -> None:
    model = small_model(tied="all")
    save_weights(tmp_path / "w", model.state_dict())
    loaded, _ = load_weights(tmp_path / "w", expected=shapes(model))
    assert loaded["output.weight"] is loaded["target_embedding.weight"] is loaded["source_embedding.weight"]
    stored = safetensors.torch.load_file(tmp_path / "w")
    assert len({"output.weight", "target_embedding.weight", "source_embedding.weight"} & stored.keys()) == 1
    other = small_model(seed=1, tied="all")
    other.load_state_dict(loaded)
    assert same_bits(dict(other.state_dict()), dict(model.state_dict()))


def test_views_that_share_memory_but_differ_are_both_stored(tmp_path: Path) -> None:
    whole = torch.arange(6.0)
    views = {"whole": whole, "half": whole[:3], "square": whole.view(2, 3), "turned": whole.view(2, 3).T}
    save_weights(tmp_path / "w", views)
    assert same_bits(load_weights(tmp_path / "w")[0], views)


def test_loaded_tensors_are_aligned_and_free_of_the_file(tmp_path: Path) -> None:
    save_weights(tmp_path / "w", {"a": torch.ones(1, dtype=torch.uint8), "b": torch.ones(64)})
    loaded, _ = load_weights(tmp_path / "w")
    (tmp_path / "w").write_bytes(bytes((tmp_path / "w").stat().st_size))
    assert loaded["b"].sum() == 64
    assert loaded["b"].data_ptr() % 64 == 0, "vector kernels may round differently at other addresses"


@pytest.fixture(scope="module")
def whole_file(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("whole") / "w"
    tied = torch.arange(4.0)
    weights = {"a": torch.arange(6.0).view(2, 3), "b": tied, "c": tied, "n": torch.arange(3)}
    save_weights(path, weights, metadata={"k": "v"})
    return path.read_bytes()


@given(data=st.data())
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_altered_byte_goes_unnoticed(data: st.DataObject, whole_file: bytes, tmp_path: Path) -> None:
    place = data.draw(st.integers(0, len(whole_file) - 1))
    value = data.draw(st.integers(0, 255).filter(lambda byte: byte != whole_file[place]))
    path = tmp_path / "w"
    path.write_bytes(whole_file[:place] + bytes([value]) + whole_file[place + 1 :])
    refusal = ""
    try:
        loaded, notes = load_weights(path)
    except RunError as error:
        refusal = str(error)
    if refusal:
        assert str(path) in refusal
        assert "\n" not in refusal
    else:  # space between the words of the header says nothing
        (path.with_name("whole")).write_bytes(whole_file)
        expected, told = load_weights(path.with_name("whole"))
        assert same_bits(loaded, expected)
        assert notes == told


@given(kept=st.floats(0, 0.9999))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_file_cut_anywhere_is_refused(kept: float, whole_file: bytes, tmp_path: Path) -> None:
    (tmp_path / "w").write_bytes(whole_file[: int(kept * len(whole_file))])
    with pytest.raises(RunError, match="cut, altered or not a safetensors file"):
        load_weights(tmp_path / "w")


@given(junk=st.binary(max_size=200))
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_other_bytes_are_refused(junk: bytes, tmp_path: Path) -> None:
    (tmp_path / "w").write_bytes(junk)
    with pytest.raises(RunError):
        load_weights(tmp_path / "w")


def test_bytes_after_the_end_and_a_folder_and_nothing_are_refused(whole_file: bytes, tmp_path: Path) -> None:
    (tmp_path / "long").write_bytes(whole_file + b"x")
    for name in ("long", "", "missing"):
        with pytest.raises(RunError):
            load_weights(tmp_path / name)


def raw_file(path: Path, header: Any, data: bytes = b"") -> None:
    text = msgspec.json.encode(header)
    path.write_bytes(len(text).to_bytes(8, "little") + text + data)


def test_a_header_that_promises_more_than_the_file_holds_allocates_nothing(tmp_path: Path) -> None:
    size = 4 * 10**15
    raw_file(tmp_path / "w", {"__metadata__": {"transduce": "weights 1"},
                              "a": {"dtype": "F32", "shape": [10**15], "data_offsets": [0, size]}})  # fmt: skip
    with pytest.raises(RunError):
        load_weights(tmp_path / "w")


def test_weights_of_someone_else_and_of_a_later_version_are_refused_as_such(tmp_path: Path) -> None:
    safetensors.torch.save_file({"a": torch.ones(2)}, tmp_path / "w")
    with pytest.raises(RunError, match="is not a file of weights that this version of transduce reads"):
        load_weights(tmp_path / "w")
    safetensors.torch.save_file({"a": torch.ones(2)}, tmp_path / "w", metadata={"transduce": "weights 9"})
    with pytest.raises(RunError, match="weights 9"):
        load_weights(tmp_path / "w")
    for aliases in ("[]", "{", '{"b": "missing"}', '{"a": "a"}'):
        notes = {"transduce": "weights 1", "aliases": aliases, "sha256": "0" * 64}
        safetensors.torch.save_file({"a": torch.ones(2)}, tmp_path / "w", metadata=notes)
        with pytest.raises(RunError, match="hash"):
            load_weights(tmp_path / "w")


@pytest.mark.parametrize(("expected", "what"), [
    ({"a": (2, 3), "b": (4,), "c": (4,)}, "n is unknown"),
    ({"a": (3, 2), "b": (4,), "c": (4,), "n": (3,)}, r"a has shape \[2, 3\], not \[3, 2\]"),
    ({"a": (2, 3), "b": (4,), "c": (5,), "n": (3,)}, "c has shape"),
    ({"a": (2, 3), "b": (4,), "c": (4,), "n": (3,), "z": (1,)}, "no z"),
])  # fmt: skip
def test_the_weights_of_another_model_are_refused_by_name(
    expected: Any, what: str, whole_file: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "w").write_bytes(whole_file)

    def allocate(*_: object) -> None:
        raise AssertionError("memory was allocated before the shapes were checked")

    monkeypatch.setattr(Tensor, "clone", allocate)
    with pytest.raises(RunError, match=what):
        load_weights(tmp_path / "w", expected=expected)


def no_space(*_: object) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_a_full_disk_leaves_the_weights_that_were_there(
    call: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "w"
    save_weights(path, {"a": torch.ones(3)})
    with monkeypatch.context() as patch:
        patch.setattr(os, call, no_space)
        with pytest.raises(RunError, match="no space left"):
            save_weights(path, {"a": torch.zeros(3)})
    assert load_weights(path)[0]["a"].sum() == 3
    assert list(tmp_path.iterdir()) == [path]


# --------------------------------------------------------------------------------------------------- states


def a_state(name: str = "adamw", *, steps: int = 3) -> tuple[nn.Module, torch.optim.Optimizer, TrainingState]:
    model = small_model(tied="all")
    optimizer = make_optimizer(model, OptimConfig(name=name, lr=0.01, momentum=0.5, weight_decay=0.01))  # type: ignore[arg-type]
    for _ in range(steps):
        walk(model, optimizer)
    progress = Progress(
        step=7, epoch=1, batch=2, tokens=99, total=50, seconds=1 / 3,
        best=Best(step=5, value=float("nan"), measures={"loss": float("inf"), "chrf": 0.1 + 0.2}, averaged=True),
    )  # fmt: skip
    state = TrainingState(
        progress=progress, model=model.state_dict(), optimizer=optimizer.state_dict(), rng=random_state(CPU),
        average={name: weight + 1 for name, weight in model.state_dict().items()}, averaged=4,
        scaler={"scale": 1024.0}, threads=2,
    )  # fmt: skip
    return model, optimizer, state


def walk(model: nn.Module, optimizer: torch.optim.Optimizer) -> None:
    for weight in model.parameters():
        weight.grad = torch.randn(weight.shape)
    optimizer.step()


def test_a_state_comes_back_whole(tmp_path: Path) -> None:
    model, _, state = a_state()
    file = StateFile(tmp_path / "s", identity={"corpus": "abc"})
    assert not file.exists()
    file.save(state)
    assert file.exists()
    loaded = file.load(expected=shapes(model))
    assert repr(loaded.progress) == repr(state.progress)  # nan differs from itself, not in its words
    assert same_bits(dict(loaded.model), dict(state.model))
    assert same_bits(dict(loaded.average), dict(state.average))
    assert (loaded.averaged, loaded.scaler, loaded.threads) == (4, {"scale": 1024.0}, 2)
    assert loaded.rng.python == state.rng.python
    assert same_bits(loaded.rng.torch, state.rng.torch)


@pytest.mark.parametrize("name", ["adamw", "rmsprop", "sgd"])
@pytest.mark.parametrize("steps", [0, 3])
def test_an_optimizer_goes_on_as_if_it_had_never_stopped(name: str, steps: int, tmp_path: Path) -> None:
    model, optimizer, state = a_state(name, steps=steps)
    StateFile(tmp_path / "s").save(state)
    loaded = StateFile(tmp_path / "s").load()
    again = small_model(seed=5, tied="all")
    again.load_state_dict(loaded.model)
    other = make_optimizer(again, OptimConfig(name=name, lr=0.01, momentum=0.5, weight_decay=0.01))  # type: ignore[arg-type]
    assert optimizer_state_fits(other, loaded.optimizer)
    other.load_state_dict(dict(loaded.optimizer))
    torch.manual_seed(3)
    for _ in range(3):
        walk(model, optimizer)
    torch.manual_seed(3)
    for _ in range(3):
        walk(again, other)
    assert same_bits(dict(model.state_dict()), dict(again.state_dict()))


def test_an_optimizer_state_of_other_weights_does_not_fit(tmp_path: Path) -> None:
    _, _, state = a_state()
    narrow = make_optimizer(small_model(tied="all", hidden=8, embed=8), OptimConfig(weight_decay=0.01))
    assert not optimizer_state_fits(narrow, state.optimizer)
    assert not optimizer_state_fits(make_optimizer(small_model(tied="none"), OptimConfig()), state.optimizer)


def test_a_state_of_other_data_model_or_kind_is_refused(tmp_path: Path) -> None:
    model, _, state = a_state()
    path = tmp_path / "s"
    StateFile(path, identity={"corpus": "abc"}).save(state)
    with pytest.raises(RunError, match="another corpus"):
        StateFile(path, identity={"corpus": "abd"}).load()
    with pytest.raises(RunError, match="another model"):
        StateFile(path).load(expected=shapes(small_model(hidden=8)))
    with pytest.raises(RunError, match="not a file of weights"):
        load_weights(path)
    save_weights(path, model.state_dict())
    with pytest.raises(RunError, match="not a file of training state"):
        StateFile(path).load()


@given(data=st.data())
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_an_altered_or_cut_state_is_refused(data: st.DataObject, tmp_path: Path) -> None:
    path = tmp_path / "s"
    if not path.exists():
        StateFile(path).save(a_state()[2])
        (tmp_path / "whole").write_bytes(path.read_bytes())
    whole = (tmp_path / "whole").read_bytes()
    begin = 8 + int.from_bytes(whole[:8], "little")  # the header's spaces are free; the data is not
    if data.draw(st.booleans()):
        place = data.draw(st.integers(begin, len(whole) - 1))
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
    else:
        path.write_bytes(whole[: data.draw(st.integers(0, len(whole) - 1))])
    with pytest.raises(RunError, match="altered"):
        StateFile(path).load()


@pytest.mark.parametrize(("key", "value"), [
    ("progress", "{}}"), ("progress", '{"step": "x"}'), ("progress", '{"speed": 1}'), ("progress", "[" * 10**5),
    ("optimizer", "{}"), ("optimizer", '{"groups": [], "values": 3}'), ("rest", "[]"), ("identity", "nothing"),
    ("optimizer", '{"groups": [1], "values": {}}'), ("optimizer", '{"groups": [], "values": {"x": {}}}'),
])  # fmt: skip
def test_a_state_made_up_by_a_stranger_is_refused(
    key: str, value: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The hash is right; what it vouches for is nonsense."""
    import transduce.training.checkpoint as module

    path = tmp_path / "s"
    write = module._write

    def tampered(path: Any, tensors: Any, *, kind: str, metadata: dict[str, str]) -> None:
        write(path, tensors, kind=kind, metadata={**metadata, key: value})

    monkeypatch.setattr(module, "_write", tampered)
    StateFile(path).save(a_state()[2])
    with pytest.raises(RunError, match="is not a training state"):
        StateFile(path).load()


def test_random_numbers_go_on_where_they_were() -> None:
    torch.manual_seed(1)
    random.seed(1)
    random.gauss(0, 1)  # leaves a second value behind
    state = random_state(CPU)
    first = (torch.rand(3).tolist(), random.random(), random.gauss(0, 1))
    restore_random_state(state, CPU)
    assert (torch.rand(3).tolist(), random.random(), random.gauss(0, 1)) == first


@pytest.mark.parametrize("rng", [
    RNG({}, "[3, [], null]"),
    RNG({"cpu": torch.zeros(5)}, "[3, [], null]"),
    RNG({"cpu": torch.get_rng_state()}, "[3, [1, 2], null]"),
    RNG({"cpu": torch.get_rng_state()}, json.dumps([3, [2**70] * 625, None])),
    RNG({"cpu": torch.get_rng_state()}, "{"),
])  # fmt: skip
def test_nonsense_for_random_numbers_is_refused(rng: RNG) -> None:
    before = random_state(CPU)
    try:
        with pytest.raises(RunError, match="random numbers"):
            restore_random_state(rng, CPU)
    finally:
        restore_random_state(before, CPU)
