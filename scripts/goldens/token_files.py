"""Writes Tests/CorpusTests/Goldens/binidx: token files of Megatron's own writer, and the order in
which RWKV's and RADLADS' code takes samples from a stream.

    python3 scripts/goldens/token_files.py                    # makes a throw-away environment
    python3 scripts/goldens/token_files.py --python PYTHON    # uses that Python's packages

`short` holds 16-bit ids of three documents, the second of two sequences, the third empty; `wide`
32-bit ids beyond 65,535. `expected.json` says what Megatron's reader gives, and for some streams the
prime and the first windows by the formula of the code, in Python's own integers.
"""

import json
import math

import environment

REQUIREMENTS = ["megatron-core==0.16.1", "torch==2.13.*", "numpy", "packaging"]

STREAMS = [(1000, 16), (960, 16), (961, 16), (46_000, 64), (123_456_789, 512)]

CASES = {
    "short": dict(
        dtype="uint16", vocabulary=65_536,
        documents=[[list(range(10))], [[300, 65_535, 0], [7, 8]], [[]], [[49_999, 5]]]),
    "wide": dict(
        dtype="int32", vocabulary=200_000, documents=[[[151_643, 0, 65_536]], [[199_999]]]),
}


def order(tokens, length):
    """As the code: the largest prime that is 2 modulo 3 and below tokens / length - 1."""
    prime = math.ceil(tokens / length - 1) - 1
    while prime % 3 != 2 or any(prime % d == 0 for d in range(2, math.isqrt(prime) + 1)):
        prime -= 1
    factor = int(prime * (math.sqrt(5) - 1) / 2)
    samples = list(range(1, 9)) + [prime - 1, prime, prime + 1, 10**6 + 3]
    return dict(
        tokens=tokens, length=length, prime=prime, samples=samples,
        offsets=[((factor * i * i * i) % prime) * length for i in samples])


def main():
    folder = environment.prepare(__doc__, REQUIREMENTS, "Tests/CorpusTests/Goldens/binidx")
    import numpy
    import torch
    from megatron.core.datasets.indexed_dataset import IndexedDataset, IndexedDatasetBuilder

    expected = {"orders": [order(*stream) for stream in STREAMS], "files": {}}
    for name, case in CASES.items():
        path = folder / name
        dtype = getattr(numpy, case["dtype"])
        builder = IndexedDatasetBuilder(f"{path}.bin", dtype=dtype)
        for document in case["documents"]:
            for sequence in document:
                builder.add_item(torch.tensor(sequence, dtype=torch.int64))
            builder.end_document()
        builder.finalize(f"{path}.idx")
        dataset = IndexedDataset(str(path))
        bounds = dataset.document_indices.tolist()
        expected["files"][name] = {
            "vocabulary": case["vocabulary"],
            "documents": [
                [int(x) for index in range(a, b) for x in dataset[index]]
                for a, b in zip(bounds, bounds[1:])
            ],
        }
    (folder / "expected.json").write_text(json.dumps(expected) + "\n")
    size = environment.write_manifest(
        folder, __file__, ["megatron-core", "torch", "numpy"], {})
    print(f"{len(CASES)} files, {size:,} bytes in {folder}")


if __name__ == "__main__":
    main()
