#!/usr/bin/env python3
"""Goldens of the policies that join a softmax window with a memory: formulas in float64.

Written from the papers' formulas, quadratic and masked, with gradients by autograd; the memory is
linear attention over Hedgehog's features as LoLCATs codes them (arXiv 2402.04347, 2410.10254). In
Tests/StudentsTests/Goldens/policies, everything float32, NAME-LENGTH.safetensors for each of CASES
and LENGTHS:

    queries [length, 4 * 6], keys and values [length, 2 * 6], the student's parameters by name;
    output [length, 4 * 6], upstream of its shape, and gradient.* of sum(output * upstream) for
    queries, keys, values and every parameter

usage: policies.py [--python PYTHON] [--output FOLDER]
"""

import environment

REQUIREMENTS = ["torch==2.13.0", "safetensors==0.8.0", "numpy==2.4.6"]
HEADS, KEY_HEADS, HEAD_DIM = 4, 2, 6
LENGTHS = [1, 9, 70]
WINDOW, SINKS = 5, 2
# The policy, the keys that the memory reads, and the window.
CASES = {
    "shared": ("shared", "older", "sliding"),
    "average": ("average", "all", "sliding"),
    "average-older": ("average", "older", "terrace"),
    "normed-average": ("normed-average", "all", "sliding"),
    "alpha-sum": ("alpha-sum", "all", "sliding"),
    "gated": ("gated", "older", "sliding"),
    "gated-terrace": ("gated", "older", "terrace"),
    "projected-sum": ("projected-sum", "older", "sliding"),
}
PARAMETERS = {
    "shared": {"memory_log_factors": (1, HEADS, 1, 1)},
    "average": {},
    "normed-average": {
        "window_norm": (HEADS * HEAD_DIM,),
        "memory_norm": (HEADS * HEAD_DIM,),
        "memory_share": (1, HEADS, 1, 1),
    },
    "alpha-sum": {"window_alpha": (1, HEADS, 1, 1)},
    "gated": {"memory_gate.weight": (HEADS, HEAD_DIM, 1), "memory_gate.bias": (1, HEADS, 1, 1)},
    "projected-sum": {"memory_projection": (HEADS, HEAD_DIM, HEAD_DIM)},
}
MAPS = {f"feature_map_{side}.mlp.layer": (HEADS, HEAD_DIM, HEAD_DIM) for side in "qk"}


def heads(x, count):
    """[length, count * headDim] -> [heads, length, headDim], key heads repeated."""
    x = x.reshape(len(x), count, -1).transpose(0, 1)
    return x.repeat_interleave(HEADS // count, dim=0)


def masks(torch, length, kind, keys):
    """Which keys a query's window and memory read, [length, length] each."""
    i, j = torch.arange(length)[:, None], torch.arange(length)[None, :]
    start = i - WINDOW + 1 if kind == "sliding" else (i // WINDOW - 1) * WINDOW
    past = j <= i
    window = past & ((j >= start) | (j < SINKS))
    return window, past if keys == "all" else past & ~window


def features(torch, x, weight):
    u = torch.einsum("hnd,hde->hne", x, weight)
    return torch.cat([u.softmax(-1), (-u).softmax(-1)], dim=-1).clamp(min=1e-12)


def rms(x, weight):
    """Over every head by itself; x [heads, length, headDim], weight [heads * headDim]."""
    x = x * (x.square().mean(-1, keepdim=True) + 1e-6).rsqrt()
    return x * weight.reshape(HEADS, 1, HEAD_DIM)


def layer(torch, policy, keys, kind, inputs):
    q = heads(inputs["queries"], HEADS)
    k, v = heads(inputs["keys"], KEY_HEADS), heads(inputs["values"], KEY_HEADS)
    window, memory = masks(torch, q.shape[1], kind, keys)
    logits = q @ k.transpose(1, 2) * HEAD_DIM**-0.5
    softmax = logits.exp() * window
    linear = memory * (
        features(torch, q, inputs["feature_map_q.mlp.layer"])
        @ features(torch, k, inputs["feature_map_k.mlp.layer"]).transpose(1, 2)
    )
    y_window = softmax @ v / softmax.sum(-1, keepdim=True)
    y_memory = linear @ v / (linear.sum(-1, keepdim=True) + 1e-12)
    # A memory that holds nothing yet has no say in an average.
    holds = memory.any(-1, keepdim=True).double()

    def per_head(name):
        return inputs[name].reshape(HEADS, 1, 1)

    def mixed(share, first, second):
        share = share * holds
        return (1 - share) * first + share * second

    if policy == "shared":
        weights = softmax + per_head("memory_log_factors").exp() * linear
        y = weights @ v / weights.sum(-1, keepdim=True)
    elif policy == "average":
        y = mixed(torch.tensor(0.5).double(), y_window, y_memory)
    elif policy == "normed-average":
        share = per_head("memory_share").sigmoid()
        y = mixed(share, rms(y_window, inputs["window_norm"]), rms(y_memory, inputs["memory_norm"]))
    elif policy == "alpha-sum":
        y = y_memory + per_head("window_alpha") * y_window
    elif policy == "gated":
        gate = q @ inputs["memory_gate.weight"] + per_head("memory_gate.bias")
        y = mixed(gate.sigmoid(), y_window, y_memory)
    elif policy == "projected-sum":
        y = y_window + y_memory @ inputs["memory_projection"]
    return y.transpose(0, 1).reshape(len(inputs["queries"]), -1)


def golden(torch, policy, keys, kind, length, generator):
    def draw(*shape, scale=1.0):
        # What is stored, in float32, is what is computed with.
        return (torch.randn(*shape, generator=generator) * scale).double().requires_grad_()

    inputs = dict(
        queries=draw(length, HEADS * HEAD_DIM),
        keys=draw(length, KEY_HEADS * HEAD_DIM),
        values=draw(length, KEY_HEADS * HEAD_DIM),
    )
    for name, shape in (MAPS | PARAMETERS[policy]).items():
        inputs[name] = draw(*shape, scale=0.5)
    output = layer(torch, policy, keys, kind, inputs)
    upstream = torch.randn(output.shape, generator=generator).double()
    found = torch.autograd.grad(
        (output * upstream).sum(), list(inputs.values()), materialize_grads=True
    )
    gradients = {f"gradient.{name}": gradient for name, gradient in zip(inputs, found)}
    return inputs | gradients | dict(output=output, upstream=upstream)


def main():
    folder = environment.prepare(__doc__, REQUIREMENTS, "Tests/StudentsTests/Goldens/policies")
    import torch
    from safetensors.torch import save_file

    torch.set_num_threads(1)
    generator = torch.Generator().manual_seed(19)
    for name, (policy, keys, kind) in CASES.items():
        for length in LENGTHS:
            tensors = golden(torch, policy, keys, kind, length, generator)
            stored = {key: value.detach().float().contiguous() for key, value in tensors.items()}
            save_file(stored, folder / f"{name}-{length}.safetensors")
    shape = dict(heads=HEADS, keyValueHeads=KEY_HEADS, headDim=HEAD_DIM, lengths=LENGTHS)
    window = dict(window=WINDOW, sinks=SINKS)
    cases = {
        name: dict(policy=policy, keys=keys, window=kind)
        for name, (policy, keys, kind) in CASES.items()
    }
    facts = dict(shape=shape | window, cases=cases)
    size = environment.write_manifest(folder, __file__, ["torch", "safetensors", "numpy"], facts)
    print(f"{len(CASES) * len(LENGTHS)} files, {size:,} bytes in {folder}")


if __name__ == "__main__":
    main()
