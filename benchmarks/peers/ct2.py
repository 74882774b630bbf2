"""CTranslate2: decoding alone, of the Transformer that opennmt.py --model transformer trained, as float32 and int8.

    python benchmarks/peers/opennmt.py --model transformer --data FOLDER --target fr --out DIR/opennmt-transformer
    python benchmarks/peers/ct2.py --from DIR/opennmt-transformer --data FOLDER --target fr --out DIR/ct2

The 1,000 sentences in one call, greedy and beam 5, and one at a time. One JSON line for each type of number. It runs in
OpenNMT-py's environment: CTranslate2 is one of its dependencies, and the conversion reads OpenNMT-py's checkpoint.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from peer import Job, Translate, finish, job

TYPES = ("float32", "int8")
ALONE = 200  # sentences that are translated each alone


def newest(folder: Path) -> Path:
    """The checkpoint that the training script measured: the last within its time."""
    lines = (folder / "result.jsonl").read_text(encoding="utf-8").split("\n")[:-1]
    return Path(json.loads(lines[-1])["checkpoint"])


def converted(checkpoint: Path, out: Path, kind: str) -> Path:
    """The model in CTranslate2's form. It reads weights only, and the checkpoint holds its options too."""
    import torch
    from ctranslate2.converters import OpenNMTPyConverter

    converter, quantization = OpenNMTPyConverter(str(checkpoint)), None if kind == "float32" else kind
    with torch.serialization.safe_globals([argparse.Namespace]):
        return Path(converter.convert(str(out / kind), quantization=quantization, force=True))


def loaded(job: Job, folder: Path, pieces: Any, kind: str) -> Translate:
    """A translator of one thread for each of the threads; batches of 64, sorted by length by CTranslate2 itself.

    Several threads for one batch were slower here than one thread alone (docs/time-to-quality.md).
    """
    import ctranslate2

    translator = ctranslate2.Translator(str(folder), device="cpu", compute_type=kind, inter_threads=job.threads,
                                       intra_threads=1)  # fmt: skip

    def translate(texts: list[str], beam: int) -> list[str]:
        rows = pieces.encode(texts, out_type=str)
        found = translator.translate_batch(rows, beam_size=beam, max_batch_size=64, length_penalty=1.0 if beam > 1 else 0.0,
                                           max_decoding_length=100)  # fmt: skip
        return [pieces.decode(each.hypotheses[0]) for each in found]

    return translate


def main() -> None:
    run = job(__doc__, **{"from": ""})
    import sentencepiece

    origin = Path(run.extra["from"] or run.out.parent / "opennmt-transformer")
    checkpoint = newest(origin)
    pieces = sentencepiece.SentencePieceProcessor(model_file=str(origin / "subwords.model"))
    for kind in TYPES:
        folder = converted(checkpoint, run.out, kind)
        finish(run, loaded(run, folder, pieces, kind), system=f"CTranslate2 {kind} (OpenNMT-py Transformer 3+3x256)",
               package="ctranslate2", one_at_a_time=ALONE, folder=f"texts-{kind}", trained_seconds=0.0,
               prepare_seconds=0.0, parameters=None, tokens_per_second=None, checkpoint=str(checkpoint))  # fmt: skip


if __name__ == "__main__":
    main()
