"""Goldens of the checkpoint readers, made by gguf, safetensors and numpy.

widening/: blocks of every stored type as gguf quantises them (random ones where it only
dequantises), each beside the floats that gguf makes of them.
gguf/: a tiny model of every architecture, converted as llama.cpp converts the Hugging Face model,
and beside it that model's own tensors.
safetensors/: files of the reference writer.
"""

import json
import math

from environment import prepare, write_manifest

OUTPUT = prepare(
    __doc__,
    ["gguf==0.19.0", "safetensors==0.8.0", "numpy"],
    "Tests/CheckpointsTests/Goldens",
)

import gguf
import numpy as np
from gguf.quants import dequantize, quantize
from safetensors.numpy import save_file

Type = gguf.GGMLQuantizationType


def widening(folder):
    folder.mkdir(exist_ok=True)
    generator = np.random.default_rng(1)
    values = (generator.standard_normal((4, 512)) * np.geomspace(1e-3, 30, 4)[:, None]).astype(
        np.float32
    )
    values[0, :32] = 0  # a block whose scale is zero
    values[1, :32] = -1.5  # a block whose range is zero
    for name in ["F32", "F16", "BF16", "Q8_0", "Q4_0", "Q4_1", "Q5_0", "Q5_1"]:
        kind = Type[name]
        blocks = np.frombuffer(np.ascontiguousarray(quantize(values, kind)).tobytes(), np.uint8)
        save(folder, name, blocks, dequantize(blocks, kind))
    # gguf has no quantiser for these: any bytes are a block once the scales are numbers.
    for name, scales in [
        ("Q4_K", [0, 2]),
        ("Q5_K", [0, 2]),
        ("Q6_K", [208]),
        ("Q2_K", [80, 82]),
        ("Q3_K", [108]),
        ("IQ4_NL", [0]),
        ("IQ4_XS", [0]),
    ]:
        kind = Type[name]
        length, size = gguf.GGML_QUANT_SIZES[kind]
        count = 2048 // length
        blocks = generator.integers(0, 256, (count, size), dtype=np.uint8)
        for offset in scales:
            halves = generator.uniform(-0.05, 0.05, count).astype(np.float16)
            halves[0] = np.float16(3e-7)  # subnormal
            blocks[:, offset : offset + 2] = halves.view(np.uint8).reshape(count, 2)
        save(folder, name, blocks.reshape(-1), dequantize(blocks.reshape(-1), kind))


def save(folder, name, blocks, floats):
    (folder / f"{name}.blocks").write_bytes(blocks.tobytes())
    (folder / f"{name}.floats").write_bytes(floats.astype("<f4").tobytes())


def random_model(shapes, seed):
    generator = np.random.default_rng(seed)
    return {
        name: generator.standard_normal(shape).astype(np.float32) * np.float32(0.1)
        for name, shape in shapes.items()
    }


def permuted(weights, heads):
    """llama.cpp's order of query and key rows: its rotary embedding pairs neighbours."""
    return (
        weights.reshape(heads, 2, weights.shape[0] // heads // 2, *weights.shape[1:])
        .swapaxes(1, 2)
        .reshape(weights.shape)
    )


def convert(folder, architecture, model, names, keys, transform, quantized=()):
    """Writes <architecture>.gguf and <architecture>.safetensors, the latter as dequantised."""
    writer = gguf.GGUFWriter(folder / f"{architecture}.gguf", architecture)
    for add, key, value in keys:
        getattr(writer, f"add_{add}")(f"{architecture}.{key}", value)
    writer.add_uint32("tokenizer.ggml.bos_token_id", 1)
    writer.add_uint32("tokenizer.ggml.eos_token_id", 2)
    writer.add_string("tokenizer.ggml.model", "gpt2")
    writer.add_array("tokenizer.ggml.tokens", ["a", "b", "é"])
    expected = {}
    for hugging_face, tensor in model.items():
        name = hugging_face
        for old, new in names:
            name = name.replace(old, new)
        stored = np.ascontiguousarray(transform(hugging_face, tensor))
        expected[hugging_face] = tensor
        if name in quantized:
            kind = Type[quantized[name]]
            blocks = quantize(stored, kind)
            writer.add_tensor(name, blocks, raw_dtype=kind)
            # The same blocks, one row each, in the order of the original.
            rows = dequantize(blocks, kind)
            order = transform(hugging_face, np.arange(len(stored)))
            expected[hugging_face] = np.empty_like(rows)
            expected[hugging_face][order] = rows
        else:
            writer.add_tensor(name, stored)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    save_file(expected, folder / f"{architecture}.safetensors")


def llama_like(architecture, folder, seed):
    hidden, heads, key_value, head_dim, inner, vocabulary = 32, 4, 2, 8, 64, 24
    if architecture == "qwen3":
        head_dim = 16
    shapes = {"model.embed_tokens.weight": (vocabulary, hidden), "model.norm.weight": (hidden,)}
    if architecture != "qwen2":
        shapes["lm_head.weight"] = (vocabulary, hidden)
    for layer in range(2):
        p = f"model.layers.{layer}"
        for role, outputs in [("q", heads), ("k", key_value), ("v", key_value)]:
            shapes[f"{p}.self_attn.{role}_proj.weight"] = (outputs * head_dim, hidden)
            if architecture == "qwen2" or (architecture == "llama" and layer == 0):
                shapes[f"{p}.self_attn.{role}_proj.bias"] = (outputs * head_dim,)
        shapes[f"{p}.self_attn.o_proj.weight"] = (hidden, heads * head_dim)
        if architecture == "qwen3":
            shapes[f"{p}.self_attn.q_norm.weight"] = (head_dim,)
            shapes[f"{p}.self_attn.k_norm.weight"] = (head_dim,)
        shapes[f"{p}.mlp.gate_proj.weight"] = (inner, hidden)
        shapes[f"{p}.mlp.up_proj.weight"] = (inner, hidden)
        shapes[f"{p}.mlp.down_proj.weight"] = (hidden, inner)
        shapes[f"{p}.input_layernorm.weight"] = (hidden,)
        shapes[f"{p}.post_attention_layernorm.weight"] = (hidden,)
    names = [
        ("model.embed_tokens", "token_embd"),
        ("model.norm", "output_norm"),
        ("lm_head", "output"),
        ("model.layers", "blk"),
        ("self_attn.q_norm", "attn_q_norm"),
        ("self_attn.k_norm", "attn_k_norm"),
        ("self_attn.q_proj", "attn_q"),
        ("self_attn.k_proj", "attn_k"),
        ("self_attn.v_proj", "attn_v"),
        ("self_attn.o_proj", "attn_output"),
        ("mlp.gate_proj", "ffn_gate"),
        ("mlp.up_proj", "ffn_up"),
        ("mlp.down_proj", "ffn_down"),
        ("input_layernorm", "attn_norm"),
        ("post_attention_layernorm", "ffn_norm"),
    ]
    keys = [
        ("uint32", "block_count", 2),
        ("uint32", "context_length", 128),
        ("uint32", "embedding_length", hidden),
        ("uint32", "feed_forward_length", inner),
        ("uint32", "attention.head_count", heads),
        ("uint32", "attention.head_count_kv", key_value),
        ("float32", "attention.layer_norm_rms_epsilon", 1e-5),
        ("float32", "rope.freq_base", 100000.0),
    ]
    if architecture == "llama":
        keys.append(("uint32", "rope.dimension_count", head_dim))
    if architecture == "qwen3":
        keys.append(("uint32", "attention.key_length", head_dim))
        keys.append(("uint32", "attention.value_length", head_dim))

    def transform(name, tensor):
        if architecture == "llama" and ".q_proj." in name:
            return permuted(tensor, heads)
        if architecture == "llama" and ".k_proj." in name:
            return permuted(tensor, key_value)
        return tensor

    quantized = (
        {"blk.1.attn_q.weight": "Q8_0", "blk.1.attn_k.weight": "Q4_1", "blk.1.ffn_up.weight": "Q5_0"}
        if architecture == "llama"
        else {}
    )
    convert(
        folder, architecture, random_model(shapes, seed), names, keys, transform, quantized
    )


def gpt2(folder):
    hidden, vocabulary, positions = 32, 24, 16
    shapes = {
        "transformer.wte.weight": (vocabulary, hidden),
        "transformer.wpe.weight": (positions, hidden),
        "transformer.ln_f.weight": (hidden,),
        "transformer.ln_f.bias": (hidden,),
    }
    p = "transformer.h.0"
    for norm in ["ln_1", "ln_2"]:
        shapes[f"{p}.{norm}.weight"] = (hidden,)
        shapes[f"{p}.{norm}.bias"] = (hidden,)
    for name, inputs, outputs in [
        ("attn.c_attn", hidden, 3 * hidden),
        ("attn.c_proj", hidden, hidden),
        ("mlp.c_fc", hidden, 4 * hidden),
        ("mlp.c_proj", 4 * hidden, hidden),
    ]:
        shapes[f"{p}.{name}.weight"] = (inputs, outputs)
        shapes[f"{p}.{name}.bias"] = (outputs,)
    names = [
        ("transformer.wte", "token_embd"),
        ("transformer.wpe", "position_embd"),
        ("transformer.ln_f", "output_norm"),
        ("transformer.h", "blk"),
        ("attn.c_attn", "attn_qkv"),
        ("attn.c_proj", "attn_output"),
        ("mlp.c_fc", "ffn_up"),
        ("mlp.c_proj", "ffn_down"),
        ("ln_1", "attn_norm"),
        ("ln_2", "ffn_norm"),
    ]
    keys = [
        ("uint32", "block_count", 1),
        ("uint32", "context_length", positions),
        ("uint32", "embedding_length", hidden),
        ("uint32", "feed_forward_length", 4 * hidden),
        ("uint32", "attention.head_count", 4),
        ("float32", "attention.layer_norm_epsilon", 1e-5),
    ]

    def transform(name, tensor):
        return tensor.T if ".c_" in name and name.endswith(".weight") else tensor

    convert(folder, "gpt2", random_model(shapes, 5), names, keys, transform)


def gpt_neox(folder):
    hidden, heads, vocabulary = 32, 4, 24
    shapes = {
        "gpt_neox.embed_in.weight": (vocabulary, hidden),
        "embed_out.weight": (vocabulary, hidden),
        "gpt_neox.final_layer_norm.weight": (hidden,),
        "gpt_neox.final_layer_norm.bias": (hidden,),
    }
    p = "gpt_neox.layers.0"
    for norm in ["input_layernorm", "post_attention_layernorm"]:
        shapes[f"{p}.{norm}.weight"] = (hidden,)
        shapes[f"{p}.{norm}.bias"] = (hidden,)
    for name, outputs, inputs in [
        ("attention.query_key_value", 3 * hidden, hidden),
        ("attention.dense", hidden, hidden),
        ("mlp.dense_h_to_4h", 4 * hidden, hidden),
        ("mlp.dense_4h_to_h", hidden, 4 * hidden),
    ]:
        shapes[f"{p}.{name}.weight"] = (outputs, inputs)
        shapes[f"{p}.{name}.bias"] = (outputs,)
    names = [
        ("gpt_neox.embed_in", "token_embd"),
        ("embed_out", "output"),
        ("gpt_neox.final_layer_norm", "output_norm"),
        ("gpt_neox.layers", "blk"),
        ("attention.query_key_value", "attn_qkv"),
        ("attention.dense", "attn_output"),
        ("mlp.dense_h_to_4h", "ffn_up"),
        ("mlp.dense_4h_to_h", "ffn_down"),
        ("input_layernorm", "attn_norm"),
        ("post_attention_layernorm", "ffn_norm"),
    ]
    keys = [
        ("uint32", "block_count", 1),
        ("uint32", "context_length", 64),
        ("uint32", "embedding_length", hidden),
        ("uint32", "feed_forward_length", 4 * hidden),
        ("uint32", "rope.dimension_count", 2),
        ("uint32", "attention.head_count", heads),
        ("bool", "use_parallel_residual", True),
        ("float32", "attention.layer_norm_epsilon", 1e-5),
    ]

    def transform(name, tensor):
        if "query_key_value" not in name:
            return tensor
        # From head by head to all queries, all keys, all values.
        parts = tensor.reshape(heads, 3, hidden // heads, *tensor.shape[1:])
        return np.concatenate([parts[:, i].reshape(-1, *tensor.shape[1:]) for i in range(3)])

    convert(folder, "gptneox", random_model(shapes, 6), names, keys, transform)


def rope_factors(folder):
    """The divisors of the rotary frequencies that llama.cpp computes from a llama3 scaling."""
    cases = []
    for head_dim, theta, factor, low, high, original in [
        (64, 500000.0, 32.0, 1.0, 4.0, 8192),
        (128, 500000.0, 8.0, 1.0, 4.0, 8192),
    ]:
        factors = []
        for frequency in 1 / theta ** (np.arange(0, head_dim, 2, dtype=np.float64) / head_dim):
            wavelength = 2 * math.pi / frequency
            if wavelength < original / high:
                factors.append(1.0)
            elif wavelength > original / low:
                factors.append(factor)
            else:
                smooth = (original / wavelength - low) / (high - low)
                factors.append(1 / ((1 - smooth) / factor + smooth))
        cases.append(
            {
                "head_dim": head_dim,
                "rope_theta": theta,
                "factor": factor,
                "low_freq_factor": low,
                "high_freq_factor": high,
                "original_max_position_embeddings": original,
                "factors": [float(np.float32(f)) for f in factors],
            }
        )
    (folder / "rope-factors.json").write_text(json.dumps(cases) + "\n")


def safetensors_files(folder):
    folder.mkdir(exist_ok=True)
    generator = np.random.default_rng(9)
    save_file(
        {
            "float32": generator.standard_normal((3, 5)).astype(np.float32),
            "float16": generator.standard_normal((2, 7)).astype(np.float16),
            "float64": generator.standard_normal(4),
            "int64": np.arange(6).reshape(2, 3),
            "bool": np.array([True, False, True]),
            "uint8": np.arange(5, dtype=np.uint8),
            "scalar": np.array(2.5, np.float32),
            "empty": np.zeros((0, 4), np.float32),
        },
        folder / "types.safetensors",
        metadata={"format": "pt", "note": "é"},
    )


widening(OUTPUT / "widening")
(OUTPUT / "gguf").mkdir(exist_ok=True)
llama_like("llama", OUTPUT / "gguf", 2)
llama_like("qwen2", OUTPUT / "gguf", 3)
llama_like("qwen3", OUTPUT / "gguf", 4)
gpt2(OUTPUT / "gguf")
gpt_neox(OUTPUT / "gguf")
rope_factors(OUTPUT / "gguf")
safetensors_files(OUTPUT / "safetensors")
size = write_manifest(OUTPUT, __file__, ["gguf", "safetensors", "numpy"], {})
print(f"{size} bytes in {OUTPUT}")
