"""What every script of goldens starts with: the right Python packages, and a manifest."""

import argparse
import hashlib
import importlib.metadata
import json
import os
import pathlib
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]

# Beside this file lie scripts named as the packages that they run: those must not be found instead.
HERE = pathlib.Path(__file__).resolve().parent
sys.path[:] = [entry for entry in sys.path if pathlib.Path(entry).resolve() != HERE]


def prepare(documentation, requirements, output):
    """Continues in a Python that has `requirements`; returns the folder to write to.

    With --python PYTHON that one is used, whatever versions it has. Without it, a throw-away
    virtual environment with the pinned requirements is made, and removed afterwards.
    """
    parser = argparse.ArgumentParser(
        description=documentation, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--python", help="a Python that has the packages")
    parser.add_argument("--output", type=pathlib.Path, default=ROOT / output)
    arguments = parser.parse_args()
    if os.environ.get("GOLDENS_PREPARED"):
        arguments.output.mkdir(parents=True, exist_ok=True)
        return arguments.output
    rest = [sys.argv[0], "--output", str(arguments.output)]
    environment = os.environ | {"GOLDENS_PREPARED": "1", "HF_HUB_OFFLINE": "1"}
    if arguments.python:
        sys.exit(subprocess.run([arguments.python] + rest, env=environment).returncode)
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        python = os.path.join(folder, "bin", "python")
        subprocess.run([python, "-m", "pip", "install", "--quiet"] + requirements, check=True)
        sys.exit(subprocess.run([python] + rest, env=environment).returncode)


def write_manifest(folder, script, packages, facts):
    """manifest.json: the script and its versions, every file's SHA-256, and `facts`.

    Folders that have a manifest of their own are another script's.
    """
    others = [path.parent for path in folder.rglob("manifest.json") if path.parent != folder]
    files = sorted(
        path
        for path in folder.rglob("*")
        if path.is_file() and not any(other in path.parents for other in others)
    )
    script = pathlib.Path(script).resolve()
    manifest = {
        "script": str(script.relative_to(ROOT)),
        "scriptSHA256": sha256(script),
        "versions": {name: importlib.metadata.version(name) for name in packages}
        | {"python": sys.version.split()[0]},
        "files": {
            str(path.relative_to(folder)): sha256(path)
            for path in files
            if path.name != "manifest.json"
        },
    } | facts
    (folder / "manifest.json").write_text(json.dumps(manifest, indent=1) + "\n")
    return sum(path.stat().st_size for path in files)


def sha256(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()
