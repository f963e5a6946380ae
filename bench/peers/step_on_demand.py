"""Trains BERT in PyTorch as full_finetuning.py does, a step for each line `step` on standard input.

    python step_on_demand.py --model DIR --batches batches.json [--method lora --precision bf16 --compile]

Every line of output is JSON. The first says that it is ready, or why it cannot be; then comes one for each line of input:
`step` takes a step and gives its milliseconds, `report` tells of memory. The end of the input ends it. The batches,
{"ids": [batch][row][token], "labels": [batch][row]}, are those that gspf steps through.
"""

import argparse
import json
import sys
from pathlib import Path

import torch

from full_finetuning import Inputs, memory_mb, timed, training_step
from methods import DEFAULT_LR, add_options, load_model

WARM_STEPS = 2


def main() -> None:
    options = parse()
    imported = memory_mb("VmRSS")
    torch.set_num_threads(options.threads)
    torch.manual_seed(options.seed)
    batches = read_batches(options.batches)
    taken = 0

    def next_step() -> float:
        nonlocal taken
        taken += 1
        return 1000 * timed(step, batches[(taken - 1) % len(batches)])[1]

    try:
        model = load_model(options).train()
        lr = DEFAULT_LR[options.method] if options.lr is None else options.lr
        step = training_step(model, lr, 1000, options.precision)
        for _ in range(WARM_STEPS):
            next_step()
    except Exception as error:  # a compiler that is missing, a combination that a library refuses
        say({"failed": f"{type(error).__name__}: {str(error).strip().splitlines()[0] if str(error).strip() else ''}"})
        return
    say({"ready": True})
    trained = sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad)
    about = {"torch": torch.__version__, "trained": trained, "importedRssMB": imported}
    for line in sys.stdin:
        match line.strip():
            case "step":
                say({"ms": next_step()})
            case "report":
                say(about | {"steps": taken, "peakRssMB": memory_mb("VmHWM")})


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_options(parser)
    parser.add_argument("--batches", type=Path, required=True)
    return parser.parse_args()


def read_batches(path: Path) -> list[Inputs]:
    """Batches without padding, which lets PyTorch skip the mask."""
    content = json.loads(path.read_text())
    return [
        {
            "input_ids": torch.tensor(ids),
            "attention_mask": torch.ones((len(ids), len(ids[0])), dtype=torch.int64),
            "token_type_ids": torch.zeros((len(ids), len(ids[0])), dtype=torch.int64),
            "labels": torch.tensor(labels),
        }
        for ids, labels in zip(content["ids"], content["labels"], strict=True)
    ]


def say(value: dict) -> None:
    print(json.dumps(value), flush=True)


if __name__ == "__main__":
    main()
