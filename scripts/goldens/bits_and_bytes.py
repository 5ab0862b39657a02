"""Goldens of checkpoints that bitsandbytes packed: its own layers' states as transformers saves them,
beside the weights that it makes of them.

Rows are whole blocks: of others its kernel for processors without CUDA (0.50.2) makes other numbers
than its formula.
"""

import json

from environment import prepare, write_manifest

REQUIREMENTS = ["torch==2.13.0+cpu", "bitsandbytes==0.50.2", "safetensors==0.8.0", "numpy==2.4.6"]
OUTPUT = prepare(__doc__, REQUIREMENTS, "Tests/CheckpointsTests/Goldens/quantized/bitsandbytes")

import bitsandbytes
import torch
from bitsandbytes import functional
from safetensors.torch import save_file


def model(name, settings, tensors, expected):
    folder = OUTPUT / name
    folder.mkdir(parents=True, exist_ok=True)
    # What is not packed is read as it is.
    plain = {"norm.weight": torch.arange(6, dtype=torch.float32).reshape(2, 3)}
    settings = {"quant_method": "bitsandbytes"} | settings
    configuration = {"model_type": "llama", "quantization_config": settings}
    (folder / "config.json").write_text(json.dumps(configuration, indent=1) + "\n")
    save_file(tensors | plain, folder / "model.safetensors")
    save_file({key: value.float() for key, value in expected.items()} | plain,
              folder / "expected.safetensors")  # fmt: skip


def four_bits(name, seed, kind, nested, dtype, shape):
    torch.manual_seed(seed)
    weight = torch.randn(shape).to(dtype)
    layer = bitsandbytes.nn.Linear4bit(shape[1], shape[0], bias=False)
    packed, state = functional.quantize_4bit(
        weight, blocksize=64, compress_statistics=nested, quant_type=kind
    )
    layer.weight = bitsandbytes.nn.Params4bit.from_prequantized(
        packed, {f"weight.{key}": value for key, value in state.as_dict(packed=True).items()},
        device="cpu",
    )  # fmt: skip
    tensors = {f"model.a.{key}": value.clone() for key, value in layer.state_dict().items()}
    expected = functional.dequantize_4bit(packed, state)
    settings = {"load_in_4bit": True, "bnb_4bit_quant_type": kind, "bnb_4bit_use_double_quant": nested}
    model(name, settings, tensors, {"model.a.weight": expected})


def eight_bits(seed):
    torch.manual_seed(seed)
    integers, scales, _ = functional.int8_vectorwise_quant(torch.randn(24, 40).half())
    tensors = {
        "model.a.weight": integers,
        "model.a.SCB": scales,
        "model.a.weight_format": torch.tensor(0, dtype=torch.uint8),
    }
    expected = functional.int8_vectorwise_dequant(integers, scales)
    model("int8", {"load_in_8bit": True}, tensors, {"model.a.weight": expected})


four_bits("nf4", 1, "nf4", False, torch.float32, (24, 128))
four_bits("nf4-nested", 2, "nf4", True, torch.float32, (144, 128))
four_bits("nf4-brain", 3, "nf4", True, torch.bfloat16, (16, 192))
four_bits("fp4-half", 4, "fp4", False, torch.float16, (16, 64))
eight_bits(5)
size = write_manifest(OUTPUT, __file__, ["torch", "bitsandbytes", "safetensors"], {})
print(f"{size} bytes in {OUTPUT}")
