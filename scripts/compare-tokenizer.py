#!/usr/bin/env python3
"""Dumps what the `tokenizers` package makes of texts, to be compared with `linearize`'s tokenizer.

usage: compare-tokenizer.py MODEL.gguf|tokenizer.json OUTPUT TEXT...

MODEL.gguf is read with the `gguf` package and rebuilt as the family's Hugging Face pipeline
(pre-tokenisers smollm, gpt-2, llama-bpe and qwen2). A TEXT that ends in .json is an array of
lines, any other is split at line feeds. Each line of OUTPUT holds the ids of one line, a tab, and
the decoded text as JSON. Needs the packages `tokenizers` and, for a GGUF file, `gguf`.
"""

import json
import sys

NEWLINE_AWARE = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}%s"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)


def from_gguf(path):
    from gguf import GGUFReader
    from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers
    from tokenizers import pre_tokenizers as pre

    fields = GGUFReader(path).fields
    value = lambda name: fields["tokenizer.ggml." + name].contents()
    if value("model") != "gpt2":
        sys.exit(f"{path}: tokenizer model {value('model')!r}, expected 'gpt2'")
    tokens = value("tokens")
    name = value("pre")
    tokenizer = Tokenizer(models.BPE(
        vocab={token: i for i, token in enumerate(tokens)},
        merges=[tuple(merge.split(" ")) for merge in value("merges")],
        ignore_merges=name == "llama-bpe"))
    newline_aware = lambda digits: pre.Sequence([
        pre.Split(Regex(NEWLINE_AWARE % digits), "isolated"),
        pre.ByteLevel(add_prefix_space=False, use_regex=False)])
    byte_level = pre.ByteLevel(add_prefix_space=False, use_regex=True)
    tokenizer.pre_tokenizer = {
        "gpt-2": byte_level,
        "smollm": pre.Sequence([pre.Digits(individual_digits=True), byte_level]),
        "llama-bpe": newline_aware("{1,3}"),
        "qwen2": newline_aware(""),
    }[name]
    if name == "qwen2":
        tokenizer.normalizer = normalizers.NFC()
    tokenizer.decoder = decoders.ByteLevel()
    for token, kind in zip(tokens, value("token_type")):
        if kind == 3:
            tokenizer.add_special_tokens([AddedToken(token, special=True, normalized=False)])
        elif kind == 4:
            tokenizer.add_tokens([AddedToken(token, normalized=False)])
    return tokenizer


def read_lines(path):
    with open(path, encoding="utf-8", newline="") as file:
        text = file.read()
    return json.loads(text) if path.endswith(".json") else text.split("\n")


def main():
    if len(sys.argv) < 4:
        sys.exit(__doc__)
    model, output, *texts = sys.argv[1:]
    if model.endswith(".gguf"):
        tokenizer = from_gguf(model)
    else:
        from tokenizers import Tokenizer
        tokenizer = Tokenizer.from_file(model)
    with open(output, "w", encoding="utf-8", newline="") as file:
        for path in texts:
            for line in read_lines(path):
                ids = tokenizer.encode(line, add_special_tokens=False).ids
                text = tokenizer.decode(ids, skip_special_tokens=False)
                file.write(" ".join(map(str, ids)) + "\t")
                file.write(json.dumps(text, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
