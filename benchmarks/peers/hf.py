"""Hugging Face transformers: MarianMT of 3 + 3 layers and width 256, from scratch, by its Seq2SeqTrainer.

    python benchmarks/peers/hf.py --data FOLDER --target fr --seconds 300 --threads 2 --out DIR

Inverse square root schedule after 400 updates, peak learning rate 1e-3, dropout 0.1, label smoothing 0.1; pairs of like
length together, 48 a batch, which are about 700 target tokens.
"""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

from peer import CURVE_POINTS, Job, Translate, curve, finish, job, subwords

SENTENCES = 48
HIDDEN, LAYERS, HEADS = 256, 3, 4


def make_tokenizer(job: Job) -> Any:
    """MarianTokenizer over the joint subwords; its vocabulary ends with <pad>, as the pretrained ones do."""
    from transformers import MarianTokenizer

    pieces = subwords(job)
    names = [pieces.id_to_piece(number) for number in range(pieces.get_piece_size())]
    order = ["</s>", "<unk>", *[name for name in names if name not in ("<s>", "</s>", "<unk>")], "<pad>"]
    vocabulary = job.out / "vocab.json"
    vocabulary.write_text(json.dumps({name: number for number, name in enumerate(order)}, ensure_ascii=False), "utf-8")
    model = str(job.out / "subwords.model")
    return MarianTokenizer(source_spm=model, target_spm=model, vocab=str(vocabulary), source_lang="en",
                           target_lang=job.target)  # fmt: skip


def make_model(tokenizer: Any) -> Any:
    from transformers import MarianConfig, MarianMTModel

    return MarianMTModel(MarianConfig(
        vocab_size=len(tokenizer), d_model=HIDDEN, encoder_layers=LAYERS, decoder_layers=LAYERS,
        encoder_attention_heads=HEADS, decoder_attention_heads=HEADS, encoder_ffn_dim=4 * HIDDEN,
        decoder_ffn_dim=4 * HIDDEN, dropout=0.1, max_position_embeddings=256, activation_function="relu",
        scale_embedding=True, tie_word_embeddings=True, share_encoder_decoder_embeddings=True,
        pad_token_id=tokenizer.pad_token_id, eos_token_id=tokenizer.eos_token_id,
        decoder_start_token_id=tokenizer.pad_token_id, forced_eos_token_id=None))  # fmt: skip


def encoded(job: Job, tokenizer: Any) -> list[dict[str, list[int]]]:
    source, target = job.sides("train")
    found = tokenizer(source, text_target=target)
    return [
        {"input_ids": ids, "labels": labels} for ids, labels in zip(found["input_ids"], found["labels"], strict=True)
    ]


def watch(job: Job, clock: dict[str, Any]) -> Any:
    """Ends training when the time is up, and keeps the weights at some points of the curve."""
    from transformers import TrainerCallback

    class Watch(TrainerCallback):  # type: ignore[misc]
        def on_train_begin(self, *_: Any, **__: Any) -> None:
            clock["began"] = time.time()

        def on_step_end(self, _: Any, state: Any, control: Any, **given: Any) -> Any:
            spent = time.time() - clock["began"]
            if spent >= job.seconds * (len(clock["saved"]) + 1) / CURVE_POINTS and spent < job.seconds:
                path = job.out / f"checkpoint-{state.global_step}"
                given["model"].save_pretrained(path)
                clock["saved"].append((spent, path))
            control.should_training_stop = spent >= job.seconds
            return control

    return Watch()


def loaded(tokenizer: Any, path: Path) -> Translate:
    """Translations in batches of like length, 64 a batch."""
    import torch
    from transformers import MarianMTModel

    model = MarianMTModel.from_pretrained(path).eval()

    @torch.inference_mode()
    def translate(texts: list[str], beam: int) -> list[str]:
        order = sorted(range(len(texts)), key=lambda row: len(texts[row]))
        written = [""] * len(texts)
        for first in range(0, len(order), 64):
            rows = order[first : first + 64]
            batch = tokenizer([texts[row] for row in rows], padding=True, return_tensors="pt")
            ids = model.generate(**batch, num_beams=beam, do_sample=False, max_new_tokens=100)
            for row, text in zip(rows, tokenizer.batch_decode(ids, skip_special_tokens=True), strict=True):
                written[row] = text
        return written

    return translate


def main() -> None:
    run = job(__doc__)
    import torch
    from transformers import DataCollatorForSeq2Seq, Seq2SeqTrainer, Seq2SeqTrainingArguments, set_seed

    torch.set_num_threads(run.threads)
    set_seed(run.seed)
    launched = time.time()
    tokenizer = make_tokenizer(run)
    model = make_model(tokenizer)
    clock: dict[str, Any] = {"saved": [], "tokens": 0}
    pad = DataCollatorForSeq2Seq(tokenizer, model=model)

    def collate(rows: list[dict[str, list[int]]]) -> Any:
        clock["tokens"] += sum(len(row["labels"]) for row in rows)
        return pad(rows)

    arguments = Seq2SeqTrainingArguments(
        output_dir=str(run.out / "trainer"), per_device_train_batch_size=SENTENCES, train_sampling_strategy="group_by_length",
        learning_rate=1e-3, lr_scheduler_type="inverse_sqrt", warmup_steps=400, label_smoothing_factor=0.1,
        adam_beta2=0.98, max_grad_norm=1.0, num_train_epochs=1000, save_strategy="no", logging_steps=100,
        report_to=[], disable_tqdm=True, seed=run.seed, use_cpu=True, dataloader_pin_memory=False,
        remove_unused_columns=False)  # fmt: skip
    trainer = Seq2SeqTrainer(model=model, args=arguments, train_dataset=encoded(run, tokenizer), data_collator=collate,
                             callbacks=[watch(run, clock)])  # fmt: skip
    trainer.train()
    spent = time.time() - clock["began"]
    last = run.out / "model"
    model.save_pretrained(last)
    tokenizer.save_pretrained(last)
    points = curve(run, [*clock["saved"], (spent, last)], lambda path: loaded(tokenizer, path))
    finish(run, loaded(tokenizer, last), system="transformers MarianMT 3+3x256", package="transformers",
           beside=["torch"], curve=points, trained_seconds=spent, prepare_seconds=clock["began"] - launched,
           parameters=sum(weight.numel() for weight in model.parameters() if weight.requires_grad),
           tokens_per_second=clock["tokens"] / spent)  # fmt: skip


if __name__ == "__main__":
    main()
