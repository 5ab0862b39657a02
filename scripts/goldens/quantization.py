"""Goldens of the types that GGUF files are written in, made by llama.cpp's own library.

values.floats: rows of 256 numbers, among them zeros, equal numbers, numbers of one sign, outliers and
such as half precision hardly holds. TYPE.blocks: what ggml_quantize_chunk makes of them.
"""

import ctypes
import importlib.util
import pathlib

from environment import prepare, write_manifest

OUTPUT = prepare(
    __doc__, ["xllamacpp==2026.10.11549", "numpy"], "Tests/CheckpointsTests/Goldens/quantization"
)

import numpy as np

# Numbers of types in ggml.h.
TYPES = {"F16": (1, 2), "BF16": (30, 2), "Q4_1": (3, 20 / 32), "Q5_0": (6, 22 / 32),
         "Q8_0": (8, 34 / 32), "Q4_K": (12, 144 / 256)}  # fmt: skip

generator = np.random.default_rng(11)
values = generator.standard_normal((12, 256)) * np.geomspace(1e-6, 30, 12)[:, None]
values[0, :64] = 0
values[1, 32:64] = -1.5
values[2] = np.abs(values[2])
values[3] = -np.abs(values[3]) - 1
values[4, ::37] *= 200
values[5] = np.round(values[5] * 8) / 8
values[6, 128:] = 0
values[7] = generator.uniform(0.5, 0.500001, 256)
values = np.ascontiguousarray(values, np.float32)
(OUTPUT / "values.floats").write_bytes(values.tobytes())

origin = pathlib.Path(importlib.util.find_spec("xllamacpp").origin).parent
quantize = ctypes.CDLL(str(origin / "xllamacpp.abi3.so")).ggml_quantize_chunk
quantize.restype = ctypes.c_size_t
quantize.argtypes = [ctypes.c_int] + [ctypes.c_void_p] * 2 + [ctypes.c_int64] * 3 + [ctypes.c_void_p]
for name, (number, size) in TYPES.items():
    blocks = np.zeros(int(values.size * size), np.uint8)
    written = quantize(number, values.ctypes.data, blocks.ctypes.data, 0, *values.shape, None)
    assert written == blocks.size, (name, written, blocks.size)
    (OUTPUT / f"{name}.blocks").write_bytes(blocks.tobytes())
size = write_manifest(OUTPUT, __file__, ["xllamacpp", "numpy"], {})
print(f"{size} bytes in {OUTPUT}")
