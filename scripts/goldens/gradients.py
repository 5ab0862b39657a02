#!/usr/bin/env python3
"""Goldens of training whole teachers: gradients of the next-token loss, as autograd has them.

Reads the checkpoints of families.py and writes, for each, NAME.safetensors to
Tests/TransformersTests/Goldens/gradients:

    loss    [1], mean next-token cross-entropy over both sequences of its manifest; of encoders
            the mean of cos(I) times element I of the last hidden states in row-major order
    TENSOR  gradient of that mean for the checkpoint's tensor of this name: of its elements in
            row-major order every STEP-th, STEP = ceil(count / 256)

A family that is there already stays as it is; to make one anew, remove its file. Computed in float64 (norms and rotary tables of transformers round to float32 inside), stored as
float32.

usage: gradients.py [--python PYTHON] [--output FOLDER]
"""

import json

import environment

REQUIREMENTS = ["torch==2.13.0", "transformers==5.23.0", "safetensors==0.8.0", "numpy==2.4.6"]
FAMILIES = environment.ROOT / "Tests/TransformersTests/Goldens"
ELEMENTS = 256


def main():
    folder = environment.prepare(
        __doc__, REQUIREMENTS, "Tests/TransformersTests/Goldens/gradients"
    )
    import torch

    torch.set_num_threads(1)
    families = json.loads((FAMILIES / "manifest.json").read_text())["families"]
    for name, facts in families.items():
        if not (folder / f"{name}.safetensors").exists():
            make(torch, folder / f"{name}.safetensors", name, facts)
    size = environment.write_manifest(
        folder, __file__, ["torch", "transformers", "safetensors", "numpy"], {}
    )
    print(f"{len(families)} families, {size:,} bytes in {folder}")


def make(torch, path, name, facts):
    import transformers
    from safetensors.torch import save_file

    kind = getattr(transformers, facts["class"])
    model = kind.from_pretrained(
        FAMILIES / name, dtype=torch.float32, attn_implementation="eager"
    )
    model = model.double().eval()
    ids = torch.tensor(facts["inputIDs"])
    if facts["class"].startswith("Bert"):
        hidden = getattr(model, "bert", model)(ids).last_hidden_state.flatten()
        loss = (hidden * torch.arange(hidden.numel(), dtype=hidden.dtype).cos()).mean()
    else:
        logits = model(ids, use_cache=False).logits[:, :-1]
        loss = torch.nn.functional.cross_entropy(
            logits.reshape(-1, logits.shape[-1]), ids[:, 1:].reshape(-1)
        )
    loss.backward()
    golden = {"loss": loss.detach().reshape(1).float()}
    for tensor, parameter in model.named_parameters():
        if facts["class"].startswith("GPTNeoX"):
            # transformers 5 renamed the module, not the checkpoint's tensor.
            tensor = tensor.replace("lm_head", "embed_out")
        if parameter.grad is None:
            # Poolers and heads of pretraining, which an encoder of texts has no use for.
            continue
        step = -(-parameter.numel() // ELEMENTS)
        golden[tensor] = parameter.grad.flatten()[::step].float().contiguous()
    save_file(golden, path)


if __name__ == "__main__":
    main()
