"""What is trained of a BERT classifier, and in which precision: full fine-tuning and what gspf is measured against."""

import argparse
import contextlib
from pathlib import Path

import torch
from transformers import BertForSequenceClassification

METHODS = ["full", "lora", "shira", "bitfit", "top"]
PRECISIONS = ["fp32", "bf16"]
DEFAULT_LR = {"full": 5e-5, "lora": 1e-3, "shira": 1e-3, "bitfit": 1e-3, "top": 5e-5}
DROPOUTS = ["hidden_dropout_prob", "attention_probs_dropout_prob", "classifier_dropout"]
RANK = 8


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--model", type=Path, required=True, help="Hugging Face directory of a BERT")
    parser.add_argument("--method", choices=METHODS, default="full")
    parser.add_argument("--precision", choices=PRECISIONS, default="fp32", help="bf16: torch.autocast")
    parser.add_argument("--compile", action="store_true", help="torch.compile")
    parser.add_argument("--top-layers", type=int, default=2, help="how many layers `--method top` trains")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--no-dropout", dest="dropout", action="store_false")
    parser.add_argument("--lr", type=float, help=f"default: {DEFAULT_LR}")


def load_model(options: argparse.Namespace) -> torch.nn.Module:
    """The model with what the method trains, and nothing else, wanting gradients."""
    without = {} if options.dropout else dict.fromkeys(DROPOUTS, 0.0)
    model = BertForSequenceClassification.from_pretrained(
        options.model, num_labels=2, dtype=torch.float32, local_files_only=True, **without
    )
    model = restricted(model, options)
    return torch.compile(model) if options.compile else model


def restricted(model: torch.nn.Module, options: argparse.Namespace) -> torch.nn.Module:
    match options.method:
        case "lora":
            from peft import LoraConfig, get_peft_model  # costs memory that other methods need not pay

            return get_peft_model(model, LoraConfig(lora_alpha=2 * RANK, **adapted()))
        case "shira":
            from peft import ShiraConfig, get_peft_model

            return get_peft_model(model, ShiraConfig(random_seed=options.seed, **adapted()))
        case "bitfit":
            keep(model, lambda name: name.endswith(".bias") or name.startswith("classifier."))
        case "top":
            first = model.config.num_hidden_layers - options.top_layers
            heads = ("bert.pooler.", "classifier.")
            top = tuple(f"bert.encoder.layer.{layer}." for layer in range(first, model.config.num_hidden_layers))
            keep(model, lambda name: name.startswith(heads + top))
    return model


def adapted() -> dict:
    """SHiRA trains as many weights as LoRA of the same rank: 0.3 % of BERT-base."""
    return {
        "task_type": "SEQ_CLS",
        "r": RANK,
        "target_modules": ["query", "value"],
        "modules_to_save": ["classifier"],
    }


def keep(model: torch.nn.Module, is_trained) -> None:
    for name, parameter in model.named_parameters():
        parameter.requires_grad = is_trained(name)


def autocast(precision: str) -> contextlib.AbstractContextManager:
    return torch.autocast("cpu", torch.bfloat16) if precision == "bf16" else contextlib.nullcontext()
