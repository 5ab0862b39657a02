#!/usr/bin/env python3
"""Goldens of LoLCATs' attention: our own float64 implementation of the published formulas.

Written from arXiv 2402.04347 and 2410.10254, quadratic and plain, with gradients by autograd. In
Tests/StudentsTests/Goldens, everything float32:

    feature-maps.safetensors   input [10, 2, 8], weight [2, 8, 8], feature_bias [2, 8],
                               head_bias [2, 1]; for each NAME of ACTIVATIONS: NAME.features
                               [10, 2, width] of u = input weight + bias, and the gradients
                               NAME.gradient.{input,weight,bias} of sum(features * NAME.upstream).
                               The bias is feature_bias, for `relu` (T2R) head_bias.
    hybrid-CASE.safetensors    for each length T, tensors `T.NAME`: queries [T, 2, 8], keys and
                               values [T, 1, 8], query_weight, key_weight [2, 8, 8],
                               window_factors [2] (logits), output [T, 2, 8],
                               teacher [T, 2, 8] (causal softmax attention), losses [2] (mean squared
                               error, cross-entropy of attention rows);
                               gradient.mse.{queries,keys,values,query_weight,key_weight,
                               window_factors} of 1000 * losses[0] and
                               gradient.both.{query_weight,key_weight,window_factors} of
                               1000 * losses[0] + losses[1]. The teacher is a constant.

Choices where sources differ: terrace blocks are aligned to the start of the sequence; a sink (one of
the first tokens) always belongs to the softmax set and never to the linear one; 1e-12 is added to
the denominator only without a window. Features are softmax(u) and softmax(-u) over each head.

usage: lolcats_reference.py [--python PYTHON] [--output FOLDER]
"""

import environment

REQUIREMENTS = ["torch==2.13.0", "safetensors==0.8.0", "numpy==2.4.6"]
HEADS, KEY_HEADS, HEAD_DIM, PROJECTION, WINDOW = 2, 1, 8, 8, 16
LENGTHS = (1, 15, 16, 17, 33, 64)
LEAST = 1e-12
NOISE = 1e-11  # what is smaller is float64's rounding of a zero, and written as one

CASES = {
    "linear": dict(window="none"),
    "sliding": dict(window="sliding"),
    "sliding-sinks": dict(window="sliding", sinks=4),
    "terrace": dict(window="terrace"),
    "terrace-sinks": dict(window="terrace", sinks=4),
    "terrace-affine-sinks": dict(window="terrace", sinks=4, affine=True),
}


def activations(torch):
    def both(function):
        return lambda u: torch.cat([function(u), function(-u)], -1)

    def softmax(u):
        return torch.softmax(u, -1).clamp(min=LEAST)

    def shifted(u):
        return torch.exp(u - u.amax(-1, keepdim=True)).clamp(min=LEAST)

    return {
        "exponential": both(torch.exp),
        "softmax": both(softmax),
        "softmaxHalf": softmax,
        "shiftedExponential": both(shifted),
        "shiftedExponentialHalf": shifted,
        "jointSoftmax": lambda u: torch.softmax(torch.cat([2 * u, -2 * u], -1), -1),
        "onePlusELU": lambda u: torch.where(u > 0, 1 + u, torch.exp(u)).clamp(min=LEAST),
        "relu": lambda u: torch.where(u > 0, u, 0 * u).clamp(min=LEAST),
    }


def project(torch, x, weight):
    """x [T, heads, d], weight [heads, d, f] -> [heads, T, f]."""
    return torch.einsum("thd,hdf->htf", x, weight)


def visible(torch, length, window, size, sinks):
    """Two masks [T, T]: keys of the softmax, keys of the linear part."""
    i = torch.arange(length)[:, None]
    j = torch.arange(length)[None, :]
    causal = j <= i
    if window == "none":
        near = torch.zeros_like(causal)
    elif window == "sliding":
        near = causal & (j > i - size)
    else:
        near = causal & (j // size >= i // size - 1)
    if window != "none":
        near = near | (causal & (j < sinks))
    return near, causal & ~near


def hybrid(torch, queries, keys, values, phi_queries, phi_keys, factors, case, size=WINDOW):
    """Outputs [T, heads, d] and attention weights [heads, T, T]."""
    length = queries.shape[0]
    group = queries.shape[1] // keys.shape[1]
    keys, values = (x.repeat_interleave(group, 1) for x in (keys, values))
    near, far = visible(torch, length, case["window"], size, case.get("sinks", 0))
    linear = torch.where(far, torch.einsum("hif,hjf->hij", phi_queries, phi_keys), 0.0)
    if case["window"] == "none":
        weights = linear / (linear.sum(-1, keepdim=True) + LEAST)
    else:
        gamma = torch.sigmoid(factors)[:, None, None]
        linear = linear * ((1 - gamma) if case.get("affine") else 1)
        scores = torch.einsum("ihd,jhd->hij", queries, keys) * queries.shape[-1] ** -0.5
        scores = scores.masked_fill(~near, float("-inf"))
        soft = gamma * torch.exp(scores - scores.amax(-1, keepdim=True))
        weights = (soft + linear) / (soft + linear).sum(-1, keepdim=True)
    return torch.einsum("hij,jhd->ihd", weights, values), weights


def softmax_attention(torch, queries, keys, values):
    length, heads, width = queries.shape
    group = heads // keys.shape[1]
    keys, values = (x.repeat_interleave(group, 1) for x in (keys, values))
    scores = torch.einsum("ihd,jhd->hij", queries, keys) * width**-0.5
    future = torch.ones(length, length, dtype=torch.bool).triu(1)
    weights = torch.softmax(scores.masked_fill(future, float("-inf")), -1)
    return torch.einsum("hij,jhd->ihd", weights, values), weights


def hybrid_case(torch, case, length, seed):
    generator = torch.Generator().manual_seed(seed)

    def draw(*shape, scale=1.0):
        # What is stored, in float32, is what is computed with.
        values = (torch.randn(*shape, generator=generator) * scale).float().double()
        return values.requires_grad_()

    inputs = {
        "queries": draw(length, HEADS, HEAD_DIM, scale=1.3),
        "keys": draw(length, KEY_HEADS, HEAD_DIM, scale=1.3),
        "values": draw(length, KEY_HEADS, HEAD_DIM),
        "query_weight": draw(HEADS, HEAD_DIM, PROJECTION, scale=0.6),
        "key_weight": draw(HEADS, HEAD_DIM, PROJECTION, scale=0.6),
        "window_factors": draw(HEADS),
    }
    softmax = activations(torch)["softmax"]
    group = HEADS // KEY_HEADS
    queries, keys, values = (inputs[name] for name in ("queries", "keys", "values"))
    phi_queries = softmax(project(torch, queries, inputs["query_weight"]))
    phi_keys = softmax(
        project(torch, keys.repeat_interleave(group, 1), inputs["key_weight"])
    )
    output, weights = hybrid(
        torch, queries, keys, values, phi_queries, phi_keys, inputs["window_factors"], case
    )
    with torch.no_grad():
        teacher, teacher_weights = softmax_attention(torch, queries, keys, values)
    error = ((output - teacher) ** 2).mean()
    logarithms = weights.clamp(min=LEAST).log()
    cross_entropy = -(teacher_weights * logarithms).sum(-1).mean()

    golden = inputs | {"output": output, "teacher": teacher}
    golden["losses"] = torch.stack([error, cross_entropy])
    golden |= gradients(torch, 1000 * error, inputs, "gradient.mse.", inputs)
    trained = ("query_weight", "key_weight", "window_factors")
    golden |= gradients(torch, 1000 * error + cross_entropy, inputs, "gradient.both.", trained)
    return {f"{length}.{name}": value for name, value in golden.items()}


def gradients(torch, loss, inputs, prefix, names):
    found = torch.autograd.grad(
        loss, [inputs[name] for name in names], retain_graph=True, allow_unused=True
    )
    return {
        prefix + name: torch.zeros_like(inputs[name]) if gradient is None else gradient
        for name, gradient in zip(names, found)
    }


def feature_maps(torch):
    generator = torch.Generator().manual_seed(7)

    def draw(*shape):
        return torch.randn(*shape, generator=generator).float().double().requires_grad_()

    x, weight = draw(10, HEADS, HEAD_DIM), draw(HEADS, HEAD_DIM, PROJECTION)
    with torch.no_grad():
        weight.mul_(0.7)
        weight.copy_(weight.float())
    feature_bias, head_bias = draw(HEADS, PROJECTION), draw(HEADS, 1)
    golden = dict(input=x, weight=weight, feature_bias=feature_bias, head_bias=head_bias)
    for name, activation in activations(torch).items():
        bias = head_bias if name == "relu" else feature_bias
        u = (project(torch, x, weight) + bias[:, None, :]).transpose(0, 1)
        features = activation(u)
        upstream = torch.randn(*features.shape, generator=generator).float().double()
        found = torch.autograd.grad((features * upstream).sum(), [x, weight, bias])
        golden[f"{name}.features"] = features
        golden[f"{name}.upstream"] = upstream
        for argument, gradient in zip(("input", "weight", "bias"), found):
            golden[f"{name}.gradient.{argument}"] = gradient
    return golden


def main():
    folder = environment.prepare(__doc__, REQUIREMENTS, "Tests/StudentsTests/Goldens")
    import torch
    from safetensors.torch import save_file

    torch.set_num_threads(1)

    def save(name, tensors):
        tensors = {
            key: torch.where(value.abs() < NOISE, 0, value).float().contiguous()
            for key, value in ((key, value.detach()) for key, value in tensors.items())
        }
        save_file(tensors, folder / f"{name}.safetensors")

    save("feature-maps", feature_maps(torch))
    for number, (name, case) in enumerate(CASES.items()):
        golden = {}
        for length in LENGTHS:
            golden |= hybrid_case(torch, case, length, seed=100 * number + length)
        save(f"hybrid-{name}", golden)
    facts = {
        "shape": dict(
            heads=HEADS,
            keyValueHeads=KEY_HEADS,
            headDim=HEAD_DIM,
            projectionDim=PROJECTION,
            windowSize=WINDOW,
            lengths=LENGTHS,
        ),
        "cases": CASES,
    }
    size = environment.write_manifest(folder, __file__, ["torch", "safetensors", "numpy"], facts)
    print(f"{1 + len(CASES)} files, {size:,} bytes in {folder}")


if __name__ == "__main__":
    main()
