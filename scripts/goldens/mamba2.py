#!/usr/bin/env python3
"""Goldens of Mamba-2: transformers' own layer of GraniteMoeHybrid, computing in doubles.

One layer of 4 query heads of 8 coordinates that share 2 heads of keys and values, hidden size 16. The
class has a group for every head here: rows of keys and values, and their taps, stand there once for every
query head, and their gradients are summed. Its output projection is the identity, so that outputs are those
before it.

In Tests/StudentsTests/Goldens/mamba-2, everything float32, granitemoehybrid.safetensors with, for every
LENGTH of LENGTHS,

    LENGTH.output [LENGTH, 32], and
    LENGTH.gradient.NAME of sum(output * upstream), for every parameter and for `stream`, the layer's
    normed input [LENGTH, 16].

Parameters, projections and inputs are not stored: `draw` says how both sides draw them.

usage: mamba2.py [--python PYTHON] [--output FOLDER]
"""

import math

from feature_maps import SplitMix64

import environment

REQUIREMENTS = ["torch==2.13.0", "transformers==5.23.0", "safetensors==0.8.0", "numpy==2.4.6"]
LENGTHS = [1, 3, 4, 63, 64, 65, 200]
HIDDEN, HEADS, KEY_HEADS, DIM = 16, 4, 2, 8
WIDTH, KEY_WIDTH = HEADS * DIM, KEY_HEADS * DIM
PARAMETERS = {
    "q_conv1d.weight": [WIDTH, 1, 4],
    "k_conv1d.weight": [KEY_WIDTH, 1, 4],
    "v_conv1d.weight": [KEY_WIDTH, 1, 4],
    "in_proj_z.weight": [WIDTH, HIDDEN],
    "in_proj_dt.weight": [HEADS, HIDDEN],
    "A_log": [HEADS],
    "dt_bias": [HEADS],
    "D": [HEADS],
    "norm.weight": [WIDTH],
}


def draw(name, count):
    """Uniform in +-0.5 around the parameter's middle, inputs in +-1.5; one stream a name, seed 5."""
    generator = SplitMix64(5, f"mamba-2.{name}")
    middle = {"norm.weight": 1.0, "dt_bias": -2.0, "A_log": 0.5}.get(name, 0.0)
    width = 3.0 if name in ("stream", "upstream") else 1.0
    return [middle + width * (generator.uniform() - 0.5) for _ in range(count)]


def layer():
    """The class, with its casts to 32 bits made casts to 64: a reference has to round less."""
    import torch
    from transformers.models.granitemoehybrid import (
        configuration_granitemoehybrid,
        modeling_granitemoehybrid,
    )

    torch.float32 = torch.float64
    torch.Tensor.float = torch.Tensor.double
    config = configuration_granitemoehybrid.GraniteMoeHybridConfig(
        hidden_size=HIDDEN, num_hidden_layers=1, layer_types=["linear_attention"],
        num_attention_heads=HEADS, mamba_n_heads=HEADS, mamba_n_groups=HEADS, mamba_d_state=DIM,
        mamba_d_head=DIM, mamba_expand=WIDTH // HIDDEN, mamba_conv_bias=False, rms_norm_eps=1e-5,
    )  # fmt: skip
    return modeling_granitemoehybrid.GraniteMoeHybridMambaLayer(config, 0).double().eval()


def golden(torch, module, length):
    def leaf(name, shape):
        values = torch.tensor(draw(name, math.prod(shape)), dtype=torch.float64)
        return rounded(torch, values).reshape(shape).requires_grad_()

    p = {name: leaf(name, shape) for name, shape in PARAMETERS.items()}
    x = leaf("stream", [length, HIDDEN])
    rows = {"q": WIDTH, "k": KEY_WIDTH, "v": KEY_WIDTH}
    projections = {name: leaf(f"{name}_proj", [n, HIDDEN]).detach() for name, n in rows.items()}

    def repeated(t):
        """Of every key head once for every query head."""
        return t.unflatten(0, (-1, DIM)).repeat_interleave(HEADS // KEY_HEADS, 0).flatten(0, 1)

    parameters = {
        "in_proj.weight": torch.cat(
            [
                p["in_proj_z.weight"],
                repeated(projections["v"]),
                repeated(projections["k"]),
                projections["q"],
                p["in_proj_dt.weight"],
            ]
        ),
        "conv1d.weight": torch.cat(
            [repeated(p["v_conv1d.weight"]), repeated(p["k_conv1d.weight"]), p["q_conv1d.weight"]]
        ),
        "out_proj.weight": torch.eye(WIDTH, dtype=torch.float64),
    } | {name: p[name] for name in ("A_log", "dt_bias", "D", "norm.weight")}
    module.out_proj.weight = torch.nn.Parameter(parameters["out_proj.weight"])
    output = torch.func.functional_call(module, parameters, (x[None],))[0]
    loss = (output * leaf("upstream", [length, WIDTH]).detach()).sum()
    names = ["stream", *p]
    gradients = torch.autograd.grad(loss, [x, *p.values()])
    found = {f"{length}.output": output}
    return found | {f"{length}.gradient.{name}": g for name, g in zip(names, gradients)}


def rounded(torch, values):
    """As 32-bit floats hold them."""
    import numpy

    return torch.from_numpy(values.numpy().astype(numpy.float32).astype(numpy.float64))


def main():
    folder = environment.prepare(__doc__, REQUIREMENTS, "Tests/StudentsTests/Goldens/mamba-2")
    import numpy
    import torch
    from safetensors.numpy import save_file

    torch.set_num_threads(1)
    module = layer()
    tensors = {}
    for length in LENGTHS:
        tensors |= golden(torch, module, length)
    tensors = {
        key: numpy.ascontiguousarray(value.detach().numpy().astype(numpy.float32))
        for key, value in tensors.items()
    }
    save_file(tensors, folder / "granitemoehybrid.safetensors")
    packages = ["torch", "transformers", "safetensors", "numpy"]
    facts = dict(lengths=LENGTHS, parameters=PARAMETERS)
    size = environment.write_manifest(folder, __file__, packages, facts)
    print(f"1 file, {size:,} bytes in {folder}")


if __name__ == "__main__":
    main()
