#!/usr/bin/env python3
"""Goldens of a Qwen 3 teacher's hybrid as a text model of Qwen3.5: transformers' own class.

The teacher is the golden Tests/TransformersTests/Goldens/qwen3; its first layer has a gated delta net
with drawn parameters, its second one keeps softmax. What transformers' `Qwen3_5ForCausalLM` has to hold
to be that model is put together here, and run in doubles. In Tests/ModelsTests/Goldens/qwen3_5,
everything float32, hybrid.safetensors with

    logits [LENGTH, 97] of the tokens 1 + 7 i mod 96, and
    state.NAME, every tensor of the class, and the configuration as config.json.

usage: qwen3_5.py [--python PYTHON] [--output FOLDER]
"""

import json
import math

from feature_maps import SplitMix64

import environment

REQUIREMENTS = ["torch==2.13.0", "transformers==5.23.0", "safetensors==0.8.0", "numpy==2.4.6"]
TEACHER = environment.ROOT / "Tests/TransformersTests/Goldens/qwen3"
LENGTH = 70


def draw(name, shape):
    """Uniform in +-0.5 around the parameter's middle; one stream a name, seed 5."""
    import torch

    generator = SplitMix64(5, f"qwen3_5.{name}")
    middle = {"norm.weight": 1.0, "dt_bias": -2.0, "A_log": 0.5}.get(name, 0.0)
    values = [middle + generator.uniform() - 0.5 for _ in range(math.prod(shape))]
    return torch.tensor(values, dtype=torch.float32).reshape(shape)


def state(teacher, heads, key_heads, dim):
    """What the class has to hold, by its names."""
    import torch

    hidden = teacher["model.embed_tokens.weight"].shape[1]
    width, keys = heads * dim, key_heads * dim

    def repeated(rows):
        """Of every key head once for every query head."""
        return rows.unflatten(0, (-1, dim)).repeat_interleave(heads // key_heads, 0).flatten(0, 1)

    found = {}
    for name, tensor in teacher.items():
        if name.endswith(("norm.weight", "layernorm.weight")):
            tensor = tensor - 1
        if ".0.self_attn." not in name:
            found[name] = tensor
    attention = "model.layers.0.self_attn."
    mixer = "model.layers.0.linear_attn."
    q, k, v, o = (teacher[f"{attention}{name}_proj.weight"] for name in "qkvo")
    found[mixer + "in_proj_qkv.weight"] = torch.cat([q, repeated(k), repeated(v)])
    taps = [draw(f"{name}_conv1d.weight", [size, 1, 4])
            for name, size in [("q", width), ("k", keys), ("v", keys)]]  # fmt: skip
    found[mixer + "conv1d.weight"] = torch.cat([taps[0], repeated(taps[1]), repeated(taps[2])])
    for name, shape in [
        ("in_proj_z.weight", [width, hidden]), ("in_proj_a.weight", [heads, hidden]),
        ("in_proj_b.weight", [heads, hidden]), ("A_log", [heads]), ("dt_bias", [heads]),
        ("norm.weight", [dim]),
    ]:  # fmt: skip
        found[mixer + name] = draw(name, shape)
    found[mixer + "out_proj.weight"] = o
    attention = "model.layers.1.self_attn."
    queries = teacher[attention + "q_proj.weight"].unflatten(0, (heads, dim))
    gated = torch.stack([queries, torch.zeros_like(queries)], 1)
    found[attention + "q_proj.weight"] = gated.flatten(0, 2)
    found[attention + "o_proj.weight"] = 2 * teacher[attention + "o_proj.weight"]
    return found


def configuration(teacher):
    heads, dim = teacher["num_attention_heads"], teacher["head_dim"]
    kept = [
        "vocab_size", "hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads",
        "num_key_value_heads", "head_dim", "hidden_act", "max_position_embeddings", "rms_norm_eps",
        "tie_word_embeddings", "attention_bias",
    ]  # fmt: skip
    pairs = dim // 2
    return {name: teacher[name] for name in kept} | {
        "layer_types": ["linear_attention", "full_attention"],
        "linear_conv_kernel_dim": 4, "linear_num_key_heads": heads, "linear_key_head_dim": dim,
        "linear_num_value_heads": heads, "linear_value_head_dim": dim,
        "rope_parameters": {
            "rope_type": "default", "rope_theta": teacher["rope_parameters"]["rope_theta"],
            "partial_rotary_factor": 1.0, "mrope_interleaved": True,
            "mrope_section": [(pairs + 2 - axis) // 3 for axis in range(3)],
        },
    }  # fmt: skip


def main():
    folder = environment.prepare(__doc__, REQUIREMENTS, "Tests/ModelsTests/Goldens/qwen3_5")
    import torch
    from safetensors.torch import load_file, save_file
    from transformers.models.qwen3_5 import configuration_qwen3_5, modeling_qwen3_5

    torch.set_num_threads(1)
    teacher = json.loads((TEACHER / "config.json").read_text())
    document = configuration(teacher)
    weights = {
        name: tensor.float() for name, tensor in load_file(TEACHER / "model.safetensors").items()
    }
    tensors = state(
        weights, teacher["num_attention_heads"], teacher["num_key_value_heads"], teacher["head_dim"]
    )
    # A reference has to round less: casts of the class to 32 bits become casts to 64.
    torch.float32 = torch.float64
    torch.Tensor.float = torch.Tensor.double
    config = configuration_qwen3_5.Qwen3_5TextConfig(**document)
    config._attn_implementation = "eager"
    model = modeling_qwen3_5.Qwen3_5ForCausalLM(config).double()
    report = model.load_state_dict({name: t.double() for name, t in tensors.items()}, strict=False)
    if report.unexpected_keys or report.missing_keys not in ([], ["lm_head.weight"]):
        raise SystemExit(f"{report}")
    model.tie_weights()
    tokens = torch.tensor([[1 + 7 * index % 96 for index in range(LENGTH)]])
    with torch.no_grad():
        logits = model(tokens).logits[0]
    single = getattr(torch, "float")
    found = {f"state.{name}": tensor.to(single).contiguous() for name, tensor in tensors.items()}
    save_file(found | {"logits": logits.to(single)}, folder / "hybrid.safetensors")
    (folder / "config.json").write_text(json.dumps(document, indent=1) + "\n")
    packages = ["torch", "transformers", "safetensors", "numpy"]
    size = environment.write_manifest(folder, __file__, packages, dict(length=LENGTH))
    print(f"2 files, {size:,} bytes in {folder}")


if __name__ == "__main__":
    main()
