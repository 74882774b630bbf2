"""The public names: all there, none by accident, and none costs an import of torch before it is used."""

from __future__ import annotations

import subprocess
import sys

import transduce

PUBLIC = [
    "Corpus", "DecodingConfig", "Hypothesis", "Pair", "RNN", "RNNConfig", "Tokenizer", "TokenizerConfig",
    "TrainingConfig", "TransduceError", "Transducer", "TransformerConfig", "__version__", "beam_search", "builtin_pairs", "greedy",
    "inspect_pairs", "load", "open_pairs", "resume", "sample", "trace", "train",
]  # fmt: skip


def test_public_names_are_these() -> None:
    assert sorted(transduce.__all__) == sorted(PUBLIC)
    assert dir(transduce) == sorted(transduce.__all__)


def test_every_public_name_exists() -> None:
    for name in PUBLIC:
        assert getattr(transduce, name) is not None


def test_help_does_not_import_torch() -> None:
    code = (
        "import sys; sys.argv = ['transduce', '--help']\n"
        "from transduce.cli import main\n"
        "try: main()\n"
        "except SystemExit as leave: assert not leave.code\n"
        "assert 'torch' not in sys.modules and 'numpy' not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "Usage" in done.stdout
