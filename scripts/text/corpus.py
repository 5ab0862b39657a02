"""usage: corpus.py PACKAGES_DIR VERSIONS_FILE OUTPUT_DIR

Writes train.jsonl, validation.jsonl, test.jsonl and manifest.json into OUTPUT_DIR from Debian
packages unpacked under PACKAGES_DIR/NAME. VERSIONS_FILE has one line `name version sha256` for each
package. The same packages give the same bytes: a document's split and place follow from the
SHA-256 of its text alone. Standard library only.
"""

import hashlib
import json
import os
import pathlib
import re
import sys
import unicodedata

import sources

LEAST_CHARACTERS = 700  # shorter entries are definitions without running text
HELD_OUT = 0.04  # share of the documents in validation, and again in test
SALT = "linearize 88\n"  # chosen so that both held-out splits have every source and about the same size

SOURCES = [
    {
        "package": "r-cran-janeaustenr",
        "title": "Jane Austen's six novels",
        "licence": "public domain (edition of Project Gutenberg; package: MIT)",
        "read": lambda root: sources.novels(root / "usr/lib/R/site-library/janeaustenr"),
    },
    {
        "package": "debian-handbook",
        "title": "The Debian Administrator's Handbook",
        "licence": "GPL-2.0-or-later or CC-BY-SA-3.0",
        "read": lambda root: sources.pages(
            root / "usr/share/doc/debian-handbook/html/en-US", without={"index.html"}
        ),
    },
    {
        "package": "dict-jargon",
        "title": "The Jargon File",
        "licence": "public domain",
        "read": lambda root: sources.jargon(root / "usr/share/dictd"),
    },
    {
        "package": "dict-foldoc",
        "title": "The Free On-line Dictionary of Computing, editor Denis Howe",
        "licence": "GFDL-1.1-or-later, no invariant sections",
        "read": lambda root: sources.foldoc(root / "usr/share/dictd"),
    },
    {
        "package": "developers-reference",
        "title": "Debian Developer's Reference",
        "licence": "GPL-2.0-or-later",
        "read": lambda root: sources.pages(
            root / "usr/share/developers-reference",
            without={"index.html", "search.html", "genindex.html", "developers-reference.html"},
        ),
    },
]


def is_prose(paragraph):
    """Sentences, not listings: mostly letters and spaces, and enough lower-case words."""
    if len(paragraph) < 2:
        return False
    plain = sum(c.isalpha() or c in " ,.;:'’\"“”!?-—()" for c in paragraph)
    return plain / len(paragraph) > 0.9


def document(title, paragraphs):
    kept = []
    for paragraph in paragraphs:
        paragraph = unicodedata.normalize("NFC", paragraph)
        paragraph = re.sub(r"[\u00a0\u2000-\u200b\ufeff\x00-\x1f]+", " ", paragraph).replace("\u00ad", "")
        paragraph = re.sub(r"\s+([,.;:?!])(?=\s|$)", r"\1", " ".join(paragraph.split()))
        if is_prose(paragraph):
            kept.append(paragraph)
    text = "\n\n".join([unicodedata.normalize("NFC", title)] + kept)
    return text if sum(map(len, kept)) >= LEAST_CHARACTERS else None


def split_of(digest):
    share = int(digest[:12], 16) / 16**12
    return "test" if share < HELD_OUT else "validation" if share < 2 * HELD_OUT else "train"


def main(packages, versions, output):
    installed = {}
    for line in pathlib.Path(versions).read_text().splitlines():
        name, version, digest = line.split()
        installed[name] = {"version": version, "sha256": digest}
    splits, seen = {"train": [], "validation": [], "test": []}, set()
    described = []
    for source in SOURCES:
        name = source["package"]
        counts = {split: 0 for split in splits}
        sizes = {split: 0 for split in splits}
        for title, paragraphs in source["read"](pathlib.Path(packages) / name):
            text = document(title, paragraphs)
            if text is None:
                continue
            digest = hashlib.sha256((SALT + text).encode()).hexdigest()
            if digest in seen:
                continue
            seen.add(digest)
            split = split_of(digest)
            counts[split] += 1
            sizes[split] += len(text.encode())
            # reversed: the digest's first digits already chose the split
            splits[split].append((digest[::-1], {"text": text, "source": f"{name}: {title}"}))
        if not counts["train"]:
            sys.exit(f"no text found in package {name} {installed[name]['version']}")
        described.append(
            {"package": name, **installed[name], "title": source["title"]}
            | {"licence": source["licence"], "documents": counts, "textBytes": sizes}
        )

    manifest = {"format": 1, "sources": described, "splits": {}}
    pathlib.Path(output).mkdir(parents=True, exist_ok=True)
    for split, documents in splits.items():
        lines = [
            json.dumps(entry, ensure_ascii=False) + "\n" for _, entry in sorted(documents, key=first)
        ]
        body = "".join(lines).encode()
        publish(output, f"{split}.jsonl", body)
        manifest["splits"][split] = {
            "file": f"{split}.jsonl",
            "bytes": len(body),
            "documents": len(lines),
            "textBytes": sum(len(entry["text"].encode()) for _, entry in documents),
            "sha256": hashlib.sha256(body).hexdigest(),
        }
    publish(output, "manifest.json", (json.dumps(manifest, indent=2) + "\n").encode())
    for split, facts in manifest["splits"].items():
        print(f"{split:>10}: {facts['documents']:5} documents, {facts['textBytes']:9,} bytes of text")


def first(pair):
    return pair[0]


def publish(folder, name, body):
    partial = os.path.join(folder, name + ".partial")
    with open(partial, "wb") as file:
        file.write(body)
    os.replace(partial, os.path.join(folder, name))


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    main(*sys.argv[1:])
