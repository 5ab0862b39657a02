#!/usr/bin/env python3
"""Goldens of configurations: what transformers makes of keys that are absent, null, or said twice.

For each family a small configuration and changes of it (null in "removes"), with what transformers
then computes with: sizes of heads, sliding windows, epsilons, the activation, whether the head is tied,
and the rotary frequencies of every kind of layer. In Tests/TransformersTests/Goldens/defaults.json.

usage: defaults.py [--python PYTHON] [--output FOLDER]
"""

import importlib
import json

import environment

REQUIREMENTS = ["torch==2.13.0", "transformers==5.23.0", "numpy==2.4.6"]

BASE = dict(
    vocab_size=97,
    hidden_size=64,
    intermediate_size=40,
    num_hidden_layers=3,
    num_attention_heads=8,
    num_key_value_heads=2,
    head_dim=8,
    max_position_embeddings=64,
    rms_norm_eps=1e-3,
    hidden_act="gelu",
)
LINEAR = {"type": "linear", "factor": 4.0}
LLAMA3 = {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0}
YARN = {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 4096}
FACTORS = {"short_factor": [1.0, 1.1, 1.25, 1.6], "long_factor": [1.2, 2.5, 6.0, 11.0]}
LONGROPE = {"rope_type": "longrope"} | FACTORS
DEFAULT = {"rope_type": "default", "rope_theta": 700.0}

# Every pair is what is set, and what is removed.
ROPE = [
    ({}, []),
    ({"rope_theta": 5000.0}, []),
    ({"rope_parameters": {}}, []),
    ({"rope_parameters": None}, []),
    ({"rope_parameters": {"rope_type": "default"}}, []),
    ({"rope_parameters": {"rope_type": "default"}, "rope_theta": 5000.0}, []),
    ({"rope_parameters": {"rope_theta": 700.0}, "rope_theta": 5000.0}, []),
    ({"rope_parameters": DEFAULT, "rope_scaling": None}, []),
    ({"rope_parameters": DEFAULT, "rope_scaling": {}}, []),
]
SCALED = [
    ({"rope_scaling": LINEAR}, []),
    ({"rope_parameters": DEFAULT, "rope_scaling": LINEAR}, []),
    ({"rope_parameters": DEFAULT, "rope_scaling": LINEAR, "rope_theta": 300.0}, []),
    ({"rope_scaling": LINEAR | {"rope_theta": 900.0}, "rope_theta": 300.0}, []),
    ({"rope_parameters": {"rope_type": "linear", "factor": 3.0}}, []),
    ({"rope_scaling": LINEAR | {"rope_type": "default"}}, []),
    ({"rope_scaling": LLAMA3}, []),
    ({"rope_scaling": LLAMA3 | {"original_max_position_embeddings": 32}}, []),
    ({"rope_scaling": YARN}, []),
    ({"rope_scaling": YARN | {"attention_factor": 1.5, "beta_fast": 8}}, []),
    ({"rope_scaling": {"type": "yarn", "factor": 2.0}}, []),
    ({"rope_scaling": YARN | {"factor": None}, "max_position_embeddings": 8192}, []),
    ({"rope_scaling": YARN | {"mscale": 1.0, "mscale_all_dim": 0.5}}, []),
    ({"rope_scaling": YARN | {"truncate": False}}, []),
    ({"rope_scaling": {"rope_type": "dynamic", "factor": 2.0}}, []),
    ({"rope_scaling": LONGROPE | {"original_max_position_embeddings": 16}}, []),
    ({"rope_scaling": LONGROPE | {"factor": 3.0, "attention_factor": 1.25}}, []),
]
SHAPES = [
    ({}, ["num_key_value_heads"]),
    ({"num_key_value_heads": None}, []),
    ({}, ["head_dim"]),
    ({}, ["rms_norm_eps"]),
    ({}, ["hidden_act"]),
    ({"tie_word_embeddings": True}, []),
    ({"tie_word_embeddings": False}, []),
]
WINDOWS = [({"sliding_window": 5}, []), ({"sliding_window": None}, [])]
TYPES = ["sliding_attention", "full_attention", "full_attention"]
QWEN = [
    ({"use_sliding_window": True}, []),
    ({"use_sliding_window": True, "sliding_window": 5, "max_window_layers": 1}, []),
    ({"use_sliding_window": True, "sliding_window": None}, []),
    ({"use_sliding_window": True, "sliding_window": 5, "layer_types": TYPES}, []),
    ({"use_sliding_window": False, "sliding_window": 5}, []),
    ({"sliding_window": 5}, []),
]
MANY_HEADS = dict(num_attention_heads=32, hidden_size=256)
GEMMA = [({"layer_types": TYPES, "sliding_window": 5}, []), ({"query_pre_attn_scalar": 9}, [])]

FAMILIES = {
    "llama": dict(cases=ROPE + SCALED + SHAPES + [({"sliding_window": 5}, [])]),
    "mistral": dict(base=MANY_HEADS, cases=ROPE + SCALED[:3] + SHAPES + WINDOWS),
    "qwen2": dict(base=MANY_HEADS, cases=ROPE + SCALED + SHAPES + QWEN),
    "qwen3": dict(base=MANY_HEADS, cases=ROPE + SCALED[:3] + SHAPES + QWEN),
    "olmo2": dict(cases=ROPE + SCALED[:3] + SHAPES),
    "smollm3": dict(
        cases=ROPE
        + SCALED[:3]
        + SHAPES
        + [
            ({"use_sliding_window": True, "sliding_window": 5, "no_rope_layer_interval": 2}, []),
            ({"no_rope_layers": [1, 0, 1]}, []),
        ],
        base=dict(pad_token_id=None, bos_token_id=None, eos_token_id=None),
    ),
    "phi3": dict(
        cases=ROPE
        + SHAPES
        + WINDOWS
        + [
            ({"rope_scaling": {"type": kind} | FACTORS}, [])
            for kind in ("longrope", "su", "yarn")
        ]
        + [
            ({"rope_scaling": LONGROPE, "original_max_position_embeddings": 16}, []),
            ({"partial_rotary_factor": 0.5}, []),
        ],
        base=dict(pad_token_id=None, bos_token_id=None, eos_token_id=None),
    ),
    "gemma2": dict(cases=ROPE + SHAPES + GEMMA),
    "gemma3_text": dict(
        cases=ROPE
        + SHAPES
        + GEMMA
        + [
            ({"rope_scaling": LINEAR}, []),
            ({"rope_local_base_freq": 300.0, "rope_theta": 5000.0}, []),
            (
                {
                    "rope_parameters": {
                        "full_attention": {"rope_type": "default", "rope_theta": 700.0},
                        "sliding_attention": {"rope_type": "default"},
                    },
                    "rope_scaling": LINEAR,
                    "rope_local_base_freq": 300.0,
                },
                [],
            ),
        ]
    ),
    "gpt_neox": dict(
        cases=[
            ({}, []),
            ({"rotary_emb_base": 500.0, "rotary_pct": 0.5}, []),
            ({"rope_theta": 500.0}, []),
            ({"rope_parameters": {"rope_type": "default"}, "rotary_pct": 1.0}, []),
            ({"rope_parameters": DEFAULT | {"partial_rotary_factor": 0.5}, "rotary_pct": 1.0}, []),
            ({"rope_parameters": DEFAULT, "rope_scaling": LINEAR, "rotary_emb_base": 300.0}, []),
            ({}, ["hidden_act"]),
            ({"tie_word_embeddings": True}, []),
        ],
        base=dict(num_attention_heads=4),
        removes=["num_key_value_heads", "head_dim"],
    ),
}
FOLDERS = {"gemma3_text": "gemma3"}
NAMES = {"gemma3_text": "Gemma3", "gpt_neox": "GPTNeoX", "smollm3": "SmolLM3"}


def effective(kind, document):
    import torch
    from transformers import AutoConfig

    config = AutoConfig.for_model(kind, **json.loads(json.dumps(document)))
    folder = FOLDERS.get(kind, kind)
    module = importlib.import_module(f"transformers.models.{folder}.modeling_{folder}")
    rotary = getattr(module, f"{NAMES.get(kind, kind.capitalize())}RotaryEmbedding")(config)
    layers = config.num_hidden_layers
    types = getattr(config, "layer_types", None)
    window = getattr(config, "sliding_window", None)
    if types and kind not in ("llama", "mistral", "olmo2"):
        windows = [window if kind == "sliding_attention" else None for kind in types]
    else:
        windows = [window if kind in ("mistral", "phi3") else None] * layers
    tables = []
    for layer in range(layers):
        name = f"{types[layer]}_inv_freq" if kind == "gemma3_text" else "inv_freq"
        rope = getattr(config, "no_rope_layers", None)
        table = None if rope and not rope[layer] else getattr(rotary, name).tolist()
        tables.append(table)
    heads = config.num_attention_heads
    return {
        "keyValueHeads": getattr(config, "num_key_value_heads", None) or heads,
        "headDim": getattr(config, "head_dim", None) or config.hidden_size // heads,
        "activation": getattr(config, "hidden_activation", None) or config.hidden_act,
        "tiesHead": bool(config.tie_word_embeddings),
        "windows": windows,
        "frequencies": tables,
        "amplitude": getattr(
            rotary, "full_attention_attention_scaling", getattr(rotary, "attention_scaling", 1.0)
        ),
    }


def main():
    folder = environment.prepare(__doc__, REQUIREMENTS, "Tests/TransformersTests/Goldens/defaults")
    cases = []
    for kind, family in FAMILIES.items():
        base = {"model_type": kind} | BASE | family.get("base", {})
        for key in family.get("removes", []):
            base.pop(key)
        for sets, removes in family["cases"]:
            document = {key: value for key, value in (base | sets).items() if key not in removes}
            try:
                expected = effective(kind, {k: v for k, v in document.items() if k != "model_type"})
            except Exception as error:  # What transformers refuses is refused here too.
                expected = None
                print(kind, sets, removes, repr(error)[:100])
            cases.append({"configuration": document, "expected": expected})
    (folder / "defaults.json").write_text(json.dumps(cases, indent=1) + "\n")
    environment.write_manifest(folder, __file__, ["torch", "transformers"], {"cases": len(cases)})
    print(f"{len(cases)} configurations in {folder}")


if __name__ == "__main__":
    main()
