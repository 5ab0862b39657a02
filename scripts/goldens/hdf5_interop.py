#!/usr/bin/env python3
"""HDF5 between linearize and h5py, both ways.

Without arguments, makes Tests/CheckpointsTests/Goldens/hdf5/foreign.h5: what h5py writes when it is
left to its habits (earliest format, contiguous or compressed datasets, text of variable length),
and links and types that a reader of weights must refuse. And published.h5: a model as other writers
keep one, compressed by gzip or lzf alone, in 64-bit and in big-endian floats, among datasets of no concern.

With --read FILE, lists what h5py reads in a file of linearize: shape, type, checksum, and the
SHA-256 of the elements as little-endian 32-bit floats (or integers as they are).

usage: hdf5_interop.py [--python PYTHON] [--output FOLDER]
       hdf5_interop.py --read FILE                         (with a Python that has h5py)
"""

import hashlib
import sys

import environment

REQUIREMENTS = ["h5py==3.16.0", "numpy==2.4.6"]


def make(folder):
    import h5py
    import numpy

    values = numpy.arange(24, dtype=numpy.float64).reshape(4, 6) / 8 - 1
    with h5py.File(folder / "foreign.h5", "w") as file:
        file.attrs["architecture"] = "llama – ö"
        file.attrs["layers"] = 2
        file.attrs["theta"] = 10000.5
        file.attrs["kinds"] = numpy.array([1, 2, 3], dtype=numpy.int32)
        file.attrs["epsilon"] = numpy.float32(0.25)
        file.attrs["bytes"] = numpy.bytes_(b"fixed")
        file.attrs["unreadable"] = numpy.array([1.5, 2.5])
        layer = file.create_group("model/layers.0")
        layer.create_dataset("contiguous", data=values.astype("<f4"))
        layer.create_dataset("half", data=values.astype("<f2"))
        layer.create_dataset("double", data=values)
        layer.create_dataset(
            "compressed",
            data=values.astype("<f4"),
            chunks=(3, 4),
            compression="gzip",
            shuffle=True,
            fletcher32=True,
        )
        brain = values.astype("<f4").view("<u4") >> 16
        layer.create_dataset("brain", data=brain.astype("<u2")).attrs["element_type"] = "BF16"
        file["tokens"] = numpy.array([[1, -2], [3, 4]], dtype="<i4")
        file["offsets"] = numpy.array([2**40, -1], dtype="<i8")
        file["scalar"] = numpy.float32(2.5)
        file["empty"] = numpy.zeros((0, 3), dtype="<f4")
        file["unmarked"] = brain.astype("<u2")
        file["bigEndian"] = values.astype(">f4")
        file["words"] = ["a", "b"]
        file.create_dataset("unwritten", shape=(4, 6), dtype="<f4")
        file.create_dataset("halfWritten", shape=(4, 6), dtype="<f4", chunks=(2, 6))[:2] = 1
        file.create_dataset(
            "elsewhere", shape=(4,), dtype="<f4", external=[("/etc/hostname", 0, 16)]
        )
        file["soft"] = h5py.SoftLink("/tokens")
        file["external"] = h5py.ExternalLink("other.h5", "/tokens")
    with h5py.File(folder / "published.h5", "w") as file:
        file.attrs["configuration"] = '{"model_type": "llama"}'
        file.attrs["created"] = numpy.array([1.5, 2.5])
        even = numpy.zeros((64, 64), dtype="<f4")
        file.create_dataset("a.weight", data=even, compression="gzip")
        file.create_dataset("b.weight", data=values)
        file.create_dataset("c.weight", data=values.astype(">f4"))
        file.create_dataset("d.weight", data=values.astype(">f8"))
        file.create_dataset("e.weight", data=values.astype(">f2"))
        file.create_dataset("f.weight", data=values.astype("<f4"), compression="gzip", shuffle=True)
        file.create_dataset("g.weight", data=even + 1, compression="lzf")
        # What no step can shorten, and steps back of every length.
        mixed = numpy.resize(numpy.random.default_rng(0).random(997, numpy.float32), (64, 64))
        file.create_dataset("h.weight", data=mixed, compression="lzf", shuffle=True)
        file["i.weight"] = mixed
        file["notes"] = ["a", "b"]
        file["losses"] = numpy.array([1.0, 0.5], dtype="<f4")
        file["optimizer/a.weight"] = values
        file["steps.count"] = numpy.array([3], dtype="<u4")
    with h5py.File(folder / "text.h5", "w") as file:
        file["weight"] = numpy.zeros((2, 2), dtype="<f4")
        file.attrs["linearize"] = "x" * 200
    facts = {"hdf5": h5py.version.hdf5_version}
    environment.write_manifest(folder, __file__, ["h5py", "numpy"], facts)


def read(path):
    import h5py
    import numpy

    def show(name, item):
        if not isinstance(item, h5py.Dataset):
            return
        elements = item[...]
        if item.attrs.get("element_type") == b"BF16":
            elements = (elements.astype("<u4") << 16).view("<f4")
        digest = hashlib.sha256(numpy.ascontiguousarray(elements).tobytes()).hexdigest()
        print(name, list(item.shape), item.dtype, f"fletcher32={item.fletcher32}", digest)

    with h5py.File(path, "r") as file:
        for name, value in file.attrs.items():
            print(f"@{name} = {value!r}")
        file.visititems(show)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--read"]:
        read(sys.argv[2])
    else:
        make(environment.prepare(__doc__, REQUIREMENTS, "Tests/CheckpointsTests/Goldens/hdf5"))
