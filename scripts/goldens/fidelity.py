"""Writes Tests/EvaluationTests/Fidelity/FidelityGoldens.swift: what numpy and scipy make of small
random attention rows.

    python3 scripts/goldens/fidelity.py            # makes a throw-away environment with scipy
    python3 scripts/goldens/fidelity.py --here     # uses the numpy and scipy of this interpreter

Entropy and divergence are scipy.stats.entropy, the correlation is scipy.stats.spearmanr, the reach
is Σ (i − j) p_j. Students' rows are not normalised and have ties, zeros and hidden keys.
"""

import pathlib
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
OUTPUT = ROOT / "Tests/EvaluationTests/Fidelity/FidelityGoldens.swift"
LENGTH = 24
FLOOR = 1e-10


def cases():
    import numpy as np
    from scipy.stats import entropy, spearmanr

    random = np.random.default_rng(20240817)
    rows = {name: [] for name in ("teacher", "student", "products")}
    expected = {
        name: []
        for name in (
            "divergence", "teacherEntropy", "studentEntropy", "teacherReach", "studentReach",
            "monotonicity",
        )
    }
    for query in range(LENGTH):
        count = query + 1
        products = random.normal(0, 2, count).astype(np.float32)
        weights = np.exp(products.astype(np.float64))
        teacher = (weights / weights.sum()).astype(np.float32)
        student = (np.abs(products + random.normal(0, 1.5, count)) ** 2 + 0.01) * 0.3
        if query % 3 == 1:
            student = np.round(student, 1)  # ties
        if query % 4 == 2:
            student[: count // 2] = 0  # keys that a window hides
        student = student.astype(np.float32)
        if not student.any():
            student[-1] = 1

        p = teacher.astype(np.float64) / teacher.astype(np.float64).sum()
        q = student.astype(np.float64) / student.astype(np.float64).sum()
        floored = np.maximum(q, np.minimum(p, FLOOR))
        distances = query - np.arange(count)
        expected["divergence"].append(float((p * np.log(p / floored)).sum()))
        if (q > FLOOR).all():
            assert abs(expected["divergence"][-1] - entropy(p, q)) < 1e-12
        expected["teacherEntropy"].append(float(entropy(p)))
        expected["studentEntropy"].append(float(entropy(q)))
        expected["teacherReach"].append(float((distances * p).sum()))
        expected["studentReach"].append(float((distances * q).sum()))
        if count >= 3:
            expected["monotonicity"].append(float(spearmanr(student, products).statistic))
        else:
            expected["monotonicity"].append(None)
        for name, values in (("teacher", teacher), ("student", student), ("products", products)):
            rows[name].append([float(x) for x in values])
    return rows, expected


def wrapped(items, indent):
    lines, line = [], ""
    for item in items:
        if len(indent) + len(line) + len(item) + 2 > 100:
            lines.append(indent + line.rstrip())
            line = ""
        line += item + ", "
    # swift format takes the comma from a list of one.
    return lines + [indent + (line.rstrip() if len(items) > 1 else line.rstrip(", "))]


def main():
    if "--here" not in sys.argv:
        with tempfile.TemporaryDirectory() as folder:
            subprocess.run([sys.executable, "-m", "venv", folder], check=True)
            packages = ["numpy==2.*", "scipy==1.*"]
            subprocess.run([f"{folder}/bin/pip", "-q", "install"] + packages, check=True)
            subprocess.run([f"{folder}/bin/python", __file__, "--here"], check=True)
        return
    import numpy
    import scipy

    rows, expected = cases()
    lines = [
        "// Made by scripts/goldens/fidelity.py with "
        f"numpy {numpy.__version__} and scipy {scipy.__version__}. Do not edit.",
        "enum FidelityGoldens {",
    ]
    for name, matrix in rows.items():
        lines.append(f"  static let {name}: [[Float]] = [")
        for row in matrix:
            # Nine digits give every float back.
            items = [f"{x:.9g}" for x in row]
            lines += ["    ["] + wrapped(items, "      ") + ["    ],"]
        lines.append("  ]")
    for name, values in expected.items():
        kind = "Double?" if None in values else "Double"
        lines.append(f"  static let {name}: [{kind}] = [")
        lines += wrapped(["nil" if x is None else repr(x) for x in values], "    ")
        lines.append("  ]")
    OUTPUT.write_text("\n".join(lines) + "\n}\n")


main()
