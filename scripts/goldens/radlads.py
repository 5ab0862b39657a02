#!/usr/bin/env python3
"""Goldens of the RADLADS students (RAD-RWKV6, RAD-RWKV7, QLinAtt), token by token in float64.

Written from arXiv 2505.03005, sections 3 and 4, with gradients by autograd. One layer of 2 query
heads that share one key-value head of 4 coordinates, hidden size 10. In
Tests/StudentsTests/Goldens/radlads, everything float32, NAME.safetensors for each of CASES with, for
every LENGTH of LENGTHS,

    LENGTH.output [LENGTH, 8], before the output projection, and
    LENGTH.gradient.NAME of sum(output * upstream), for every parameter and for `stream`, the layer's
    normed input [LENGTH, 10], and `firstValues` [LENGTH, 4] where the student mixes them in.

Parameters, projections and inputs are not stored: `draw` says how both sides draw them.

usage: radlads.py [--python PYTHON] [--output FOLDER]
"""

import math

from feature_maps import SplitMix64

import environment

REQUIREMENTS = ["torch==2.13.0", "safetensors==0.8.0", "numpy==2.4.6"]
LENGTHS = [1, 15, 16, 17, 63, 64, 65, 500]
HIDDEN, HEADS, DIM = 10, 2, 4
WIDTH = HEADS * DIM
THETA = 100.0

SHIFT = {f"time_maa_{x}": [1, 1, HIDDEN] for x in "xrkvwg"} | {
    "time_maa_w1": [HIDDEN, 10],
    "time_maa_w2": [5, 2, HIDDEN],
}
DECAY = {
    "time_decay": [1, 1, WIDTH],
    "time_decay_w1": [HIDDEN, 3],
    "time_decay_w2": [3, WIDTH],
}
FULL_GATE = {"gate.weight": [WIDTH, HIDDEN]}
LOW_RANK_GATE = {"g1": [HIDDEN, 3], "g2": [3, WIDTH]}
NORM = {"ln_x.weight": [WIDTH], "ln_x.bias": [WIDTH]}


def offsets(name, rank):
    return {f"{name}0": [1, 1, WIDTH], f"{name}1": [HIDDEN, rank], f"{name}2": [rank, WIDTH]}


SEVENTH = offsets("w", 3) | offsets("a", 2) | offsets("v", 2)
KEYS = {"k_k": [1, 1, WIDTH], "k_a": [1, 1, WIDTH]}
CASES = {
    "rwkv6": SHIFT | DECAY | FULL_GATE,
    "rwkv6-strong": SHIFT | DECAY | FULL_GATE,
    "rwkv6-options": SHIFT | DECAY | LOW_RANK_GATE | NORM,
    "rwkv7": SEVENTH | LOW_RANK_GATE,
    "rwkv7-released": SEVENTH | KEYS | LOW_RANK_GATE | NORM,
    "qlinatt": NORM,
}


def draw(case, name, count):
    """Uniform in ±0.5 around the parameter's middle, inputs in ±1.5; one stream a name, seed 5."""
    generator = SplitMix64(5, f"radlads.{case}.{name}")
    middle = {"time_decay": -2.0, "w0": -2.0, "v0": 1.0, "k_k": 1.0, "k_a": 1.0, "ln_x.weight": 1.0}
    center, width = middle.get(name, 0.0), 1.0
    if case == "rwkv6-strong" and name == "time_decay":
        center, width = 1.0, 2.0
    if name in ("stream", "firstValues", "upstream"):
        width = 3.0
    return [center + width * (generator.uniform() - 0.5) for _ in range(count)]


def rotate(torch, x):
    """Rotary positions from 0 of [length, heads, 4]."""
    half = DIM // 2
    frequencies = torch.tensor(
        [float(torch.tensor(1 / THETA ** (2 * i / DIM)).float()) for i in range(half)],
        dtype=torch.float64,
    )
    angles = torch.arange(x.shape[0], dtype=torch.float64)[:, None, None] * frequencies
    low, high = x[..., :half], x[..., half:]
    cos, sin = angles.cos(), angles.sin()
    return torch.cat([low * cos - high * sin, high * cos + low * sin], -1)


def heads(x):
    return x.reshape(x.shape[0], -1, DIM)


def normalized(torch, outputs, p):
    flat = outputs.reshape(-1, WIDTH)
    return torch.nn.functional.group_norm(
        flat, HEADS, p["ln_x.weight"], p["ln_x.bias"], DIM * 1e-5
    )


def gated(torch, outputs, x, p):
    if "gate.weight" in p:
        return outputs * torch.sigmoid(x @ p["gate.weight"].T)
    return outputs * (torch.sigmoid(x @ p["g1"]) @ p["g2"])


def sixth(torch, x, project, p, has_options):
    before = torch.cat([torch.zeros_like(x[:1]), x[:-1]])
    delta = before - x
    inner = torch.tanh((x + delta * p["time_maa_x"][0, 0]) @ p["time_maa_w1"])
    mixed = []
    for i, name in enumerate("rkvwg"):
        share = p[f"time_maa_{name}"][0, 0] + inner[:, 2 * i : 2 * i + 2] @ p["time_maa_w2"][i]
        mixed.append(x + delta * share)
    xr, xk, xv, xw, xg = mixed
    q, k = heads(project("q", xr)), heads(project("k", xk))
    if has_options:
        q, k = rotate(torch, q), rotate(torch, k)
    k = k.repeat_interleave(HEADS, 1)
    v = heads(project("v", xv)).repeat_interleave(HEADS, 1)
    d = p["time_decay"][0, 0] + torch.tanh(xw @ p["time_decay_w1"]) @ p["time_decay_w2"]
    w = torch.clamp(-torch.exp(heads(d)), min=-5).exp()
    k = k * (1 - w)
    state = torch.zeros(HEADS, DIM, DIM, dtype=torch.float64)
    outputs = []
    for t in range(x.shape[0]):
        state = w[t, :, :, None] * state + k[t, :, :, None] * v[t, :, None]
        outputs.append(torch.einsum("hi,hij->hj", q[t], state) / math.sqrt(DIM))
    outputs = torch.stack(outputs).reshape(-1, WIDTH)
    return gated(torch, normalized(torch, outputs, p) if has_options else outputs, xg, p)


def seventh(torch, x, project, p, first, is_released):
    r, k = rotate(torch, heads(project("q", x))), rotate(torch, heads(project("k", x)))
    k = k.repeat_interleave(HEADS, 1)
    v = heads(project("v", x)).repeat_interleave(HEADS, 1)
    first = heads(first).repeat_interleave(HEADS, 1)
    low = torch.tanh(x @ p["w1"]) @ p["w2"]
    logarithm = -0.5 - torch.nn.functional.softplus(-(p["w0"][0, 0] + low))
    w = heads(torch.exp(-torch.exp(logarithm)))
    a = heads(torch.sigmoid(p["a0"][0, 0] + x @ p["a1"] @ p["a2"]))
    v = v + (first - v) * heads(torch.sigmoid(p["v0"][0, 0] + x @ p["v1"] @ p["v2"]))
    kappa = k * heads(p["k_k"][0]) if is_released else k
    kappa = kappa / (kappa.norm(dim=-1, keepdim=True) + 1e-12)
    k = k * (1 + (a - 1) * heads(p["k_a"][0])) if is_released else k * (1 - w + a)
    # As RWKV-7's papers have it: values by keys.
    state = torch.zeros(HEADS, DIM, DIM, dtype=torch.float64)
    outputs = []
    for t in range(x.shape[0]):
        removed = torch.einsum("hvk,hk->hv", state, kappa[t])
        state = (
            state * w[t, :, None]
            - removed[:, :, None] * (a[t] * kappa[t])[:, None]
            + v[t, :, :, None] * k[t, :, None]
        )
        outputs.append(torch.einsum("hvk,hk->hv", state, r[t]))
    outputs = torch.stack(outputs).reshape(-1, WIDTH)
    outputs = normalized(torch, outputs, p) if is_released else outputs / math.sqrt(DIM)
    return gated(torch, outputs, x, p)


def baseline(torch, x, project, p):
    q, k = rotate(torch, heads(project("q", x))), rotate(torch, heads(project("k", x)))
    k = k.repeat_interleave(HEADS, 1)
    v = heads(project("v", x)).repeat_interleave(HEADS, 1)
    weights = torch.einsum("ihd,jhd->hij", q, k).tril()
    outputs = torch.einsum("hij,jhd->ihd", weights, v)
    # Layer norm of every head, written out.
    centered = outputs - outputs.mean(-1, keepdim=True)
    outputs = centered / ((centered**2).mean(-1, keepdim=True) + DIM * 1e-5).sqrt()
    return outputs.reshape(-1, WIDTH) * p["ln_x.weight"] + p["ln_x.bias"]


def golden(torch, case, shapes, length):
    def tensor(name, shape):
        values = torch.tensor(draw(case, name, math.prod(shape)), dtype=torch.float64)
        return values.float().double().reshape(shape).requires_grad_()

    p = {name: tensor(name, shape) for name, shape in shapes.items()}
    matrices = {name: tensor(f"{name}_proj", [HIDDEN, DIM * (HEADS if name == "q" else 1)])
                for name in "qkv"}
    x, first = tensor("stream", [length, HIDDEN]), tensor("firstValues", [length, DIM])

    def project(name, value):
        return value @ matrices[name]

    if case.startswith("rwkv6"):
        output = sixth(torch, x, project, p, case == "rwkv6-options")
    elif case.startswith("rwkv7"):
        output = seventh(torch, x, project, p, first, case == "rwkv7-released")
    else:
        output = baseline(torch, x, project, p)
    p["stream"] = x
    if case.startswith("rwkv7"):
        p["firstValues"] = first
    loss = (output * tensor("upstream", [length, WIDTH]).detach()).sum()
    gradients = torch.autograd.grad(loss, list(p.values()))
    found = {f"{length}.output": output}
    return found | {f"{length}.gradient.{name}": g for name, g in zip(p, gradients)}


def main():
    folder = environment.prepare(__doc__, REQUIREMENTS, "Tests/StudentsTests/Goldens/radlads")
    import torch
    from safetensors.torch import save_file

    torch.set_num_threads(1)
    for name, shapes in CASES.items():
        tensors = {}
        for length in LENGTHS:
            tensors |= golden(torch, name, shapes, length)
        tensors = {key: value.detach().float().contiguous() for key, value in tensors.items()}
        save_file(tensors, folder / f"{name}.safetensors")
    facts = dict(lengths=LENGTHS, cases=CASES)
    size = environment.write_manifest(folder, __file__, ["torch", "safetensors", "numpy"], facts)
    print(f"{len(CASES)} files, {size:,} bytes in {folder}")


if __name__ == "__main__":
    main()
