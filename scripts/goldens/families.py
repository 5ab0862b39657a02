#!/usr/bin/env python3
"""Goldens of the teacher families: tiny random checkpoints and what transformers makes of them.

For each family, in Tests/TransformersTests/Goldens/NAME:

    config.json                as transformers 5 spells it (`rope_parameters`)
    config.transformers4.json  the same model as transformers 4 spells it (`rope_theta`,
                               `rope_scaling`), where the family has rotary embeddings
    model.safetensors          the weights (or shards and model.safetensors.index.json)
    model.gguf                 the same weights as llama.cpp's converter writes them, where the entry
                               of the family below says how
    golden.safetensors         logits [2, 24, vocabulary], hidden_states.I [2, 24, hidden],
                               attentions.I [2, heads, 24, 24], in float32 by eager attention;
                               of encoders no logits

hidden_states.0 is what enters the first block, hidden_states.I what leaves block I, and the last
one is taken after the final norm. Weights are drawn wide enough that attention is far from
uniform; norms and biases are random too, so that leaving one out shows. The input ids are in
manifest.json. Weights stored in 16 bits were rounded before the forward.

A family that is there already stays as it is, so that adding one changes no other's golden; to make
one anew, remove its folder.

usage: families.py [--python PYTHON] [--output FOLDER]
"""

import json
import math
import shutil

import environment

REQUIREMENTS = [
    "torch==2.13.0",
    "transformers==5.23.0",
    "safetensors==0.8.0",
    "numpy==2.4.6",
    "gguf==0.19.0",
]
LENGTH, VOCABULARY = 24, 97

SHAPE = dict(
    vocab_size=VOCABULARY,
    hidden_size=32,
    intermediate_size=40,
    num_hidden_layers=2,
    num_attention_heads=4,
    max_position_embeddings=64,
)
GROUPED = SHAPE | dict(num_key_value_heads=2)
# Some families have special tokens beyond a tiny vocabulary.
NO_SPECIAL = dict(pad_token_id=None, bos_token_id=0, eos_token_id=0)

LONGROPE = {
    "rope_type": "longrope",
    "rope_theta": 10000.0,
    "short_factor": [1.0, 1.1, 1.25, 1.6],
    "long_factor": [1.2, 2.5, 6.0, 11.0],
}


def phi3_keys(config):
    keys = {
        "rope.dimension_count": config.hidden_size // config.num_attention_heads,
        "rope.freq_base": config.rope_parameters["rope_theta"],
        "rope.scaling.original_context_length": config.original_max_position_embeddings,
        "attention.sliding_window": config.sliding_window or 0,
    }
    if config.rope_parameters["rope_type"] == "longrope":
        ratio = config.max_position_embeddings / config.original_max_position_embeddings
        keys["rope.scaling.attn_factor"] = config.rope_parameters.get("attention_factor") or (
            math.sqrt(1 + math.log(ratio) / math.log(config.original_max_position_embeddings))
        )
    return keys


def phi3_tables(config):
    return {
        f"rope_factors_{kind}.weight": config.rope_parameters[f"{kind}_factor"]
        for kind in ("long", "short")
    }


FAMILIES = {
    "llama": dict(
        kind="Llama",
        settings=GROUPED | dict(tie_word_embeddings=False, rope_theta=10000.0),
        shard_bytes=30_000,
    ),
    "llama-linear-tied": dict(
        kind="Llama",
        settings=GROUPED
        | dict(
            num_key_value_heads=1,
            tie_word_embeddings=True,
            rope_theta=5000.0,
            rope_scaling={"rope_type": "linear", "factor": 2.5},
            rms_norm_eps=1e-5,
        ),
    ),
    "llama-llama3": dict(
        kind="Llama",
        settings=GROUPED
        | dict(
            tie_word_embeddings=False,
            rope_theta=500000.0,
            rope_scaling={
                "rope_type": "llama3",
                "factor": 8.0,
                "low_freq_factor": 1.0,
                "high_freq_factor": 4.0,
                "original_max_position_embeddings": 16,
            },
        ),
        stored="bfloat16",
    ),
    "mistral": dict(
        kind="Mistral",
        settings=GROUPED | dict(tie_word_embeddings=False, sliding_window=8, head_dim=8),
    ),
    "qwen2": dict(
        kind="Qwen2",
        settings=GROUPED | dict(tie_word_embeddings=True, rope_theta=1000000.0),
        stored="float16",
    ),
    "qwen3": dict(
        kind="Qwen3",
        settings=GROUPED | dict(tie_word_embeddings=True, head_dim=16, rope_theta=1000000.0),
    ),
    "gpt2": dict(
        kind="GPT2",
        settings=dict(
            vocab_size=VOCABULARY, n_positions=64, n_embd=32, n_layer=2, n_head=4, n_inner=40
        ),
    ),
    "gpt-neox-parallel": dict(
        kind="GPTNeoX",
        settings=SHAPE
        | dict(num_attention_heads=2, rotary_pct=0.25, use_parallel_residual=True),
    ),
    "gpt-neox-sequential": dict(
        kind="GPTNeoX",
        settings=SHAPE
        | dict(num_attention_heads=2, rotary_pct=0.5, use_parallel_residual=False),
    ),
    # With a pooler, which nothing here uses, and with the head of its pretraining. The gradient of
    # a padding token's embedding would be left out.
    "bert": dict(kind="Bert", model="BertModel", settings=SHAPE | dict(pad_token_id=None)),
    "bert-masked-lm": dict(
        kind="Bert",
        model="BertForMaskedLM",
        settings=SHAPE
        | dict(
            pad_token_id=None, type_vocab_size=1, hidden_act="gelu_new", layer_norm_eps=1e-5
        ),
        stored="float16",
    ),
    "phi3": dict(
        kind="Phi3",
        settings=GROUPED | NO_SPECIAL | dict(sliding_window=8, tie_word_embeddings=False),
        gguf=dict(architecture="phi3", keys=phi3_keys),
    ),
    # Sequences of 24 tokens are short in the first model, and long in the second.
    "phi3-longrope-short": dict(
        kind="Phi3",
        settings=GROUPED
        | NO_SPECIAL
        | dict(
            tie_word_embeddings=False,
            original_max_position_embeddings=32,
            rope_parameters=LONGROPE,
        ),
        stored="float16",
        gguf=dict(architecture="phi3", keys=phi3_keys, tables=phi3_tables),
    ),
    "phi3-longrope-long": dict(
        kind="Phi3",
        settings=GROUPED
        | NO_SPECIAL
        | dict(
            tie_word_embeddings=False,
            original_max_position_embeddings=1,
            rope_parameters=LONGROPE | {"attention_factor": 1.19},
        ),
        gguf=dict(architecture="phi3", keys=phi3_keys, tables=phi3_tables),
    ),
    "gemma2": dict(
        kind="Gemma2",
        settings=GROUPED
        | NO_SPECIAL
        | dict(
            head_dim=8,
            query_pre_attn_scalar=3,
            sliding_window=8,
            attn_logit_softcapping=4.0,
            final_logit_softcapping=4.0,
        ),
        norm_offset=1.0,
    ),
    "gemma2-head-scale": dict(
        kind="Gemma2",
        settings=GROUPED
        | NO_SPECIAL
        | dict(head_dim=16, query_pre_attn_scalar=16, sliding_window=5, hidden_size=24),
        stored="bfloat16",
        norm_offset=1.0,
        gguf=dict(
            architecture="gemma2",
            keys=lambda config: {
                "attention.key_length": config.head_dim,
                "attention.value_length": config.head_dim,
                "attn_logit_softcapping": config.attn_logit_softcapping,
                "final_logit_softcapping": config.final_logit_softcapping,
                "attention.sliding_window": config.sliding_window,
            },
        ),
    ),
    # One layer of six sees all keys.
    "gemma3": dict(
        kind="Gemma3Text",
        model="Gemma3ForCausalLM",
        settings=GROUPED
        | NO_SPECIAL
        | dict(
            num_hidden_layers=6,
            head_dim=8,
            query_pre_attn_scalar=8,
            sliding_window=8,
            rope_parameters={
                "full_attention": {
                    "rope_type": "linear",
                    "factor": 8.0,
                    "rope_theta": 1000000.0,
                },
                "sliding_attention": {"rope_type": "default", "rope_theta": 10000.0},
            },
        ),
        norm_offset=1.0,
        gguf=dict(
            architecture="gemma3",
            keys=lambda config: {
                "attention.key_length": config.head_dim,
                "attention.value_length": config.head_dim,
                "attention.sliding_window": config.sliding_window,
                "rope.freq_base": config.rope_parameters["full_attention"]["rope_theta"],
                "rope.scaling.type": "linear",
                "rope.scaling.factor": config.rope_parameters["full_attention"]["factor"],
            },
        ),
    ),
    "olmo2": dict(
        kind="Olmo2",
        settings=GROUPED | NO_SPECIAL | dict(tie_word_embeddings=False, rope_theta=500000.0),
        gguf=dict(architecture="olmo2", keys=lambda config: {"rope.freq_base": 500000.0}),
    ),
    # The last of four layers knows no positions.
    "smollm3": dict(
        kind="SmolLM3",
        settings=GROUPED | NO_SPECIAL | dict(num_hidden_layers=4, rope_theta=2000000.0),
        gguf=dict(
            architecture="smollm3",
            keys=lambda config: {"rope.freq_base": 2000000.0},
            permutes=True,
        ),
    ),
    # As Qwen 2.5 and 3 are published for long contexts.
    "qwen3-yarn": dict(
        kind="Qwen3",
        settings=GROUPED
        | dict(
            tie_word_embeddings=True,
            head_dim=16,
            rope_parameters={
                "rope_type": "yarn",
                "rope_theta": 1000000.0,
                "factor": 4.0,
                "original_max_position_embeddings": 32768,
            },
        ),
    ),
    "llama-yarn": dict(
        kind="Llama",
        settings=GROUPED
        | dict(
            tie_word_embeddings=False,
            rope_parameters={
                "rope_type": "yarn",
                "rope_theta": 10000.0,
                "factor": 2.5,
                "original_max_position_embeddings": 26,
                "beta_fast": 4.0,
                "beta_slow": 0.25,
            },
        ),
        gguf=dict(
            architecture="llama",
            keys=lambda config: {
                "rope.freq_base": 10000.0,
                "rope.scaling.type": "yarn",
                "rope.scaling.factor": 2.5,
                "rope.scaling.original_context_length": 26,
                "rope.scaling.yarn_beta_fast": 4.0,
                "rope.scaling.yarn_beta_slow": 0.25,
            },
            permutes=True,
        ),
    ),
    "llama-yarn-scales": dict(
        kind="Llama",
        settings=GROUPED
        | dict(
            tie_word_embeddings=False,
            rope_parameters={
                "rope_type": "yarn",
                "rope_theta": 10000.0,
                "factor": 40.0,
                "original_max_position_embeddings": 64,
                "mscale": 1.5,
                "mscale_all_dim": 0.7,
                "truncate": False,
                "beta_fast": 3.0,
            },
        ),
    ),
    # Sequences of 24 tokens are longer than the first training's, and shorter.
    "llama-dynamic-long": dict(
        kind="Llama",
        settings=GROUPED
        | dict(
            tie_word_embeddings=False,
            max_position_embeddings=10,
            rope_parameters={"rope_type": "dynamic", "rope_theta": 10000.0, "factor": 3.0},
        ),
    ),
    "llama-dynamic-short": dict(
        kind="Llama",
        settings=GROUPED
        | dict(
            tie_word_embeddings=False,
            rope_parameters={"rope_type": "dynamic", "rope_theta": 5000.0, "factor": 3.0},
        ),
    ),
    "llama-longrope": dict(
        kind="Llama",
        settings=GROUPED
        | dict(
            tie_word_embeddings=False,
            rope_parameters=LONGROPE
            | {"factor": 6.0, "original_max_position_embeddings": 12},
        ),
    ),
}


def main():
    folder = environment.prepare(__doc__, REQUIREMENTS, "Tests/TransformersTests/Goldens")
    import torch

    torch.set_num_threads(1)
    manifest = folder / "manifest.json"
    known = json.loads(manifest.read_text())["families"] if manifest.exists() else {}
    facts = {}
    for number, (name, family) in enumerate(FAMILIES.items()):
        if name in known and (folder / name).exists():
            facts[name] = known[name]
            continue
        shutil.rmtree(folder / name, ignore_errors=True)
        facts[name] = make(torch, folder / name, family, seed=1000 + number)
    size = environment.write_manifest(
        folder,
        __file__,
        ["torch", "transformers", "safetensors", "numpy", "gguf"],
        {"families": facts},
    )
    print(f"{len(FAMILIES)} families, {size:,} bytes in {folder}")


def make(torch, folder, family, seed):
    import transformers

    torch.manual_seed(seed)
    kind = family["kind"]
    config = getattr(transformers, f"{kind}Config")(
        **family["settings"],
        attention_dropout=0.0,
        **({"bos_token_id": 0, "eos_token_id": 0} if kind in ("GPT2", "GPTNeoX") else {}),
    )
    name = family.get("model", "GPT2LMHeadModel" if kind == "GPT2" else f"{kind}ForCausalLM")
    model = getattr(transformers, name)._from_config(config, attn_implementation="eager")
    randomise(torch, model, norm=1.0 - family.get("norm_offset", 0.0))
    model = model.to(getattr(torch, family.get("stored", "float32")))
    model.save_pretrained(folder, max_shard_size=family.get("shard_bytes", 10_000_000))
    (folder / "generation_config.json").unlink(missing_ok=True)
    older_spelling(folder)

    if "gguf" in family:
        offset = family.get("norm_offset", 0.0)
        write_gguf(folder / "model.gguf", model, norm_offset=offset, **family["gguf"])

    ids = torch.randint(0, VOCABULARY, (2, LENGTH))
    # Loaded again rather than widened: the cast to 16 bits rounded the rotary frequencies as well,
    # which a reader of the folder computes in float32.
    model = getattr(transformers, name).from_pretrained(
        folder, dtype=torch.float32, attn_implementation="eager"
    ).eval()
    if kind == "Bert":
        model = getattr(model, "bert", model)
    with torch.no_grad():
        out = model(
            ids,
            output_hidden_states=True,
            output_attentions=True,
            **({} if kind == "Bert" else {"use_cache": False}),
        )
    golden = {} if kind == "Bert" else {"logits": out.logits}
    golden |= {f"hidden_states.{i}": value for i, value in enumerate(out.hidden_states)}
    golden |= {f"attentions.{i}": value for i, value in enumerate(out.attentions)}
    from safetensors.torch import save_file

    golden = {key: value.contiguous() for key, value in golden.items()}
    save_file(golden, folder / "golden.safetensors")

    spread = out.attentions[-1][:, :, LENGTH - 1].max(-1).values.mean().item()
    deviation = (out.hidden_states[-1] if kind == "Bert" else out.logits).std().item()
    assert 0.2 < spread < 0.999 and 0.3 < deviation < 30, (folder.name, spread, deviation)
    return {
        "inputIDs": ids.tolist(),
        "class": name,
        "storedAs": family.get("stored", "float32"),
        "deviation" if kind == "Bert" else "logitsDeviation": round(deviation, 3),
        "meanLargestAttention": round(spread, 3),
    }


def randomise(torch, model, norm):
    for name, parameter in model.named_parameters():
        with torch.no_grad():
            if parameter.ndim == 1:
                parameter.normal_(0.0, 0.3)
                if name.endswith("weight"):
                    # Norms of queries and keys set how sharp attention is.
                    sharpness = 1.0 if "q_norm" in name or "k_norm" in name else 0.0
                    parameter.add_(norm + sharpness)
            elif "wpe" in name or "wte" in name or "embed" in name:
                parameter.normal_(0.0, 0.5)
            else:
                parameter.normal_(0.0, 0.3)


def write_gguf(path, model, architecture, keys=None, permutes=False, norm_offset=0.0, tables=None):
    """What llama.cpp's converter makes of a model of Llama's shape.

    keys and tables are functions of the configuration: what the architecture has beside the common
    keys, and tensors beside the weights. With permutes, rows of queries and keys are put in the order
    of a rotation of neighbours; norm_offset is what norms' weights are stored with.
    """
    import gguf
    import numpy

    config, count = model.config, model.config.num_hidden_layers
    heads, shared = config.num_attention_heads, config.num_key_value_heads
    names = gguf.get_tensor_name_map(gguf.MODEL_ARCH[architecture.upper()], count)
    writer = gguf.GGUFWriter(path, architecture)
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_block_count(count)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(heads)
    writer.add_head_count_kv(shared)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    for key, value in (keys(config) if keys else {}).items():
        add = writer.add_string if isinstance(value, str) else writer.add_float32
        add = writer.add_uint32 if isinstance(value, int) else add
        add(f"{architecture}.{key}", value)
    for name, tensor in (tables(config) if tables else {}).items():
        writer.add_tensor(name, numpy.array(tensor, dtype=numpy.float32))
    for name, tensor in model.state_dict().items():
        if name == "lm_head.weight" and config.tie_word_embeddings:
            continue
        data = tensor.float().numpy()
        if name.endswith("norm.weight"):
            data = data + norm_offset
        for part, among in (("q_proj", heads), ("k_proj", shared)):
            if permutes and part in name:
                halves = data.reshape(among, 2, -1, *data.shape[1:])
                data = halves.swapaxes(1, 2).reshape(data.shape)
        writer.add_tensor(names.get_name(name, try_suffixes=(".weight", ".bias")), data)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def older_spelling(folder):
    """The same configuration as transformers 4 wrote it, which most published folders have."""
    config = json.loads((folder / "config.json").read_text())
    parameters = config.pop("rope_parameters", None)
    if parameters is None:
        return
    if "full_attention" in parameters:
        config["rope_local_base_freq"] = parameters["sliding_attention"]["rope_theta"]
        parameters = parameters["full_attention"]
    partial = parameters.pop("partial_rotary_factor", None)
    theta = parameters.pop("rope_theta")
    scaling = None if parameters.get("rope_type") == "default" else parameters
    if config["model_type"] == "gpt_neox":
        config |= {"rotary_emb_base": theta, "rotary_pct": partial, "rope_scaling": scaling}
    else:
        config |= {"rope_theta": theta, "rope_scaling": scaling}
    config["torch_dtype"] = config.pop("dtype", "float32")
    config.pop("layer_types", None)
    config.pop("_sliding_window_pattern", None)
    config["transformers_version"] = "4.43.4"
    path = folder / "config.transformers4.json"
    path.write_text(json.dumps(dict(sorted(config.items())), indent=2) + "\n")


if __name__ == "__main__":
    main()
