"""Puts a new classifier on a BERT encoder and exports it by PyTorch's two exporters, and with its weights in 8 bits.

    python bench/method/export_classifier.py MODEL OUT

OUT/model is the Hugging Face directory of the classifier; OUT/script, OUT/dynamo and OUT/dequantized hold a model.onnx
each, with the tokenizer beside it. Needs torch, transformers, onnx, onnxscript.
"""

import pathlib
import shutil
import sys
import warnings

import numpy as np
import onnx
import torch
from onnx import helper, numpy_helper
from transformers import AutoModelForSequenceClassification, logging

warnings.filterwarnings("ignore")
logging.set_verbosity_error()
encoder, out = (pathlib.Path(path) for path in sys.argv[1:3])
INPUTS = ["input_ids", "attention_mask", "token_type_ids"]


class Logits(torch.nn.Module):
    """The classifier with positional inputs and one tensor as its output."""

    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, input_ids, attention_mask, token_type_ids):
        return self.model(input_ids=input_ids, attention_mask=attention_mask, token_type_ids=token_type_ids).logits


def beside(folder):
    """A folder with tokenizer and config in it."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copyfile(encoder / name, folder / name)
    if folder.name != "model":
        shutil.copyfile(out / "model" / "config.json", folder / "config.json")
    return folder


def dequantized(path):
    """The same model with each matrix of a product in 8 bits, and a DequantizeLinear behind it."""
    model = onnx.load(path)
    graph = model.graph
    read = {name for node in graph.node if node.op_type in ("MatMul", "Gemm") for name in node.input}
    nodes = []
    for initializer in list(graph.initializer):
        if initializer.name not in read or len(initializer.dims) != 2:
            continue
        value = numpy_helper.to_array(initializer)
        scale = np.float32(np.abs(value).max() / 127)
        name = initializer.name
        stored = {f"{name}_quantized": np.round(value / scale).astype(np.int8), f"{name}_scale": scale}
        graph.initializer.remove(initializer)
        graph.initializer.extend(numpy_helper.from_array(np.asarray(array), key) for key, array in stored.items())
        nodes.append(helper.make_node("DequantizeLinear", list(stored), [name], name=f"{name}_dequantize"))
    rest = list(graph.node)
    del graph.node[:]
    graph.node.extend([*nodes, *rest])
    return model


torch.manual_seed(0)
model = AutoModelForSequenceClassification.from_pretrained(encoder, num_labels=2)
model.config.id2label, model.config.label2id = {0: "0", 1: "1"}, {"0": 0, "1": 1}
# The dynamo exporter leaves out biases of zeros.
for bias in (model.classifier.bias, model.bert.pooler.dense.bias):
    torch.nn.init.normal_(bias, std=0.02)
model.save_pretrained(beside(out / "model"))
logits = Logits(model).eval()

tokens = torch.randint(1000, 2000, (2, 7))
example = (tokens, torch.ones_like(tokens), torch.zeros_like(tokens))
axes = {0: "batch", 1: "sequence"}
torch.onnx.export(
    logits, example, beside(out / "script") / "model.onnx", dynamo=False, opset_version=17, input_names=INPUTS,
    output_names=["logits"], dynamic_axes={**{name: axes for name in INPUTS}, "logits": {0: "batch"}},
)
dims = {0: torch.export.Dim("batch"), 1: torch.export.Dim("sequence", max=512)}
torch.onnx.export(
    logits, example, beside(out / "dynamo") / "model.onnx", dynamo=True, input_names=INPUTS,
    output_names=["logits"], dynamic_shapes=dict.fromkeys(INPUTS, dims),
)
onnx.save(dequantized(out / "script" / "model.onnx"), beside(out / "dequantized") / "model.onnx")
