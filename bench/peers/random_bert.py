"""Writes a BERT of random weights, for figures of time and memory at sizes of which there are no weights here.

    python random_bert.py --tokenizer DIR --out DIR [--layers 12] [--hidden 768] [--heads 12] [--seed 0]

The defaults are bert-base-uncased's shape: 109.5 million weights.
"""

import argparse
import shutil
from pathlib import Path

import torch
from transformers import BertConfig, BertModel


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tokenizer", type=Path, required=True, help="directory with tokenizer.json and vocab.txt")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--layers", type=int, default=12)
    parser.add_argument("--hidden", type=int, default=768)
    parser.add_argument("--heads", type=int, default=12)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    torch.manual_seed(options.seed)
    config = BertConfig(
        vocab_size=len((options.tokenizer / "vocab.txt").read_text(encoding="utf-8").splitlines()),
        hidden_size=options.hidden,
        num_hidden_layers=options.layers,
        num_attention_heads=options.heads,
        intermediate_size=4 * options.hidden,
    )
    model = BertModel(config)
    model.save_pretrained(options.out)
    for file in ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "vocab.txt"):
        if (options.tokenizer / file).exists():
            shutil.copy(options.tokenizer / file, options.out / file)
    print(f"{options.out}: {sum(parameter.numel() for parameter in model.parameters()):,} weights")


if __name__ == "__main__":
    main()
