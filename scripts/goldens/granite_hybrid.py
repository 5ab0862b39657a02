#!/usr/bin/env python3
"""Goldens of a Llama teacher's hybrid as a GraniteMoeHybrid: transformers' own class.

The teacher is the golden Tests/TransformersTests/Goldens/llama-linear-tied; its first layer has a Mamba-2
with drawn parameters, its second one keeps softmax. What transformers' `GraniteMoeHybridForCausalLM` has to
hold to be that model is put together here, and run in doubles. In
Tests/ModelsTests/Goldens/granite-hybrid, everything float32, hybrid.safetensors with

    logits [LENGTH, 97] of the tokens 1 + 7 i mod 96, and
    state.NAME, every tensor of the class, and the configuration as config.json.

usage: granite_hybrid.py [--python PYTHON] [--output FOLDER]
"""

import json
import math

from feature_maps import SplitMix64

import environment

REQUIREMENTS = ["torch==2.13.0", "transformers==5.23.0", "safetensors==0.8.0", "numpy==2.4.6"]
TEACHER = environment.ROOT / "Tests/TransformersTests/Goldens/llama-linear-tied"
LENGTH = 70


def draw(name, shape):
    """Uniform in +-0.5 around the parameter's middle; one stream a name, seed 5."""
    import torch

    generator = SplitMix64(5, f"granite_hybrid.{name}")
    middle = {"norm.weight": 1.0, "dt_bias": -2.0, "A_log": 0.5, "D": 1.0}.get(name, 0.0)
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

    found = {
        name: tensor
        for name, tensor in teacher.items()
        if ".mlp." not in name and ".0.self_attn." not in name
    }
    for layer in (0, 1):
        gate, up, down = (
            teacher[f"model.layers.{layer}.mlp.{name}_proj.weight"] for name in ("gate", "up", "down")
        )
        found[f"model.layers.{layer}.shared_mlp.input_linear.weight"] = torch.cat([gate, up])
        found[f"model.layers.{layer}.shared_mlp.output_linear.weight"] = down
    q, k, v, o = (teacher[f"model.layers.0.self_attn.{name}_proj.weight"] for name in "qkvo")
    mixer = "model.layers.0.mamba."
    found[mixer + "in_proj.weight"] = torch.cat(
        [
            draw("in_proj_z.weight", [width, hidden]), repeated(v), repeated(k), q,
            draw("in_proj_dt.weight", [heads, hidden]),
        ]
    )  # fmt: skip
    taps = {name: draw(f"{name}_conv1d.weight", [size, 1, 4])
            for name, size in [("v", keys), ("k", keys), ("q", width)]}  # fmt: skip
    found[mixer + "conv1d.weight"] = torch.cat(
        [repeated(taps["v"]), repeated(taps["k"]), taps["q"]]
    )
    for name, shape in [
        ("A_log", [heads]), ("D", [heads]), ("dt_bias", [heads]), ("norm.weight", [width]),
    ]:  # fmt: skip
        found[mixer + name] = draw(name, shape)
    found[mixer + "out_proj.weight"] = o
    return found


def configuration(teacher):
    heads, dim = teacher["num_attention_heads"], teacher["head_dim"]
    kept = [
        "vocab_size", "hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads",
        "num_key_value_heads", "hidden_act", "max_position_embeddings", "rms_norm_eps",
        "tie_word_embeddings", "attention_bias", "rope_parameters",
    ]  # fmt: skip
    return {name: teacher[name] for name in kept} | {
        "layer_types": ["mamba", "attention"], "num_local_experts": 0,
        "shared_intermediate_size": teacher["intermediate_size"], "position_embedding_type": "rope",
        "mamba_n_heads": heads, "mamba_n_groups": heads, "mamba_d_state": dim, "mamba_d_head": dim,
        "mamba_expand": 1, "mamba_d_conv": 4, "mamba_conv_bias": False,
    }  # fmt: skip


def main():
    folder = environment.prepare(__doc__, REQUIREMENTS, "Tests/ModelsTests/Goldens/granite-hybrid")
    import numpy
    import torch
    from safetensors.torch import load_file, save_file
    from transformers.models.granitemoehybrid import (
        configuration_granitemoehybrid,
        modeling_granitemoehybrid,
    )

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
    # As the program has it, the float that is closest.
    scale = float(numpy.float32(1) / numpy.sqrt(numpy.float32(teacher["head_dim"])))
    config = configuration_granitemoehybrid.GraniteMoeHybridConfig(
        **document, attention_multiplier=scale
    )
    config._attn_implementation = "eager"
    model = modeling_granitemoehybrid.GraniteMoeHybridForCausalLM(config).double()
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
