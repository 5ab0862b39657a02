"""usage: corpus.py PACKAGES_DIR VERSIONS_FILE OUTPUT_DIR

Writes train.jsonl, validation.jsonl, test.jsonl, long/validation.jsonl, long/test.jsonl and
manifest.json into OUTPUT_DIR from Debian packages unpacked under PACKAGES_DIR/NAME. VERSIONS_FILE has one line `name version sha256` for each
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

# Manuals of which nothing is trained on, in documents that are longer than a context: what a model
# remembers from far back shows where a window is one text.
LONG_CHARACTERS = (20_000, 40_000)  # at least 4,096 tokens each; no manual outweighs the others
LONG_SALT = "linearize 10\n"  # as above
LONG_SOURCES = [
    {
        "package": "r-doc-html",
        "title": "The R manuals",
        "licence": "GPL-2.0-or-later",
        "read": lambda root: sources.pages(root / "usr/share/R/doc/manual"),
    },
    {
        "package": "debian-policy",
        "title": "The Debian Policy Manual and the Filesystem Hierarchy Standard",
        "licence": "GPL-2.0-or-later (policy), LDPA-3.0 (FHS)",
        "read": lambda root: sources.pages(
            root / "usr/share/doc/debian-policy", "*/*.html", without={"index.html"}
        ),
    },
    {
        "package": "debian-reference-en",
        "title": "Debian Reference",
        "licence": "GPL-2.0-or-later",
        "read": lambda root: sources.pages(root / "usr/share/debian-reference", "ch*.en.html"),
    },
    {
        "package": "harden-doc",
        "title": "Securing Debian Manual",
        "licence": "GPL-2.0-or-later",
        "read": lambda root: sources.pages(root / "usr/share/doc/harden-doc/html/en-US"),
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


def short_text(title, paragraphs):
    text = document(title, paragraphs)
    return text, text and split_of(hashlib.sha256((SALT + text).encode()).hexdigest())


def long_text(title, paragraphs):
    """A document's beginning, in whole paragraphs, and the split it is in."""
    text = document(title, paragraphs) or ""
    least, most = LONG_CHARACTERS
    if len(text) > most:
        text = text[: text.rindex("\n\n", 0, most)]
    digest = hashlib.sha256((LONG_SALT + text).encode()).hexdigest()
    return (text, "test" if digest[0] < "8" else "validation") if len(text) >= least else (None, None)


def main(packages, versions, output):
    installed = {}
    for line in pathlib.Path(versions).read_text().splitlines():
        name, version, digest = line.split()
        installed[name] = {"version": version, "sha256": digest}
    manifest = {"format": 1, "sources": [], "splits": {}}
    output = pathlib.Path(output)
    (output / "long").mkdir(parents=True, exist_ok=True)
    splits = {"train": [], "validation": [], "test": []}
    manifest["sources"] += collect(SOURCES, short_text, SALT, splits, packages, installed)
    long = {"validation": [], "test": []}
    manifest["sources"] += collect(LONG_SOURCES, long_text, LONG_SALT, long, packages, installed)
    splits |= {f"long/{split}": documents for split, documents in long.items()}
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
        print(f"{split:>15}: {facts['documents']:5} documents, {facts['textBytes']:9,} bytes of text")


def collect(wanted, read, salt, splits, packages, installed):
    """Adds the documents of packages to splits. Returns what is said of each in the manifest."""
    seen, described = set(), []
    for source in wanted:
        name = source["package"]
        counts = {split: 0 for split in splits}
        sizes = {split: 0 for split in splits}
        for title, paragraphs in source["read"](pathlib.Path(packages) / name):
            text, split = read(title, paragraphs)
            if text is None:
                continue
            digest = hashlib.sha256((salt + text).encode()).hexdigest()
            if digest in seen:
                continue
            seen.add(digest)
            counts[split] += 1
            sizes[split] += len(text.encode())
            # reversed: the digest's first digits already chose the split
            splits[split].append((digest[::-1], {"text": text, "source": f"{name}: {title}"}))
        if not sum(counts.values()):
            sys.exit(f"no text found in package {name} {installed[name]['version']}")
        described.append(
            {"package": name, **installed[name], "title": source["title"]}
            | {"licence": source["licence"], "documents": counts, "textBytes": sizes}
        )
    return described


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
