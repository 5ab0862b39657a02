#!/usr/bin/env python3
"""Goldens of gated linear attention and of group norm over heads: formulas in float64.

Written from the recurrence of GLA (arXiv 2312.06635, section 4) and RWKV-6 without its bonus (arXiv
2404.05892), token by token with gradients by autograd, and from torch's group_norm. In
Tests/StudentsTests/Goldens/gated, everything float32, DECAYS-LENGTH.safetensors for each of DECAYS
and LENGTHS:

    queries, keys, values, logDecays [length, 2 * 6]; output [length, 2 * 6] of
    S_t = diag(e^g_t) S_{t-1} + k_t^T v_t, o_t = 6^-1/2 q_t S_t, and the last state [2, 6, 6];
    upstream [length, 2 * 6] and gradient.* of sum(output * upstream) for the four inputs

and group-norm.safetensors: x [9, 3 * 8], weight and bias [24], output, upstream and gradient.*,
epsilon 8e-5 as RAD-RWKV6 has it for heads of 8.

usage: gated_linear_attention.py [--python PYTHON] [--output FOLDER]
"""

import environment

REQUIREMENTS = ["torch==2.13.0", "safetensors==0.8.0", "numpy==2.4.6"]
HEADS, HEAD_DIM = 2, 6
LENGTHS = [1, 15, 16, 17, 63, 64, 65, 500]
NORM_ROWS, NORM_HEADS, NORM_HEAD_DIM, NORM_EPSILON = 9, 3, 8, 8 * 1e-5
# What is normally distributed becomes a decay: as RAD-RWKV6 bounds it, and all near that bound.
DECAYS = {
    "mixed": lambda x: (-(1.5 * x - 1.5).exp()).clamp(min=-5),
    "fast": lambda x: -5 + x / 2,
}


def recurrence(torch, queries, keys, values, decays):
    """All [length, heads, headDim]; outputs and the last state."""
    state = torch.zeros(HEADS, HEAD_DIM, HEAD_DIM, dtype=torch.float64)
    outputs = []
    for q, k, v, g in zip(queries, keys, values, decays):
        state = g.exp()[:, :, None] * state + k[:, :, None] * v[:, None, :]
        outputs.append(torch.einsum("hk,hkv->hv", q, state) * HEAD_DIM**-0.5)
    return torch.stack(outputs), state


def golden(torch, decay, length, generator):
    def draw(change=lambda x: x):
        # What is stored, in float32, is what is computed with.
        x = change(torch.randn(length, HEADS, HEAD_DIM, generator=generator))
        return x.float().double().requires_grad_()

    inputs = dict(queries=draw(), keys=draw(), values=draw(), logDecays=draw(decay))
    output, state = recurrence(torch, *inputs.values())
    upstream = torch.randn(output.shape, generator=generator).double()
    found = gradients(torch, output, upstream, inputs) | inputs
    found |= dict(output=output, upstream=upstream)
    return {name: x.reshape(length, -1) for name, x in found.items()} | dict(state=state)


def group_norm(torch, generator):
    width = NORM_HEADS * NORM_HEAD_DIM

    def draw(*shape, around=0.0):
        x = torch.randn(*shape, generator=generator) + around
        return x.double().requires_grad_()

    inputs = dict(x=draw(NORM_ROWS, width, around=0.5), weight=draw(width), bias=draw(width))
    output = torch.nn.functional.group_norm(
        inputs["x"], NORM_HEADS, inputs["weight"], inputs["bias"], NORM_EPSILON
    )
    upstream = torch.randn(output.shape, generator=generator).double()
    found = gradients(torch, output, upstream, inputs) | inputs
    return found | dict(output=output, upstream=upstream)


def gradients(torch, output, upstream, inputs):
    # A single token's output does not depend on its decay.
    found = torch.autograd.grad(
        (output * upstream).sum(), list(inputs.values()), materialize_grads=True
    )
    return {f"gradient.{name}": gradient for name, gradient in zip(inputs, found)}


def main():
    folder = environment.prepare(__doc__, REQUIREMENTS, "Tests/StudentsTests/Goldens/gated")
    import torch
    from safetensors.torch import save_file

    torch.set_num_threads(1)
    generator = torch.Generator().manual_seed(11)

    def save(name, tensors):
        stored = {key: value.detach().float().contiguous() for key, value in tensors.items()}
        save_file(stored, folder / f"{name}.safetensors")

    for name, decay in DECAYS.items():
        for length in LENGTHS:
            save(f"{name}-{length}", golden(torch, decay, length, generator))
    save("group-norm", group_norm(torch, generator))
    shape = dict(heads=HEADS, headDim=HEAD_DIM, lengths=LENGTHS)
    facts = dict(shape=shape, decays=list(DECAYS))
    size = environment.write_manifest(folder, __file__, ["torch", "safetensors", "numpy"], facts)
    print(f"{len(DECAYS) * len(LENGTHS) + 1} files, {size:,} bytes in {folder}")


if __name__ == "__main__":
    main()
