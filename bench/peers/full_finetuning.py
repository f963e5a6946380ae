"""Fine-tunes BERT in PyTorch as its users do today: transformers, fused AdamW, fp32, on the CPU. One JSON line.

Step times on random tokens, of given shapes:

    python full_finetuning.py --model DIR --batch 32 --length 32 --steps 20
    python full_finetuning.py --model DIR --shapes shapes.json      # [[batch, length], …], one step each

SST-2 to the end, on the rows and batches that gspf takes for the same seed:

    python full_finetuning.py --model DIR --data SST2_DIR --limit 4000 --epochs 3 --lr 5e-5 --seed 0 --batch 32
"""

import argparse
import json
import math
import os
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["TOKENIZERS_PARALLELISM"] = "false"

import torch
import transformers
from transformers import AutoTokenizer, get_linear_schedule_with_warmup
from transformers.utils import logging

from batching import length_bucketed_batches, limit_rows, sequential_batches
from methods import DEFAULT_LR, add_options, autocast, load_model

logging.set_verbosity_error()
logging.disable_progress_bar()

Inputs = dict[str, torch.Tensor]
Step = Callable[[Inputs], float]

WEIGHT_DECAY = 0.01
WARMUP_RATIO = 0.06
CLIP_NORM = 1.0


def main() -> None:
    options = parse()
    imported = memory_mb("VmRSS")
    torch.set_num_threads(options.threads)
    torch.manual_seed(options.seed)
    start = time.perf_counter()
    model = load_model(options)
    loaded = memory_mb("VmRSS")
    if options.data is None:
        result = time_steps(model, options)
    else:
        result = train_sst2(model, options, start)
        result["wallSeconds"] = round(time.perf_counter() - start, 2)
    about = {
        "method": options.method,
        "precision": options.precision,
        "compiled": options.compile,
        "torch": torch.__version__,
        "transformers": transformers.__version__,
        "threads": torch.get_num_threads(),
        "dropout": options.dropout,
        "seed": options.seed,
        "lr": options.lr,
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
        "trainable": sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad),
    }
    memory = {"importedRssMB": imported, "loadedRssMB": loaded, "peakRssMB": memory_mb("VmHWM")}
    print(json.dumps(about | result | memory))


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_options(parser)
    parser.add_argument("--batch", type=int, default=32)
    steps = parser.add_argument_group("step times on random tokens")
    steps.add_argument("--shapes", type=Path, help="JSON: [[batch, length], …], one timed step each")
    steps.add_argument("--length", type=int, default=32, help="tokens a row, where there is no --shapes")
    steps.add_argument("--steps", type=int, default=10, help="timed steps, where there is no --shapes")
    steps.add_argument("--warmup", type=int, default=2, help="untimed steps of each shape")
    sst2 = parser.add_argument_group("SST-2")
    sst2.add_argument("--data", type=Path, help="directory of train.tsv and dev.tsv")
    sst2.add_argument("--limit", type=int, help="train on so many rows of a seed-0 shuffle")
    sst2.add_argument("--epochs", type=int, default=3)
    sst2.add_argument("--evaluate-each-epoch", action="store_true", help="default: after the last alone")
    sst2.add_argument("--max-length", type=int, default=128)
    options = parser.parse_args()
    if options.lr is None:
        options.lr = DEFAULT_LR[options.method]
    return options


def training_step(model: torch.nn.Module, lr: float, total_steps: int, precision: str = "fp32") -> Step:
    """A function that trains on one batch and gives its loss."""
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    groups = [
        {"params": [parameter for parameter in trained if parameter.ndim >= 2], "weight_decay": WEIGHT_DECAY},
        {"params": [parameter for parameter in trained if parameter.ndim < 2], "weight_decay": 0.0},
    ]
    optimizer = torch.optim.AdamW(groups, lr=lr, fused=True)
    schedule = get_linear_schedule_with_warmup(optimizer, math.ceil(WARMUP_RATIO * total_steps), total_steps)

    def step(inputs: Inputs) -> float:
        optimizer.zero_grad()
        with autocast(precision):
            loss = model(**inputs).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(trained, CLIP_NORM)
        optimizer.step()
        schedule.step()
        return loss.item()

    return step


def time_steps(model: torch.nn.Module, options: argparse.Namespace) -> dict:
    """Median step time of each shape and of all. Rows are not padded, which lets PyTorch skip the mask."""
    if options.shapes is None:
        shapes = [(options.batch, options.length)] * options.steps
    else:
        shapes = [(batch, length) for batch, length in json.loads(options.shapes.read_text())]
    distinct = sorted(set(shapes))
    random = torch.Generator().manual_seed(options.seed)
    steps = len(shapes) + options.warmup * len(distinct)
    step = training_step(model, options.lr, steps, options.precision)
    model.train()
    for shape in distinct * options.warmup:
        step(random_inputs(shape, model.config.vocab_size, random))
    elapsed: dict[tuple[int, int], list[float]] = {shape: [] for shape in distinct}
    for shape in shapes:
        inputs = random_inputs(shape, model.config.vocab_size, random)
        elapsed[shape].append(timed(step, inputs)[1])
    by_shape = [
        {"batch": batch, "length": length, "steps": len(times), "medianStepMs": median_ms(times)}
        for (batch, length), times in elapsed.items()
    ]
    everything = [seconds for times in elapsed.values() for seconds in times]
    return {"steps": len(shapes), "medianStepMs": median_ms(everything), "shapes": by_shape}


def random_inputs(shape: tuple[int, int], vocabulary: int, random: torch.Generator) -> Inputs:
    return {
        "input_ids": torch.randint(vocabulary, shape, generator=random),
        "attention_mask": torch.ones(shape, dtype=torch.int64),
        "token_type_ids": torch.zeros(shape, dtype=torch.int64),
        "labels": torch.randint(2, shape[:1], generator=random),
    }


def train_sst2(model: torch.nn.Module, options: argparse.Namespace, began: float) -> dict:
    tokenizer = AutoTokenizer.from_pretrained(options.model, local_files_only=True)
    rows, labels = read_tsv(options.data / "train.tsv")
    kept = range(len(rows)) if options.limit is None else limit_rows(len(rows), options.limit)
    rows, labels = [rows[row] for row in kept], [labels[row] for row in kept]
    ids = tokenizer(rows, truncation=True, max_length=options.max_length)["input_ids"]
    lengths = [len(row) for row in ids]
    epochs = [
        length_bucketed_batches(lengths, options.batch, options.seed, epoch) for epoch in range(1, options.epochs + 1)
    ]
    step = training_step(model, options.lr, sum(len(batches) for batches in epochs), options.precision)
    start = time.perf_counter()
    elapsed: list[float] = []
    evaluations: list[dict] = []
    for number, batches in enumerate(epochs, 1):
        model.train()
        losses = []
        for batch in batches:
            inputs = padded([ids[row] for row in batch])
            inputs["labels"] = torch.tensor([labels[row] for row in batch])
            loss, seconds = timed(step, inputs)
            losses.append(loss)
            elapsed.append(seconds)
        print(f"epoch {number}: loss {statistics.fmean(losses):.4f}", file=sys.stderr)
        if options.evaluate_each_epoch and number < options.epochs:
            correct, total = evaluate(model, tokenizer, options)
            evaluations.append(
                {"epoch": number, "accuracy": correct / total, "seconds": time.perf_counter() - began}
            )
    trained = time.perf_counter()
    correct, total = evaluate(model, tokenizer, options)
    ended = time.perf_counter()
    evaluations.append({"epoch": options.epochs, "accuracy": correct / total, "seconds": ended - began})
    return {
        "trainRows": len(rows),
        "epochs": options.epochs,
        "batch": options.batch,
        "steps": len(elapsed),
        "medianStepMs": median_ms(elapsed),
        "trainSeconds": round(trained - start, 2),
        "evaluationSeconds": round(ended - trained, 2),
        "evaluationRows": total,
        "evaluations": evaluations,
        "accuracy": correct / total,
    }


def read_tsv(path: Path) -> tuple[list[str], list[int]]:
    """SST-2's files have no quoting: a line is a sentence, a tab, and 0 or 1."""
    header, *lines = path.read_text(encoding="utf-8").rstrip("\n").split("\n")
    assert header.split("\t") == ["sentence", "label"], f"{path}: unexpected columns {header!r}"
    pairs = [line.split("\t") for line in lines]
    return [sentence for sentence, _ in pairs], [int(label) for _, label in pairs]


def padded(rows: list[list[int]]) -> Inputs:
    """Rows padded with token 0 to the longest of them, as transformers' DataCollatorWithPadding does."""
    length = max(len(row) for row in rows)
    return {
        "input_ids": torch.tensor([row + [0] * (length - len(row)) for row in rows]),
        "attention_mask": torch.tensor([[1] * len(row) + [0] * (length - len(row)) for row in rows]),
        "token_type_ids": torch.zeros((len(rows), length), dtype=torch.int64),
    }


def evaluate(model: torch.nn.Module, tokenizer, options: argparse.Namespace) -> tuple[int, int]:
    rows, labels = read_tsv(options.data / "dev.tsv")
    ids = tokenizer(rows, truncation=True, max_length=options.max_length)["input_ids"]
    model.eval()
    correct = 0
    with torch.inference_mode():
        for batch in sequential_batches([len(row) for row in ids], options.batch):
            predicted = model(**padded([ids[row] for row in batch])).logits.argmax(-1)
            correct += sum(int(predicted[at]) == labels[row] for at, row in enumerate(batch))
    return correct, len(rows)


def timed(step: Step, inputs: Inputs) -> tuple[float, float]:
    """Loss and seconds."""
    start = time.perf_counter()
    loss = step(inputs)
    return loss, time.perf_counter() - start


def median_ms(seconds: list[float]) -> float:
    return round(statistics.median(seconds) * 1000, 2)


def memory_mb(field: str) -> float:
    """VmRSS (now) or VmHWM (peak) of this process in 10⁶ bytes, as Linux reports them."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(f"{field}:"):
            return round(int(line.split()[1]) * 1024 / 1e6, 1)
    raise RuntimeError(f"/proc/self/status has no {field}")


if __name__ == "__main__":
    main()
