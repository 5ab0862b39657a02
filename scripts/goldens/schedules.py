"""Writes Tests/TrainingTests/Schedules/ScheduleGoldens.swift: learning rates of torch's schedulers.

    python3 scripts/goldens/schedules.py            # makes a throw-away environment with torch
    python3 scripts/goldens/schedules.py --here     # uses the torch of this interpreter

The warm-up is torch's LinearLR from 1/(w+1), followed by the decay through SequentialLR. The
schedules of RADLADS, which torch does not have, are formulas in a LambdaLR: progress and decay as
methods and code of arXiv 2505.03005 give them, with torch's arithmetic for the parameter groups.
"""

import math
import pathlib
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
OUTPUT = ROOT / "Tests/TrainingTests/Schedules/ScheduleGoldens.swift"

LOSSES = [
    3.0, 2.5, 2.4, 2.39999, 2.3999, 2.41, 2.42, 2.39, 2.395, 2.3899, 2.3898, 2.38977, 2.5, 2.6, 2.7,
    2.38, 2.38, 2.38, 2.38, 2.38, 2.38, 2.38, 2.38, 2.38, 2.38, 1.0, 1.1, 1.1, 1.1, 1.1,
]


def rates():
    import torch
    from torch.optim import lr_scheduler as schedulers

    def optimizer(rate):
        return torch.optim.AdamW([torch.nn.Parameter(torch.zeros(1))], lr=rate)

    def warmed(rate, warmup, total, decay):
        o = optimizer(rate)
        after = decay(o, total - warmup)
        if warmup:
            rise = schedulers.LinearLR(o, 1 / (warmup + 1), 1.0, warmup)
            after = schedulers.SequentialLR(o, [rise, after], [warmup])
        out = []
        for _ in range(total):
            out.append(o.param_groups[0]["lr"])
            o.step()
            after.step()
        return out

    def cosine(final):
        return lambda o, steps: schedulers.CosineAnnealingLR(o, steps, final)

    def linear(rate, final):
        return lambda o, steps: schedulers.LinearLR(o, 1.0, final / rate, steps)

    def constant(o, steps):
        return schedulers.ConstantLR(o, 1.0, steps)

    def plateau(rate, factor, patience, minimum):
        o = optimizer(rate)
        s = schedulers.ReduceLROnPlateau(o, "min", factor=factor, patience=patience, min_lr=minimum)
        out = []
        for loss in LOSSES:
            s.step(loss)
            out.append(o.param_groups[0]["lr"])
        return out

    def radlads(kind, pairs, warmup, total, wait=0.0, endpoint=1.0):
        """Rates of every step, one list a parameter group with its (first, final) rate."""

        def amount(rate, final, step):
            progress = min(max((step - warmup) / (total - warmup), 0.0), 1.0)
            p = min(max((progress - wait) / (endpoint - wait), 0.0), 1.0)
            lr = {
                "linear": lambda: final + (rate - final) * (1.0 - p),
                "exp": lambda: rate * math.exp(math.log(final / rate) * p),
                "cos": lambda: final + (rate - final) * math.cos(math.pi / 2 * p),
                "oneminussqrt": lambda: final + (rate - final) * (1.0 - math.sqrt(p)),
            }[kind]()
            if step < warmup:
                lr = lr * (0.01 + 0.99 * step / warmup)
            return lr

        groups = [{"params": [torch.nn.Parameter(torch.zeros(1))], "lr": 1.0} for _ in pairs]
        o = torch.optim.AdamW(groups)
        s = schedulers.LambdaLR(
            o, [lambda step, pair=pair: amount(*pair, step) for pair in pairs])
        out = []
        for _ in range(total):
            out += [group["lr"] for group in o.param_groups]
            o.step()
            s.step()
        return out

    return torch.__version__, {
        "losses": LOSSES,
        "constantWarmup3Of8": warmed(1e-2, 3, 8, constant),
        "linear10": warmed(1e-2, 0, 10, linear(1e-2, 1e-3)),
        "linearWarmup4Of20": warmed(5e-4, 4, 20, linear(5e-4, 5e-5)),
        "cosine12": warmed(1e-2, 0, 12, cosine(0.0)),
        "cosineWarmup5Of25": warmed(1e-3, 5, 25, cosine(1e-4)),
        "quarterCosineWarmup5Of25": radlads("cos", [(1e-3, 1e-5)], 5, 25),
        "oneMinusSqrtWarmup3Of20": radlads("oneminussqrt", [(1e-3, 1e-4)], 3, 20),
        "exponentialWarmup4Of20": radlads("exp", [(1e-3, 1e-5)], 4, 20),
        "linearOfQuartersOf24": radlads(
            "linear", [(1e-3, 1e-5)], 4, 24, 0.25, 0.75),
        "groupsQuarterCosine30": radlads(
            "cos", [(1e-5, 1e-5), (1e-4, 1e-5)], 6, 30, 0.5, 0.875),
        "plateauPatience2": plateau(1e-2, 0.1, 2, 1e-5),
        "plateauPatience0": plateau(1e-2, 0.5, 0, 1e-4),
        "plateauPatience10": plateau(1e-2, 0.1, 10, 1e-5),
    }


def main():
    if "--here" not in sys.argv:
        with tempfile.TemporaryDirectory() as folder:
            subprocess.run([sys.executable, "-m", "venv", folder], check=True)
            subprocess.run([f"{folder}/bin/pip", "-q", "install", "torch==2.13.*"], check=True)
            subprocess.run([f"{folder}/bin/python", __file__, "--here"], check=True)
        return
    version, values = rates()
    lines = [
        f"// Made by scripts/goldens/schedules.py with torch {version}. Do not edit.",
        "enum ScheduleGoldens {",
    ]
    for name, numbers in values.items():
        lines.append(f"  static let {name}: [Double] = [")
        for start in range(0, len(numbers), 4):
            lines.append("    " + ", ".join(repr(x) for x in numbers[start : start + 4]) + ",")
        lines.append("  ]")
    OUTPUT.write_text("\n".join(lines) + "\n}\n")


main()
