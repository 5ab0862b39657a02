#!/usr/bin/env python3
"""Goldens of the delta rule with diagonal decay (RWKV-7), step by step in float64.

Written from arXiv 2503.14456, section 3, with gradients by autograd: per head, P = 0 at first,

    P_t = diag(exp(logDecays_t)) P_{t-1} + writes_t^T (removals_t P_{t-1}) + keys_t^T values_t
    output_t = 0.75 receptances_t P_t

In Tests/StudentsTests/Goldens/delta-rule, everything float32, NAME.safetensors for each of CASES
with, for every LENGTH of it,

    LENGTH.output [LENGTH, heads, dim], LENGTH.state [heads, dim, dim] after the last token, and
    LENGTH.gradient.OPERAND [LENGTH, heads, dim] of sum(output * upstream).

The operands are not stored: `operands` says how both sides draw them.

usage: delta_rule.py [--python PYTHON] [--output FOLDER]
"""

import math

from feature_maps import SplitMix64

import environment

REQUIREMENTS = ["torch==2.13.0", "safetensors==0.8.0", "numpy==2.4.6"]
SCALE = 0.75
LENGTHS = [1, 15, 16, 17, 63, 64, 65, 500]
CASES = {
    "rwkv7": dict(heads=2, dim=4, lengths=LENGTHS),
    "strong": dict(heads=1, dim=6, lengths=LENGTHS),
    "wide": dict(heads=1, dim=64, lengths=[65]),
}
OPERANDS = ["receptances", "logDecays", "keys", "values", "removals", "writes"]


def operands(case, length, heads, dim):
    """Every operand and `upstream`, each [length * heads * dim], as float32 will hold them.

    One stream of uniform draws for each name, by the seed `length`. Decays are RWKV-7's, or
    strong: around -5 in even columns and weak in odd ones. Removals are -kappa with kappa of
    length 1 in every head, writes are kappa times a draw.
    """

    def uniform(name):
        generator = SplitMix64(length, f"delta-rule.{case}.{name}")
        return [generator.uniform() for _ in range(length * heads * dim)]

    kappa = [2 * u - 1 for u in uniform("removals")]
    for start in range(0, len(kappa), dim):
        total = 0.0
        for x in kappa[start : start + dim]:
            total += x * x
        norm = math.sqrt(total)
        kappa[start : start + dim] = [x / norm for x in kappa[start : start + dim]]
    decays = uniform("logDecays")
    if case == "strong":
        decays = [-4 - 2 * u if i % 2 == 0 else -u for i, u in enumerate(decays)]
    else:
        decays = [-0.6065 * u for u in decays]
    return dict(
        receptances=[3 * u - 1.5 for u in uniform("receptances")],
        logDecays=decays,
        keys=[2 * u - 1 for u in uniform("keys")],
        values=[4 * u - 2 for u in uniform("values")],
        removals=[-x for x in kappa],
        writes=[x * u for x, u in zip(kappa, uniform("writes"))],
        upstream=[2 * u - 1 for u in uniform("upstream")],
    )


def golden(torch, case, length, heads, dim):
    x = {
        name: torch.tensor(values).float().double().reshape(length, heads, dim).requires_grad_()
        for name, values in operands(case, length, heads, dim).items()
    }
    state = torch.zeros(heads, dim, dim, dtype=torch.float64)
    outputs = []
    for t in range(length):
        row = {name: values[t] for name, values in x.items()}
        reading = torch.einsum("hi,hij->hj", row["removals"], state)
        state = (
            row["logDecays"].exp()[:, :, None] * state
            + row["writes"][:, :, None] * reading[:, None]
            + row["keys"][:, :, None] * row["values"][:, None]
        )
        outputs.append(SCALE * torch.einsum("hi,hij->hj", row["receptances"], state))
    output = torch.stack(outputs)
    loss = (output * x["upstream"].detach()).sum()
    gradients = torch.autograd.grad(loss, [x[name] for name in OPERANDS])
    found = {f"{length}.output": output, f"{length}.state": state}
    return found | {f"{length}.gradient.{name}": g for name, g in zip(OPERANDS, gradients)}


def main():
    folder = environment.prepare(__doc__, REQUIREMENTS, "Tests/StudentsTests/Goldens/delta-rule")
    import torch
    from safetensors.torch import save_file

    torch.set_num_threads(1)
    for name, case in CASES.items():
        tensors = {}
        for length in case["lengths"]:
            tensors |= golden(torch, name, length, case["heads"], case["dim"])
        tensors = {key: value.detach().float().contiguous() for key, value in tensors.items()}
        save_file(tensors, folder / f"{name}.safetensors")
    facts = dict(scale=SCALE, cases=CASES)
    size = environment.write_manifest(folder, __file__, ["torch", "safetensors", "numpy"], facts)
    print(f"{len(CASES)} files, {size:,} bytes in {folder}")


if __name__ == "__main__":
    main()
