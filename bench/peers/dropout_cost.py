"""What dropout costs of a step in PyTorch: forward and backward with it and without, in turn. One JSON line.

    python dropout_cost.py --model DIR --batch 32 --length 32 --steps 40
"""

import argparse
import json
import os
import statistics
import time
from pathlib import Path

os.environ["HF_HUB_OFFLINE"] = "1"

import torch
import transformers
from transformers import BertForSequenceClassification
from transformers.utils import logging

logging.set_verbosity_error()
logging.disable_progress_bar()

DROPOUTS = ["hidden_dropout_prob", "attention_probs_dropout_prob", "classifier_dropout"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--length", type=int, default=32)
    parser.add_argument("--steps", type=int, default=40)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    models = [load(options.model, with_dropout) for with_dropout in (True, False)]
    vocabulary = models[0].config.vocab_size
    ids = torch.randint(1000, vocabulary, (options.batch, options.length))
    labels = torch.randint(0, 2, (options.batch,))
    mask = torch.ones_like(ids)
    mask[:, -1] = 0  # a real batch has padding
    times: list[list[float]] = [[], []]
    for step in range(options.steps + 3):
        # Who goes first changes from step to step.
        for which in (0, 1) if step % 2 == 0 else (1, 0):
            model = models[which]
            model.zero_grad(set_to_none=True)
            start = time.perf_counter()
            model(input_ids=ids, attention_mask=mask, labels=labels).loss.backward()
            if step >= 3:
                times[which].append(1000 * (time.perf_counter() - start))
    ratios = [on / off for on, off in zip(*times)]
    print(
        json.dumps(
            {
                "withMs": round(statistics.median(times[0]), 1),
                "withoutMs": round(statistics.median(times[1]), 1),
                "medianRatio": round(statistics.median(ratios), 3),
                "steps": options.steps,
                "torch": torch.__version__,
                "transformers": transformers.__version__,
            }
        )
    )


def load(path: Path, with_dropout: bool) -> torch.nn.Module:
    without = {} if with_dropout else dict.fromkeys(DROPOUTS, 0.0)
    model = BertForSequenceClassification.from_pretrained(
        path, num_labels=2, dtype=torch.float32, local_files_only=True, **without
    )
    return model.train()


if __name__ == "__main__":
    main()
