"""Trains BERT in PyTorch as full_finetuning.py does, a step for each line on standard input: prints its milliseconds.

    python step_on_demand.py --model DIR --batch 8 --length 128

The first line that it prints says that it is ready; `end` prints one JSON line and leaves.
"""

import json
import sys

import torch

from full_finetuning import load_model, memory_mb, parse, random_inputs, timed, training_step


def main() -> None:
    options = parse()
    imported = memory_mb("VmRSS")
    torch.set_num_threads(options.threads)
    torch.manual_seed(options.seed)
    model = load_model(options)
    model.train()
    step = training_step(model, options.lr, 1000)
    random = torch.Generator().manual_seed(options.seed)
    shape = (options.batch, options.length)
    for _ in range(options.warmup):
        step(random_inputs(shape, model.config.vocab_size, random))
    print("ready", flush=True)
    for line in sys.stdin:
        if line.strip() == "end":
            break
        inputs = random_inputs(shape, model.config.vocab_size, random)
        print(1000 * timed(step, inputs)[1], flush=True)
    print(json.dumps({"torch": torch.__version__, "importedRssMB": imported, "peakRssMB": memory_mb("VmHWM")}))


if __name__ == "__main__":
    main()
