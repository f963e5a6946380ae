"""Logits of an exported text classifier as transformers gives them, one JSON line a text.

    python check_logits.py MODEL_DIR --inputs inputs.json

inputs.json is a list of texts; a pair is {"text": …, "textPair": …}.
"""

import argparse
import json
import os
from pathlib import Path

os.environ["HF_HUB_OFFLINE"] = "1"

import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer
from transformers.utils import logging

logging.disable_progress_bar()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path, help="directory of config.json, model.safetensors, tokenizer.json")
    parser.add_argument("--inputs", type=Path, required=True)
    parser.add_argument("--max-length", type=int, help="default: what the directory says")
    parser.add_argument("--batch", type=int, default=1, help="texts that run together, padded")
    options = parser.parse_args()
    tokenizer = AutoTokenizer.from_pretrained(options.model, local_files_only=True)
    model = AutoModelForSequenceClassification.from_pretrained(options.model, local_files_only=True).eval()
    inputs = [{"text": row} if isinstance(row, str) else row for row in json.loads(options.inputs.read_text())]
    for start in range(0, len(inputs), options.batch):
        rows = inputs[start : start + options.batch]
        for row, logits in zip(rows, run(model, tokenizer, rows, options.max_length), strict=True):
            print(json.dumps(row | {"logits": logits}, ensure_ascii=False))


def run(model, tokenizer, rows: list[dict], max_length: int | None) -> list[list[float]]:
    texts = [row["text"] for row in rows]
    paired = [row.get("textPair") is not None for row in rows]
    assert all(paired) or not any(paired), "a batch holds pairs or single texts, not both: use --batch 1"
    pairs = [row["textPair"] for row in rows] if paired[0] else None
    tokens = tokenizer(texts, pairs, truncation=True, max_length=max_length, padding=True, return_tensors="pt")
    with torch.inference_mode():
        logits = model(**tokens).logits
    # Nine digits tell float32 numbers apart.
    return [[float(f"{value:.9g}") for value in row] for row in logits.tolist()]


if __name__ == "__main__":
    main()
