#!/usr/bin/env python3
"""Trains the small teacher's tokenizer: byte-level BPE of 1,024 tokens over the novels.

Reads data/text/novels/train.jsonl (scripts/fetch-text) and writes tokenizer.json and
tokenizer_config.json to data/teachers/small, where they are committed.

usage: tokenizer.py [--python PYTHON] [--output FOLDER]
"""

import json
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "goldens"))
import environment

REQUIREMENTS = ["tokenizers==0.23.3"]
VOCABULARY = 1024
END = "<|endoftext|>"


def main():
    folder = environment.prepare(__doc__, REQUIREMENTS, "data/teachers/small")
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=[END],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    lines = (environment.ROOT / "data/text/novels/train.jsonl").read_text(encoding="utf-8")
    texts = [json.loads(line)["text"] for line in lines.splitlines()]
    tokenizer.train_from_iterator(texts, trainer)
    assert tokenizer.get_vocab_size() == VOCABULARY
    tokenizer.save(str(folder / "tokenizer.json"), pretty=False)
    configuration = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "bos_token": END,
        "eos_token": END,
        "model_max_length": 512,
        "clean_up_tokenization_spaces": False,
    }
    (folder / "tokenizer_config.json").write_text(json.dumps(configuration, indent=2) + "\n")
    count = sum(len(encoding) for encoding in tokenizer.encode_batch(texts))
    size = sum(len(text.encode()) for text in texts)
    print(f"{size:,} bytes are {count:,} tokens, {size / count:.2f} bytes each")


if __name__ == "__main__":
    main()
