"""usage: novels.py TEXT_DIR TOKENIZER_JSON

Writes TEXT_DIR/novels/{train,validation,test}.jsonl, the public-domain novels among TEXT_DIR's
splits, and, when TOKENIZER_JSON is there, TEXT_DIR/novels/recall.jsonl, from which a model learns to
look things up: pairs of words, `word: word` a line, that are asked again and again in new orders, as
`linearize evaluate` asks them, and lists of words that are repeated. The same input gives the same
bytes. Standard library only.
"""

import json
import pathlib
import random
import re
import sys

PACKAGE = "r-cran-janeaustenr"
DOCUMENTS = 4000
LINES = 60  # of four tokens, at most, in a document


def main(text, tokenizer):
    output = text / "novels"
    output.mkdir(exist_ok=True)
    for split in ("train", "validation", "test"):
        lines = (text / f"{split}.jsonl").read_text(encoding="utf-8").splitlines(keepends=True)
        kept = [line for line in lines if json.loads(line)["source"].startswith(PACKAGE)]
        (output / f"{split}.jsonl").write_text("".join(kept), encoding="utf-8")
    if tokenizer.is_file():
        documents = recall(words(tokenizer), random.Random("linearize recall"))
        lines = [json.dumps({"text": document}) + "\n" for document in documents]
        (output / "recall.jsonl").write_text("".join(lines), encoding="utf-8")


def words(tokenizer):
    """Tokens of a space and three letters or more, in the order of the vocabulary."""
    vocabulary = json.loads(tokenizer.read_text(encoding="utf-8"))["model"]["vocab"]
    tokens = sorted(vocabulary, key=vocabulary.get)
    return [token[1:] for token in tokens if re.fullmatch("Ġ[A-Za-z]{3,}", token)]


def recall(words, generator):
    for number in range(DOCUMENTS):
        if number % 4 == 0:
            yield repeated(words, generator)
        else:
            yield pairs(words, generator)


def pairs(words, generator):
    """Few pairs are as frequent as many: half of the documents have less than a quarter of most."""
    count = round(2 * (LINES / 4) ** generator.random())
    drawn = generator.sample(words, 2 * count)
    told = [f" {key}: {value}\n" for key, value in zip(drawn[:count], drawn[count:])]
    lines = list(told)
    while len(lines) + count <= LINES:
        lines += generator.sample(told, count)
    return "".join(lines)


def repeated(words, generator):
    count = generator.randint(4, 2 * LINES)
    line = "".join(f" {word}" for word in generator.sample(words, count)) + "\n"
    return line * (4 * LINES // (count + 1))


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]))
