"""Goldens of packed checkpoints: random integers and scales, packed as the tools' own code packs
them, beside the weights that their formulas give of the integers. Nothing here unpacks.

GPTQ (AutoGPTQ, qlinear_cuda.py, pack) and AWQ (AutoAWQ, gemm.py, from_linear):
weight = scale * (integer - zero point). FP8: weight = number * scale, the number by the definition of
E4M3 in "FP8 Formats for Deep Learning" (arXiv 2209.05433), with which DeepSeek-V3 multiplies blocks of
128 by 128 (`weight_scale_inv`).
"""

import json

from environment import prepare, write_manifest

OUTPUT = prepare(__doc__, ["numpy"], "Tests/CheckpointsTests/Goldens/quantized")

import numpy as np

# AutoAWQ packs output 8c + AWQ_ORDER[i] as the i-th four bits of word c.
AWQ_ORDER = [0, 2, 4, 6, 1, 3, 5, 7]


def save(path, tensors):
    """A safetensors file; numpy has no floats of eight bits, so types are given by name."""
    header, data = {}, b""
    for name, (kind, array) in tensors.items():
        raw = np.ascontiguousarray(array).tobytes()
        header[name] = {
            "dtype": kind,
            "shape": list(array.shape),
            "data_offsets": [len(data), len(data) + len(raw)],
        }
        data += raw
    text = json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + data)


def model(name, settings, tensors, expected):
    folder = OUTPUT / name
    folder.mkdir(exist_ok=True)
    # What is not packed is read as it is.
    plain = np.arange(6, dtype=np.float32).reshape(2, 3)
    configuration = {"model_type": "llama", "quantization_config": settings}
    (folder / "config.json").write_text(json.dumps(configuration, indent=1) + "\n")
    save(folder / "model.safetensors", tensors | {"norm.weight": ("F32", plain)})
    floats = {weight: ("F32", array.astype(np.float32)) for weight, array in expected.items()}
    save(folder / "expected.safetensors", floats | {"norm.weight": ("F32", plain)})


def draw(generator, inputs, outputs, groups, lowest_zero=0):
    integers = generator.integers(0, 16, (outputs, inputs))
    zeros = generator.integers(lowest_zero, 16, (groups, outputs))
    scales = generator.uniform(-0.05, 0.05, (groups, outputs)).astype(np.float16)
    return integers, zeros, scales


def weights(integers, zeros, scales, group_of):
    outputs, inputs = integers.shape
    result = np.zeros((outputs, inputs), np.float32)
    for output in range(outputs):
        for i in range(inputs):
            group = group_of[i]
            difference = int(integers[output, i]) - int(zeros[group, output])
            result[output, i] = np.float32(scales[group, output]) * np.float32(difference)
    return result


def words(integers, order):
    """Eight integers along the last axis to a word, the order[i]-th as its i-th four bits."""
    packed = np.zeros((integers.shape[0], integers.shape[1] // 8), np.uint32)
    for column in range(packed.shape[1]):
        for i in range(8):
            packed[:, column] |= integers[:, 8 * column + order[i]].astype(np.uint32) << (4 * i)
    return packed.view(np.int32)


def gptq(name, seed, settings, inputs, outputs, group_size, shuffled=False, stores=True):
    generator = np.random.default_rng(seed)
    size = inputs if group_size == -1 else group_size
    groups = -(-inputs // size)
    tensors, expected = {}, {}
    for layer in ["model.a", "model.b"]:
        integers, zeros, scales = draw(generator, inputs, outputs, groups)
        group_of = np.arange(inputs, dtype=np.int32) // size
        if shuffled:
            generator.shuffle(group_of)
        # The first version stores zero points less one, in four bits.
        stored = zeros if settings.get("checkpoint_format") == "gptq_v2" else (zeros - 1) & 15
        tensors[f"{layer}.qweight"] = ("I32", words(integers, range(8)).T)
        tensors[f"{layer}.qzeros"] = ("I32", words(stored, range(8)))
        tensors[f"{layer}.scales"] = ("F16", scales)
        if stores:
            tensors[f"{layer}.g_idx"] = ("I32", group_of)
        tensors[f"{layer}.bias"] = ("F16", scales[0])
        expected[f"{layer}.weight"] = weights(integers, zeros, scales, group_of)
        expected[f"{layer}.bias"] = scales[0]
    settings = {"quant_method": "gptq", "bits": 4, "group_size": group_size} | settings
    model(name, settings, tensors, expected)


def awq(seed):
    generator = np.random.default_rng(seed)
    inputs, outputs, size = 96, 40, 32
    integers, zeros, scales = draw(generator, inputs, outputs, inputs // size)
    tensors = {
        "model.a.qweight": ("I32", words(integers.T, AWQ_ORDER)),
        "model.a.qzeros": ("I32", words(zeros, AWQ_ORDER)),
        "model.a.scales": ("F16", scales),
    }
    group_of = np.arange(inputs) // size
    settings = {"quant_method": "awq", "bits": 4, "group_size": size, "version": "gemm"}
    model(
        "awq",
        settings | {"zero_point": True, "modules_to_not_convert": None},
        tensors,
        {"model.a.weight": weights(integers, zeros, scales, group_of)},
    )


def e4m3(byte):
    sign = -1.0 if byte & 0x80 else 1.0
    exponent, mantissa = (byte >> 3) & 15, byte & 7
    if exponent == 0:
        return sign * 2.0**-6 * (mantissa / 8)
    return sign * 2.0 ** (exponent - 7) * (1 + mantissa / 8)


def fp8(name, seed, settings, shape, scale_name, scale_shape, block, kind="F32"):
    generator = np.random.default_rng(seed)
    rows, columns = shape
    # Every number but the two that are none.
    numbers = np.array([byte for byte in range(256) if byte & 127 != 127], np.uint8)
    stored = np.resize(generator.permutation(numbers), shape)
    scales = generator.uniform(0.001, 0.02, scale_shape).astype(np.float32)
    if kind == "BF16":
        scales = (scales.view(np.uint32) & 0xFFFF0000).view(np.float32)
    grid = scales.reshape(-(-rows // block[0]), -(-columns // block[1]))
    result = np.zeros(shape, np.float32)
    for row in range(rows):
        for column in range(columns):
            scale = grid[row // block[0], column // block[1]]
            result[row, column] = np.float32(e4m3(int(stored[row, column]))) * scale
    kept = scales if kind == "F32" else (scales.view(np.uint32) >> 16).astype(np.uint16)
    tensors = {
        "model.a.weight": ("F8_E4M3", stored),
        f"model.a.{scale_name}": (kind, kept),
        "model.a.input_scale": ("F32", np.array(0.5, np.float32)),
    }
    settings = {"quant_method": "fp8", "activation_scheme": "dynamic"} | settings
    model(name, settings, tensors, {"model.a.weight": result})


gptq("gptq", 1, {"sym": False, "desc_act": False}, 64, 24, 32)
gptq("gptq-unlisted", 2, {"sym": True, "desc_act": False}, 64, 16, 32, stores=False)
gptq("gptq-ordered", 3, {"desc_act": True, "checkpoint_format": "gptq"}, 96, 16, 32, shuffled=True)
gptq("gptq-second", 4, {"checkpoint_format": "gptq_v2"}, 64, 16, 16)
gptq("gptq-whole", 5, {"desc_act": False}, 40, 8, -1)
gptq("gptq-cut", 6, {"desc_act": False}, 48, 8, 32)
awq(7)
blocks = {"fmt": "e4m3", "weight_block_size": [128, 128]}
fp8("fp8-blocks", 8, blocks, (130, 140), "weight_scale_inv", (2, 2), (128, 128))
fp8("fp8-brain", 9, blocks, (16, 300), "weight_scale_inv", (1, 3), (128, 128), kind="BF16")
fp8("fp8-tensor", 10, {}, (16, 32), "weight_scale", (), (16, 32))
fp8("fp8-rows", 11, {"weight_block_size": None}, (16, 32), "weight_scale", (16, 1), (1, 32))
size = write_manifest(OUTPUT, __file__, ["numpy"], {})
print(f"{size} bytes in {OUTPUT}")
