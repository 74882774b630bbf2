"""What an exact continuation needs, in files that verify themselves.

Weights and training states are safetensors files, replaced atomically. A hash over names, types,
shapes, tensor bytes and metadata stands in each file's own header, so one file is enough to know that
it is whole. Nothing is pickled, and nothing in a file is executed.
"""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, final

import msgspec
import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from transduce.errors import RunError
from transduce.files import atomic_write, write_failed

WEIGHTS, STATE = "weights 1", "training state 1"  # kind of file and version of its layout
KIND, HASH, ALIASES = "transduce", "sha256", "aliases"  # keys of the metadata that are ours
TYPES = {
    torch.float64: "F64", torch.float32: "F32", torch.float16: "F16", torch.bfloat16: "BF16",
    torch.int64: "I64", torch.int32: "I32", torch.int16: "I16", torch.int8: "I8", torch.uint8: "U8", torch.bool: "BOOL",
}  # fmt: skip


class Best(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """The best validation so far: what the weights that were kept are worth."""

    step: int
    value: float  # of the measure that decides (TrainingConfig.best_by)
    measures: dict[str, float]  # all that the validation measured
    averaged: bool = False  # the kept weights are the mean of late ones


class Progress(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Where training stands; saved whole. The loop writes it, everyone else reads."""

    step: int = 0  # updates made, skipped ones included
    epoch: int = 0  # passes over the corpus that are complete
    batch: int = 0  # the next batch of this epoch's plan
    cut: bool = False  # whether that plan is made for pieces cut anew (data/bpe_dropout.py)
    tokens: int = 0  # target tokens trained on, EOS included, padding not
    pairs: int = 0  # pairs trained on
    total: int | None = None  # planned updates; None while a time budget is still being measured
    start_seconds: float = 0.0  # wall-clock time before the loop, over all sessions: reading, preparing, starting
    seconds: float = 0.0  # and in it: updates, validations, saving
    update_seconds: float = 0.0  # of these, in updates
    validation_seconds: float = 0.0  # of these, in validations
    validations: int = 0
    validated: int = 0  # step of the last validation
    since_best: int = 0  # validations since the best one
    best: Best | None = None
    bad_steps: int = 0  # consecutive updates skipped for a non-finite loss or gradient
    skipped: int = 0  # all updates skipped for that
    stopped_early: bool = False  # patience ran out
    finished: bool = False


class RNG(NamedTuple):
    """States of the random number generators that training draws from."""

    torch: dict[str, Tensor]  # "cpu", "cuda" or "mps" -> state, uint8
    python: str  # random.getstate() as JSON


class TrainingState(NamedTuple):
    """All that an exact continuation needs."""

    progress: Progress
    model: Mapping[str, Tensor]
    optimizer: Mapping[str, Any]  # as torch's Optimizer.state_dict()
    rng: RNG
    average: Mapping[str, Tensor] = {}  # running mean of late weights, empty before it begins
    averaged: int = 0  # weights in that mean
    scaler: Mapping[str, Any] = {}  # GradScaler.state_dict(), empty without one
    threads: int = 0  # of torch; results are the same bits only with the same number


# --------------------------------------------------------------------------------------------------- weights


def save_weights(path: str | Path, weights: Mapping[str, Tensor], *, metadata: Mapping[str, str] | None = None) -> None:
    """Write a state dict to one safetensors file, atomically, with a hash over all of it in the header.

    A tensor that stands under several names (tied weights) is stored once. ``metadata`` goes into the
    header; its keys "transduce", "sha256" and "aliases" are ours. Raises ``RunError`` when the disk
    refuses; ``path`` then holds what it held.
    """
    _write(path, weights, kind=WEIGHTS, metadata=metadata or {})


def load_weights(
    path: str | Path, *, expected: Mapping[str, Sequence[int]] | None = None
) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Weights, on the CPU, and metadata of a file that ``save_weights`` wrote.

    ``expected`` holds the names and shapes that the file must have (``shapes(model)``); they and all
    sizes are checked before memory is allocated. Tied weights come back as one tensor under several
    names. Raises ``RunError``, one line, when the file is missing, cut, altered or another model's.
    """
    return _read(path, kind=WEIGHTS, expected=expected)


def shapes(model: nn.Module) -> dict[str, tuple[int, ...]]:
    """Names and shapes of a model's tensors; a model on the meta device has them without memory."""
    return {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}


def _write(path: str | Path, tensors: Mapping[str, Tensor], *, kind: str, metadata: Mapping[str, str]) -> None:
    # safetensors' own writer wants all bytes in memory at once and hides the system's error numbers.
    assert not {KIND, HASH, ALIASES} & metadata.keys()
    stored, aliases = _without_aliases(tensors)
    notes = {**metadata, "format": "pt", KIND: kind, ALIASES: json.dumps(aliases)}
    notes[HASH] = _digest(stored, notes)
    header: dict[str, Any] = {"__metadata__": notes}
    end = 0
    for name, tensor in stored.items():
        begin, end = end, end + tensor.numel() * tensor.element_size()
        header[name] = {"dtype": TYPES[tensor.dtype], "shape": list(tensor.shape), "data_offsets": [begin, end]}
    text = msgspec.json.encode(header)
    text += b" " * (-len(text) % 8)  # so that the data is aligned for readers that map the file
    with atomic_write(path) as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for tensor in stored.values():
            file.write(_bytes(tensor))


def _read(
    path: str | Path, *, kind: str, expected: Mapping[str, Sequence[int]] | None, prefix: str = ""
) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Tensors and metadata of a file of the given kind. ``expected`` is about the names under ``prefix``."""
    path = Path(path)
    if not path.is_file():
        raise RunError(f"{path}: there is no such file.")
    try:
        with safe_open(path, framework="pt") as file:
            notes = dict(file.metadata() or {})
            if notes.get(KIND) != kind:
                found = f" (it holds: {notes[KIND]})" if KIND in notes else ""
                what = kind.rpartition(" ")[0]
                raise RunError(f"{path}: is not a file of {what} that this version of transduce reads{found}.")
            found_shapes = {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118
            aliases = _aliases(notes, found_shapes)
            if expected is not None:
                named = found_shapes | {alias: found_shapes[name] for alias, name in aliases.items()}
                under = {name[len(prefix) :]: shape for name, shape in named.items() if name.startswith(prefix)}
                _same_shapes(path, under, expected)
            # The library's tensors lie in the mapped file at any address; copies are aligned as torch aligns.
            tensors = {name: file.get_tensor(name).clone() for name in found_shapes}
    except SafetensorError as error:
        raise RunError(f"{path}: is cut, altered or not a safetensors file ({error}). Restore it.") from None
    except OSError as error:
        raise RunError(f"{path}: cannot read it ({error.strerror or error}).") from None
    if notes.pop(HASH, "") != _digest(tensors, notes):
        raise RunError(f"{path}: was altered since it was written (its hash differs). Restore it.")
    tensors.update({alias: tensors[name] for alias, name in aliases.items()})
    return tensors, {key: text for key, text in notes.items() if key not in (KIND, ALIASES, "format")}


def _aliases(notes: Mapping[str, str], stored: Mapping[str, object]) -> dict[str, str]:
    """Second names of tied tensors. Nonsense is left out: the hash will not agree with it."""
    try:
        aliases = msgspec.json.decode(notes.get(ALIASES, "{}"), type=dict[str, str])
    except msgspec.DecodeError:
        return {}
    return {alias: name for alias, name in aliases.items() if name in stored and alias not in stored}


def _same_shapes(path: Path, found: Mapping[str, Sequence[int]], expected: Mapping[str, Sequence[int]]) -> None:
    for name, shape in expected.items():
        if name not in found:
            raise RunError(f"{path}: belongs to another model: it has no {name}.")
        if tuple(found[name]) != tuple(shape):
            is_and_not = f"{list(found[name])}, not {list(shape)}"
            raise RunError(f"{path}: belongs to another model: {name} has shape {is_and_not}.")
    for name in found.keys() - expected.keys():
        raise RunError(f"{path}: belongs to another model: {name} is unknown here.")


def _without_aliases(tensors: Mapping[str, Tensor]) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Each tensor once, in order of its name, and second name -> first name for the tied ones."""
    first: dict[tuple[object, ...], str] = {}
    stored, aliases = {}, {}
    for name in sorted(tensors):
        tensor = tensors[name].detach()
        same = first.setdefault((tensor.data_ptr(), tensor.device, tensor.dtype, tensor.shape, tensor.stride()), name)
        if same == name or not tensor.numel():
            stored[name] = tensor
        else:
            aliases[name] = same
    return stored, aliases


def _digest(tensors: Mapping[str, Tensor], notes: Mapping[str, str]) -> str:
    """SHA-256 over metadata, names, types, shapes and bytes, in an order and with bounds that leave no doubt."""
    digest = hashlib.sha256(msgspec.json.encode(dict(notes), order="sorted"))
    for name in sorted(tensors):
        tensor = tensors[name]
        digest.update(msgspec.json.encode([name, str(TYPES.get(tensor.dtype, tensor.dtype)), list(tensor.shape)]))
        digest.update(_bytes(tensor))
    return digest.hexdigest()


def _bytes(tensor: Tensor) -> memoryview:
    flat = tensor.detach().cpu().contiguous().reshape(-1)
    return memoryview(flat.view(torch.uint8).numpy()) if flat.numel() else memoryview(b"")  # type: ignore[arg-type]


# ---------------------------------------------------------------------------------------------------- states


class _HeldByOptimizer(msgspec.Struct):
    """What an optimizer's state_dict holds besides tensors."""

    groups: list[dict[str, Any]]
    values: dict[int, dict[str, Any]]


class _Rest(msgspec.Struct):
    averaged: int
    scaler: dict[str, Any]
    threads: int


@final
class StateFile:
    """The file of the training state (``resume/state.safetensors``): written whole, read with suspicion.

    ``identity`` tells what the state belongs to (``{"corpus": corpus.fingerprint}``). It is written into
    the file, and a file that tells otherwise is refused.
    """

    def __init__(self, path: str | Path, *, identity: Mapping[str, str] | None = None) -> None:
        self.path, self.identity = Path(path), dict(identity or {})

    def __repr__(self) -> str:
        return f"StateFile({str(self.path)!r})"

    def exists(self) -> bool:
        return self.path.is_file()

    def save(self, state: TrainingState) -> None:
        """Replace the file by ``state``, atomically. Raises ``RunError`` when the disk refuses."""
        tensors = {f"model.{name}": tensor for name, tensor in state.model.items()}
        tensors |= {f"average.{name}": tensor for name, tensor in state.average.items()}
        tensors |= {f"rng.{name}": tensor for name, tensor in state.rng.torch.items()}
        values: dict[str, dict[str, Any]] = {}  # what the optimizer holds besides tensors
        for index, entries in state.optimizer["state"].items():
            for key, value in entries.items():
                if isinstance(value, Tensor):
                    tensors[f"optimizer.{index}.{key}"] = value
                else:
                    values.setdefault(str(index), {})[key] = value
        metadata = {
            "progress": json.dumps(msgspec.to_builtins(state.progress)),  # unlike msgspec's, json's words keep nan
            "optimizer": json.dumps({"groups": state.optimizer["param_groups"], "values": values}),
            "random": state.rng.python,
            "rest": json.dumps({"averaged": state.averaged, "scaler": state.scaler, "threads": state.threads}),
            "identity": json.dumps(self.identity),
        }
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise write_failed(self.path.parent, error) from error
        _write(self.path, tensors, kind=STATE, metadata=metadata)

    def load(self, *, expected: Mapping[str, Sequence[int]] | None = None) -> TrainingState:
        """The state in the file. ``expected``: names and shapes of the model's tensors (``shapes(model)``).

        Raises ``RunError`` when the file is missing, cut, altered, of another version, data or model.
        """
        tensors, metadata = _read(self.path, kind=STATE, expected=expected, prefix="model.")
        try:
            progress = msgspec.convert(json.loads(metadata["progress"]), Progress)
            held = msgspec.convert(json.loads(metadata["optimizer"]), _HeldByOptimizer, str_keys=True)
            rest = msgspec.convert(json.loads(metadata["rest"]), _Rest)
            identity = msgspec.json.decode(metadata["identity"], type=dict[str, str])
            state = dict(held.values)
            for name, tensor in _under("optimizer.", tensors):
                index, _, key = name.partition(".")
                state.setdefault(int(index), {})[key] = tensor
            loaded = TrainingState(
                progress=progress,
                model=dict(_under("model.", tensors)),
                optimizer={"state": dict(sorted(state.items())), "param_groups": held.groups},
                rng=RNG(dict(_under("rng.", tensors)), metadata["random"]),
                average=dict(_under("average.", tensors)),
                averaged=rest.averaged,
                scaler=rest.scaler,
                threads=rest.threads,
            )
        except (KeyError, TypeError, ValueError, AttributeError, RecursionError, msgspec.DecodeError) as error:
            raise RunError(f"{self.path}: is not a training state of this version of transduce ({error}).") from None
        for key, mine in self.identity.items():
            if identity.get(key) != mine:
                raise RunError(f"{self.path}: belongs to another {key} than this run's; training cannot go on from it.")
        return loaded


def _under(prefix: str, tensors: Mapping[str, Tensor]) -> Iterator[tuple[str, Tensor]]:
    return ((name[len(prefix) :], tensor) for name, tensor in tensors.items() if name.startswith(prefix))


def optimizer_state_fits(optimizer: torch.optim.Optimizer, saved: Mapping[str, Any]) -> bool:
    """Whether ``saved`` is the state of an optimizer over weights of the same number, order and shapes."""
    mine = optimizer.state_dict()["param_groups"]
    if [group["params"] for group in mine] != [group.get("params") for group in saved["param_groups"]]:
        return False
    weights = [weight for group in optimizer.param_groups for weight in group["params"]]
    return all(
        0 <= index < len(weights)
        and all(not isinstance(each, Tensor) or each.numel() == 1 or each.shape == weights[index].shape
                for each in entries.values())
        for index, entries in saved["state"].items()
    )  # fmt: skip


# -------------------------------------------------------------------------------------------- random numbers


def random_state(device: torch.device) -> RNG:
    """States of the generators that training on ``device`` draws from."""
    states = {"cpu": torch.get_rng_state()}
    if device.type == "cuda":
        states["cuda"] = torch.cuda.get_rng_state(device)
    elif device.type == "mps":
        states["mps"] = torch.mps.get_rng_state()
    return RNG(states, json.dumps(random.getstate()))


def restore_random_state(rng: RNG, device: torch.device) -> None:
    """Put the generators back to ``rng``. A device that it does not know keeps its state.

    Raises ``RunError`` when ``rng`` does not hold such states.
    """
    try:
        torch.set_rng_state(rng.torch["cpu"])
        if device.type == "cuda" and "cuda" in rng.torch:
            torch.cuda.set_rng_state(rng.torch["cuda"], device)
        elif device.type == "mps" and "mps" in rng.torch:
            torch.mps.set_rng_state(rng.torch["mps"])
        version, internal, gauss = json.loads(rng.python)
        random.setstate((version, tuple(internal), gauss))
    except (KeyError, RuntimeError, TypeError, ValueError, OverflowError) as error:
        raise RunError(f"the training state does not hold this machine's random numbers ({error}).") from None
