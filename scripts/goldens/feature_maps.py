#!/usr/bin/env python3
"""Goldens of students of linear attention, one for every feature map: formulas in float64.

Written from the papers (Hedgehog arXiv 2402.04347, T2R 2103.13076, Performer 2009.14794, cosFormer
2202.08791, Based 2402.18668, DPFP 2102.11174, 1+ELU 2006.16236), quadratic and plain, with gradients
by autograd. In Tests/StudentsTests/Goldens/maps, everything float32, NAME.safetensors for each of
CASES:

    queries [70, 2, 6], keys and values [70, 1, 6], parameters by the names of checkpoints
    (feature_map_q.mlp.layer [2, 6, f], feature_map_q.mlp.bias [2, f], …); for `performer` the drawn
    directions [count, 6]; output [70, 2, 6] of y_i = sum_j w_ij v_j / (sum_j w_ij + 1e-12),
    w_ij = phi(q_i).phi(k_j) for j <= i;
    upstream [70, 2, 6] and gradient.output.* of sum(output * upstream) for the three inputs and
    every parameter;
    losses [2]: cross-entropy of attention rows against causal softmax attention, mean over heads
    and rows, of log(max(w, 1e-12)) (LoLCATs) and of log(w + 1e-9) (Hedgehog), and their gradients
    gradient.clamp.* and gradient.add.* for queries, keys and parameters, through the features
    alone: the softmax attention is a constant.

bidirectional-NAME.safetensors for each of BIDIRECTIONAL is the same of an encoder's attention, where
every query sees all 70 keys.

Performer's directions are drawn here as the program draws them, from SplitMix64 and the seed 5,
layer 1, so that the draw itself is held too. Its features of queries are shifted by their own
largest exponent, those of keys not at all.

usage: feature_maps.py [--python PYTHON] [--output FOLDER]
"""

import math

import environment

REQUIREMENTS = ["torch==2.13.0", "safetensors==0.8.0", "numpy==2.4.6"]
LENGTH, HEADS, KEY_HEADS, HEAD_DIM = 70, 2, 1, 6
SEED, LAYER = 5, 1
LEAST = 1e-12
NOISE = 1e-11  # what is smaller is float64's rounding of a zero, and written as one

# The recipe's featureMap objects.
CASES = {
    "exponential": dict(kind="exponential"),
    "exponential-bias": dict(kind="exponential", bias=True, biasShape="coordinate"),
    "softmax": dict(kind="softmax"),
    "softmax-bias": dict(kind="softmax", bias=True, biasShape="coordinate"),
    "joint-softmax": dict(kind="joint-softmax"),
    "joint-softmax-bias": dict(kind="joint-softmax", bias=True, biasShape="coordinate"),
    "shifted-exponential": dict(kind="shifted-exponential"),
    "one-plus-elu": dict(kind="one-plus-elu", projection="none"),
    "relu": dict(kind="relu", projection="none"),
    "t2r": dict(kind="t2r", projectionDim=8),
    "performer": dict(kind="performer", randomFeatures=16, epsilon=1e-4),
    "cosformer": dict(kind="cosformer", maximumLength=80),
    "taylor": dict(kind="taylor"),
    "taylor-projected": dict(kind="taylor", projection="learned", projectionDim=3),
    "exp": dict(kind="exp", temperature=0.7),
    "dpfp": dict(kind="dpfp", nu=3),
}
BIDIRECTIONAL = [name for name in CASES if not name.endswith(("-bias", "-projected"))]
FIXED = ("performer", "cosformer", "taylor", "exp", "dpfp")


class SplitMix64:
    """Sources/TensorCore/SeededGenerator.swift, in integers."""

    MASK = (1 << 64) - 1
    GAMMA = 0x9E3779B97F4A7C15

    def __init__(self, seed, purpose, step=0):
        key = self.mix(seed + self.GAMMA)
        key = self.mix(key ^ step)
        for byte in purpose.encode():
            key = self.mix(key ^ byte)
        self.state = key

    @classmethod
    def mix(cls, z):
        z &= cls.MASK
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & cls.MASK
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & cls.MASK
        return z ^ (z >> 31)

    def uniform(self):
        self.state = (self.state + self.GAMMA) & self.MASK
        return (self.mix(self.state) >> 11) * 2.0**-53

    def normal(self, count):
        draws = []
        while len(draws) < count:
            radius = math.sqrt(-2 * math.log(1 - self.uniform()))
            angle = 2 * math.pi * self.uniform()
            draws += [radius * math.cos(angle), radius * math.sin(angle)]
        return draws[:count]


def draw_directions(count, dim):
    import numpy

    generator = SplitMix64(SEED, f"featureMap.randomFeatures.{LAYER}")
    rows = []
    while len(rows) < count:
        block = numpy.array([generator.normal(dim) for _ in range(dim)])
        q, r = numpy.linalg.qr(block.T)
        # The one factorisation whose R has a positive diagonal is what Gram-Schmidt gives.
        rows += list((q * numpy.sign(numpy.diag(r))).T[: count - len(rows)])
    lengths = [numpy.linalg.norm(generator.normal(dim)) for _ in range(count)]
    return numpy.array(rows) * numpy.array(lengths)[:, None]


def make_map(torch, case, dim, directions):
    """u [T, heads, dim], side, positions [T] -> features; dim is what the map acts on."""
    kind = case["kind"]

    def both(function):
        return lambda u, side, i: torch.cat([function(u), function(-u)], -1)

    def softmax(u):
        return torch.softmax(u, -1).clamp(min=LEAST)

    def shifted(u):
        return torch.exp(u - u.amax(-1, keepdim=True)).clamp(min=LEAST)

    def performer(u, side, i):
        x = u * dim**-0.25
        exponents = x @ directions.T - (x * x).sum(-1, keepdim=True) / 2
        if side == "q":
            exponents = exponents - exponents.amax(-1, keepdim=True)
        return (torch.exp(exponents) + case["epsilon"]) * directions.shape[0] ** -0.5

    def cosformer(u, side, i):
        angle = (math.pi / 2 * i / case["maximumLength"])[:, None, None]
        return torch.cat([torch.relu(u) * angle.cos(), torch.relu(u) * angle.sin()], -1)

    def taylor(u, side, i):
        first, second = torch.triu_indices(dim, dim, 1)
        return torch.cat(
            [
                torch.ones_like(u[..., :1]),
                u * dim**-0.25,
                u * u / math.sqrt(2 * dim),
                u[..., first] * u[..., second] * dim**-0.5,
            ],
            -1,
        )

    def dpfp(u, side, i):
        x = torch.cat([torch.relu(u), torch.relu(-u)], -1)
        return torch.cat([x * x.roll(j, -1) for j in range(1, case["nu"] + 1)], -1)

    return {
        "exponential": both(torch.exp),
        "softmax": both(softmax),
        "joint-softmax": lambda u, side, i: torch.softmax(torch.cat([2 * u, -2 * u], -1), -1),
        "shifted-exponential": both(shifted),
        "one-plus-elu": lambda u, side, i: torch.where(u > 0, 1 + u, torch.exp(u)),
        "relu": lambda u, side, i: u.clamp(min=LEAST),
        "t2r": lambda u, side, i: u.clamp(min=LEAST),
        "performer": performer,
        "cosformer": cosformer,
        "taylor": taylor,
        "exp": lambda u, side, i: torch.exp(case["temperature"] * u),
        "dpfp": dpfp,
    }[kind]


def golden(torch, case, seed, causal):
    generator = torch.Generator().manual_seed(seed)

    def draw(*shape, scale=1.0, around=0.0):
        # What is stored, in float32, is what is computed with.
        values = torch.randn(*shape, generator=generator) * scale + around
        return values.float().double().requires_grad_()

    inputs = {
        "queries": draw(LENGTH, HEADS, HEAD_DIM, scale=1.3),
        "keys": draw(LENGTH, KEY_HEADS, HEAD_DIM, scale=1.3),
        "values": draw(LENGTH, KEY_HEADS, HEAD_DIM),
    }
    default = "none" if case["kind"] in FIXED else "learned"
    learned = case.get("projection", default) == "learned"
    dim = case.get("projectionDim", HEAD_DIM)
    if learned:
        for side in "qk":
            layer = torch.eye(HEAD_DIM, dim).expand(HEADS, HEAD_DIM, dim)
            inputs[f"feature_map_{side}.mlp.layer"] = draw(
                HEADS, HEAD_DIM, dim, scale=0.4, around=layer
            )
            if case.get("bias", case["kind"] == "t2r"):
                inputs[f"feature_map_{side}.mlp.bias"] = draw(HEADS, dim, scale=0.5)
    found = dict(inputs)
    directions = None
    if case["kind"] == "performer":
        directions = torch.tensor(draw_directions(case["randomFeatures"], dim)).float().double()
        found["directions"] = directions

    phi = make_map(torch, case, dim, directions)
    positions = torch.arange(LENGTH).double()
    repeated = {
        name: inputs[name].repeat_interleave(HEADS // KEY_HEADS, 1) for name in ("keys", "values")
    }

    def features(x, side):
        if learned:
            x = torch.einsum("thd,hdf->thf", x, inputs[f"feature_map_{side}.mlp.layer"])
            if f"feature_map_{side}.mlp.bias" in inputs:
                x = x + inputs[f"feature_map_{side}.mlp.bias"]
        return phi(x, side, positions)

    weights = torch.einsum(
        "ihf,jhf->hij", features(inputs["queries"], "q"), features(repeated["keys"], "k")
    )
    seen = torch.ones(LENGTH, LENGTH, dtype=torch.bool)
    seen = seen.tril() if causal else seen
    weights = torch.where(seen, weights, 0)
    weights = weights / (weights.sum(-1, keepdim=True) + LEAST)
    output = torch.einsum("hij,jhd->ihd", weights, repeated["values"])
    with torch.no_grad():
        scores = torch.einsum("ihd,jhd->hij", inputs["queries"], repeated["keys"])
        scores = (scores * HEAD_DIM**-0.5).masked_fill(~seen, float("-inf"))
        truth = torch.softmax(scores, -1)

    def cross_entropy(logarithms):
        return -(truth * torch.where(seen, logarithms, 0)).sum(-1).mean()

    clamp = cross_entropy(torch.where(seen, weights, 1).clamp(min=LEAST).log())
    add = cross_entropy((torch.where(seen, weights, 1) + 1e-9).log())
    upstream = torch.randn(*output.shape, generator=generator).float().double()
    found |= dict(output=output, upstream=upstream, losses=torch.stack([clamp, add]))
    without_values = {name: x for name, x in inputs.items() if name != "values"}
    found |= gradients(torch, (output * upstream).sum(), inputs, "gradient.output.")
    found |= gradients(torch, clamp, without_values, "gradient.clamp.")
    found |= gradients(torch, add, without_values, "gradient.add.")
    return found


def gradients(torch, loss, inputs, prefix):
    found = torch.autograd.grad(loss, list(inputs.values()), retain_graph=True)
    return {prefix + name: gradient for name, gradient in zip(inputs, found)}


def main():
    folder = environment.prepare(__doc__, REQUIREMENTS, "Tests/StudentsTests/Goldens/maps")
    import torch
    from safetensors.torch import save_file

    torch.set_num_threads(1)
    files = [(name, name, True) for name in CASES]
    files += [(f"bidirectional-{name}", name, False) for name in BIDIRECTIONAL]
    for number, (file, name, causal) in enumerate(files):
        found = golden(torch, CASES[name], number, causal)
        tensors = {
            key: torch.where(value.abs() < NOISE, 0, value).float().contiguous()
            for key, value in ((k, v.detach()) for k, v in found.items())
        }
        save_file(tensors, folder / f"{file}.safetensors")
    shape = dict(length=LENGTH, heads=HEADS, keyValueHeads=KEY_HEADS, headDim=HEAD_DIM)
    facts = dict(shape=shape, cases=CASES, bidirectional=BIDIRECTIONAL)
    size = environment.write_manifest(folder, __file__, ["torch", "safetensors", "numpy"], facts)
    print(f"{len(files)} files, {size:,} bytes in {folder}")


if __name__ == "__main__":
    main()
