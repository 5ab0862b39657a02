"""usage: lookups.py TEXT_DIR

Writes TEXT_DIR/lookups.jsonl, from which a student learns to find again what left its window:
passages of TEXT_DIR/train.jsonl that come again after other text, pairs of words (`word: word` a line)
that are asked again in another order, and sentences among which numbers are told and asked for at the
end. Nothing comes from the other splits. The same input gives the same bytes. Standard library only.
"""

import json
import pathlib
import random
import sys

DOCUMENTS = 900
NAMES = [
    "access code", "account number", "bus number", "door code", "invoice number", "locker number",
    "phone number", "room number", "seat number", "secret number", "ticket number", "token",
]  # fmt: skip


def main(folder):
    lines = (folder / "train.jsonl").read_text(encoding="utf-8").splitlines()
    texts = [json.loads(line)["text"] for line in lines]
    generator = random.Random("linearize lookups")
    kinds = [repeated(texts), pairs(texts), numbers(texts)]
    with open(folder / "lookups.jsonl", "w", encoding="utf-8") as file:
        for number in range(DOCUMENTS):
            document = kinds[number % 3](generator)
            file.write(json.dumps({"text": document}, ensure_ascii=False) + "\n")


def passage(texts, generator, least, most):
    text = generator.choice(texts)
    start = generator.randrange(max(1, len(text) - least))
    part = text[start : start + generator.randint(least, most)]
    return part[part.find(" ") + 1 : part.rfind(" ")]


def repeated(texts):
    texts = [text for text in texts if len(text) > 2000]

    def document(generator):
        told = passage(texts, generator, 600, 1600)
        between = passage(texts, generator, 200, 1200)
        return f"{told}\n\n{between}\n\n{told}"

    return document


def pairs(texts):
    words = sorted(
        {word for text in texts for word in text.split() if word.isalpha() and len(word) > 3}
    )

    def document(generator):
        count = generator.randint(16, 90)
        drawn = generator.sample(words, 2 * count)
        told = [f" {key}: {value}\n" for key, value in zip(drawn[:count], drawn[count:])]
        return "".join(told + generator.sample(told, count))

    return document


def numbers(texts):
    sentences = [
        sentence.strip() + "."
        for text in texts
        for sentence in text.replace("\n", " ").split(". ")
        if 30 < len(sentence) < 160
    ]

    def document(generator):
        lines = generator.sample(sentences, generator.randint(12, 40))
        told = [(name, generator.randrange(10_000, 1_000_000)) for name in generator.sample(NAMES, 3)]
        for name, number in told:
            line = f"The {name} is {number}. Remember it. {number} is the {name}."
            lines.insert(generator.randrange(len(lines) + 1), line)
        generator.shuffle(told)
        asked = [f"What is the {name}? The {name} is {number}." for name, number in told]
        return " ".join(lines) + "\n" + "\n".join(asked)

    return document


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(pathlib.Path(sys.argv[1]))
