#!/usr/bin/env python3
"""Goldens of the tokenizers: what the `tokenizers` package makes of 20,000 generated lines.

Trains one small tokenizer for each supported configuration on text generated here from a fixed
seed, and writes into Tests/CorpusTests/Goldens/tokenizers:

    lines.json              the lines
    NAME.tokenizer.json     a tokenizer
    NAME.golden.json        ids of the first lines, and for every block of 128 lines the 64-bit
                            FNV-1a hashes of its ids, of its ids with special tokens, of its
                            decoded text and of its pieces before merging
    classes.json            ranges of scalars in each class that pre-tokenisers distinguish
    normalizations.json     sequences of scalars in the four normal forms
    manifest.json           versions, SHA-256 of this script and of every file

usage: tokenizers.py [--python PYTHON] [--output FOLDER]

Without --python a throw-away virtual environment with the pinned package is made.
"""

import argparse
import collections
import hashlib
import json
import pathlib
import random
import subprocess
import sys
import tempfile

REQUIREMENT = "tokenizers==0.23.3"
ROOT = pathlib.Path(__file__).resolve().parents[2]
LINE_COUNT = 20480
BLOCK = 128
FULL_LINES = 40

GPT2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
NEWLINE_AWARE = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}%s"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)

# Words of upper-case letters, then lower-case ones: OpenAI's o200k, Mistral's Tekken.
CASED = (
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+%s"
    r"|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*%s"
    r"|\p{N}%s| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
CONTRACTIONS = "(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
DEEPSEEK = [
    r"\p{N}{1,3}",
    "[\u4e00-\u9fa5\u3040-\u309f\u30a0-\u30ff]+",
    r"[!\"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+"
    r"| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+",
]
# What llama.cpp does where a file does not say how it splits, and other constructs of expressions.
PUNCTUATION = [r"[\p{P}\$\+<=>\^~\|]+", GPT2.removesuffix(r"|\s+"), r"\p{N}+", "[0-9][0-9][0-9]"]
CONSTRUCTS = [
    r"(?:\p{Lu}{2,}+(?=\p{Ll})|\w+?\b|[^\W\d_]++|\d{1,2}(?=(?:\d{2})*\b)|\S)",
    r"^[\t ]+|[ \t]+$|\P{L}{3}",
]

WORDS = {
    "latin": "the of and to in is that it was for on as with his they at be this from have or by "
    "one had not but what all were when we there can an your which their said if do will each "
    "about how up out them then she many some so these would other into has more two like him "
    "see time could no make than first been its who now people my made over did down only way "
    "find use may water long little very after words called just where most know",
    "diacritics": "naïve café Müller Straße Łódź žluťoučký kůň smørrebrød façade crème brûlée "
    "Ångström señor coração İstanbul ırmak ĳsberg Œuvre Đorđe ſhip ﬁne ﬂow ǅungla",
    "combining": "e\u0301te\u0301 n\u0303o A\u030angstro\u0308m a\u0323\u0302 u\u0308ber "
    "q\u0307\u0323 \u0301x o\u0302\u0301 c\u0327a I\u0307",
    "cjk": "人工智能 模型 注意力 線性 変換 学習 東京 漢字かな交じり カタカナ ひらがな 你好世界 𠮷野家 "
    "語言 ㍿ ﾊﾝｶｸ ＡＢＣ１２３ 々",
    "hangul": "안녕하세요 세계 한국어 토크나이저 \u1112\u1161\u11ab 가\u11a8 값",
    "arabic": "السلام عليكم مَرْحَبًا ١٢٣ نموذج لغة \u200fنص ﷺ פורים שָׁלוֹם",
    "indic": "नमस्ते दुनिया क्षत्रिय ज्ञान १२३ தமிழ் বাংলা ไทย ភាសា မြန်မာ",
    "cyrillic": "привет мир модель Ёлка й и\u0306 українська Ελληνικά ΟΔΟΣ ᾳ Ω \u2126 Հայերեն",
    "emoji": "😀 👩‍👩‍👧‍👦 🏳️‍🌈 👍🏽 🇯🇵 ☃️ 🧑🏿‍🚀 ❤️ 1️⃣ 🫠",
    "numbers": "1 23 456 7890 12345 3.14 1,000,000 0x1F ½ ² Ⅷ ① 五 ٣ 1e-5 2024-01-31 ¾",
    "contractions": "don't can't I'm I'll we've they're he'd it's I'M WE'VE THEY'RE it'S x'ſ "
    "'tis rock'n'roll ''s 'll 'LL ’s y'all'd've",
    "symbols": "-- ... !? @-@ #tag $5 %d & * () [] {} <> // \\\\ | ~ ^ _under_score `code` «q» "
    "“q” — – … € £ ¥ © ™ ± × ÷ ≠ ∑ √ → ¶ § ¿ ¡ ،؟ 。、「」 ٪ ‿ ⁀",
    "control": "\x00 \x01\x02 \x07 \x1b[0m \x7f \x85 \xad \u200b \u200d \u2028 \u2029 \ufeff "
    "\u180e \u2060 \ufffd \x1f",
    "special": "<|endoftext|> <|im_start|> <|im_end|> <s> </s> <unk> <0x0A> <|begin_of_text|> "
    "<|fim|> <extra> <Extra> wordly <|im_start <|im_end|><|im_end|> <mask> ▁ ▁▁x Ġ Ċ",
    "code": "def main(): return x+=1; for(int i=0;i<10;++i){ printf(\"%s\\n\",s); } self.x_y "
    "camelCaseWord SCREAMING_CASE 'single' \"double\" #include<stdio.h>",
}
SPACES = [" "] * 60 + [
    "  ", "   ", "    ", "\t", "\t\t", " \t ", "\n", "\n\n", "\r\n", "\r\n\r\n", "\r", " \n",
    "\n ", "  \n  ", "\u00a0", "\u3000", "\u2003 ", " \u2028", "\x0b", "\x0c", "\x85", "\x1c", "",
    "", "\n\n\n    ", "        ", " \r\n\t",
]


def word(generator, script):
    if script == "scalars":
        low, high = generator.choice([
            (0, 0x250), (0x250, 0x3000), (0x3000, 0xD800), (0xE000, 0x10000), (0x10000, 0x20000),
            (0x20000, 0x33480), (0xE0000, 0xE0200), (0x10FF00, 0x110000),
        ])
        return "".join(
            generator.choice(["", "a", "1", "'", " "]) + chr(generator.randrange(low, high))
            for _ in range(generator.randint(1, 4))
        )
    text = generator.choice(WORDS[script])
    return generator.choice([str.upper, str.capitalize])(text) if (
        script in ("latin", "cyrillic", "diacritics") and generator.random() < 0.2) else text


def make_lines():
    generator = random.Random(20240229)
    scripts = list(WORDS) + ["scalars"]
    for script in WORDS:
        WORDS[script] = WORDS[script].split(" ")
    lines = ["", " ", "  ", "\n", "\r\n", "a", "'", "'s", " 's", "\x00"]
    # Every scalar that may begin, end or separate words, between a letter and a digit.
    for low in list(range(0, 0x3400, 16)) + list(range(0xFB00, 0x10000, 64)):
        lines.append("".join("a%c1" % c for c in range(low, low + 16)))
    lines.append(" " * 3000)
    lines.append("ab" * 2500)
    lines.append("人工" * 700)
    lines.append("\n" * 700 + " " * 700 + "x")
    while len(lines) < LINE_COUNT:
        script = generator.choice(scripts)
        parts = []
        for _ in range(generator.randint(1, 4)):
            if generator.random() < 0.15:
                script = generator.choice(scripts)
            parts += [word(generator, script), generator.choice(SPACES)]
        if generator.random() < 0.6:
            parts.pop()
        if generator.random() < 0.1:
            parts.insert(0, generator.choice(SPACES))
        lines.append("".join(parts))
    return lines


def fnv(chunks):
    value = 0xCBF29CE484222325
    for chunk in chunks:
        for byte in chunk:
            value = ((value ^ byte) * 0x100000001B3) & 0xFFFFFFFFFFFFFFFF
    return "%016x" % value


def ids_bytes(ids):
    return b"".join(i.to_bytes(4, "little") for i in ids) + b"\xff\xff\xff\xff"


def configurations():
    from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers
    from tokenizers import pre_tokenizers as pre
    from tokenizers import processors, trainers

    alphabet = pre.ByteLevel.alphabet()
    bytes_tokens = ["<0x%02X>" % b for b in range(256)]

    def byte_level(name, pre_tokenizer, specials, normalizer=None, post=None, added=(), **model):
        tokenizer = Tokenizer(models.BPE(**model))
        if normalizer:
            tokenizer.normalizer = normalizer
        tokenizer.pre_tokenizer = pre_tokenizer
        tokenizer.decoder = decoders.ByteLevel()
        trainer = trainers.BpeTrainer(
            vocab_size=1000, special_tokens=specials, initial_alphabet=alphabet,
            show_progress=False)

        def finish():
            tokenizer.add_tokens(list(added))
            tokenizer.post_processor = post(tokenizer) if post else processors.ByteLevel(
                trim_offsets=False)

        return name, tokenizer, trainer, finish

    def template(single, specials):
        def make(tokenizer):
            return processors.TemplateProcessing(
                single=single, special_tokens=[(s, tokenizer.token_to_id(s)) for s in specials])
        return make

    def newline_aware(digits):
        return pre.Sequence([
            pre.Split(Regex(NEWLINE_AWARE % digits), "isolated"),
            pre.ByteLevel(add_prefix_space=False, use_regex=False)])

    yield byte_level("gpt2", pre.ByteLevel(add_prefix_space=False), ["<|endoftext|>"])
    yield byte_level(
        "gpt2-prefix-space", pre.ByteLevel(add_prefix_space=True), ["<s>", "</s>", "<mask>"],
        post=lambda t: processors.RobertaProcessing(
            ("</s>", t.token_to_id("</s>")), ("<s>", t.token_to_id("<s>"))),
        added=[AddedToken("<mask>", lstrip=True, special=True),
               AddedToken("word", single_word=True, normalized=True),
               AddedToken("<extra>", rstrip=True, lstrip=True, normalized=False)])
    yield byte_level(
        "llama3", newline_aware("{1,3}"), ["<|begin_of_text|>", "<|endoftext|>"],
        post=lambda t: processors.Sequence([
            processors.ByteLevel(trim_offsets=False),
            template("<|begin_of_text|> $A", ["<|begin_of_text|>"])(t)]),
        ignore_merges=True)
    yield byte_level(
        "qwen2", newline_aware(""), ["<|endoftext|>", "<|im_start|>", "<|im_end|>"],
        normalizer=normalizers.NFC(), added=[AddedToken("<|fim|>", normalized=False)])
    yield byte_level(
        "smollm", pre.Sequence([
            pre.Digits(individual_digits=True),
            pre.ByteLevel(add_prefix_space=False, use_regex=True)]),
        ["<|endoftext|>", "<|im_start|>", "<|im_end|>"])
    yield byte_level(
        "neox", pre.ByteLevel(add_prefix_space=False), ["<|endoftext|>"],
        normalizer=normalizers.NFC(),
        added=[AddedToken("   ", normalized=True), AddedToken("    ", normalized=True)])

    def patterned(name, patterns):
        return byte_level(
            name, pre.Sequence([pre.Split(Regex(pattern), "isolated") for pattern in patterns] + [
                pre.ByteLevel(add_prefix_space=False, use_regex=False)]), ["<|endoftext|>"])

    yield patterned("o200k", [CASED % (CONTRACTIONS, CONTRACTIONS, "{1,3}")])
    yield patterned("tekken", [CASED % ("", "", "")])
    yield patterned("deepseek", DEEPSEEK)
    yield patterned("punctuation", PUNCTUATION)
    yield patterned("constructs", CONSTRUCTS)

    def unigram(name, byte_fallback, splits):
        tokenizer = Tokenizer(models.Unigram())
        tokenizer.normalizer = normalizers.NFKC()
        tokenizer.pre_tokenizer = pre.Metaspace(split=splits)
        tokenizer.decoder = decoders.Sequence(
            [decoders.ByteFallback(), decoders.Metaspace()]) if byte_fallback else (
            decoders.Metaspace())
        trainer = trainers.UnigramTrainer(
            vocab_size=900, special_tokens=["<unk>", "<s>", "</s>"], unk_token="<unk>",
            show_progress=False)

        def finish():
            state = json.loads(tokenizer.to_str())
            if byte_fallback:
                state["model"]["vocab"] += [[token, 0.0] for token in bytes_tokens]
                state["model"]["byte_fallback"] = True
            restored = Tokenizer.from_str(json.dumps(state))
            restored.post_processor = template("$A </s>", ["</s>"])(restored)
            return restored

        return name, tokenizer, trainer, finish

    yield unigram("unigram", False, True)
    yield unigram("unigram-bytes", True, False)

    def sentence_piece(name, normalizer, pre_tokenizer, decoder):
        tokenizer = Tokenizer(models.BPE(byte_fallback=True, fuse_unk=True, unk_token="<unk>"))
        if normalizer:
            tokenizer.normalizer = normalizer
        # Trained on words, as SentencePiece does; used without a split where none is given.
        tokenizer.pre_tokenizer = pre.Metaspace()
        tokenizer.decoder = decoder
        trainer = trainers.BpeTrainer(
            vocab_size=1500, special_tokens=["<unk>", "<s>", "</s>"] + bytes_tokens,
            show_progress=False)

        def finish():
            state = json.loads(tokenizer.to_str())
            # The byte tokens are ordinary tokens of the model, not added ones.
            state["added_tokens"] = [
                t for t in state["added_tokens"] if not t["content"].startswith("<0x")]
            restored = Tokenizer.from_str(json.dumps(state))
            if pre_tokenizer:
                restored.pre_tokenizer = pre_tokenizer
            restored.post_processor = template("<s> $A </s>", ["<s>", "</s>"])(restored)
            state = json.loads(restored.to_str())
            if not pre_tokenizer:
                state["pre_tokenizer"] = None
            return Tokenizer.from_str(json.dumps(state))

        return name, tokenizer, trainer, finish

    yield sentence_piece(
        "llama2", normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")]),
        None, decoders.Sequence([
            decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(),
            decoders.Strip(" ", 1, 0)]))
    yield sentence_piece(
        "llama-metaspace", None, pre.Metaspace(prepend_scheme="first", split=False),
        decoders.Sequence([
            decoders.ByteFallback(), decoders.Metaspace(prepend_scheme="first")]))
    yield sentence_piece(
        "compatibility", normalizers.Sequence([
            normalizers.Strip(), normalizers.NFKC(), normalizers.Lowercase()]),
        pre.Sequence([pre.Whitespace(), pre.Punctuation(), pre.Metaspace()]),
        decoders.Metaspace())

    def bert():
        tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
        tokenizer.normalizer = normalizers.BertNormalizer()
        tokenizer.pre_tokenizer = pre.BertPreTokenizer()
        tokenizer.decoder = decoders.WordPiece()
        specials = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
        trainer = trainers.WordPieceTrainer(
            vocab_size=1500, special_tokens=specials, show_progress=False)

        def finish():
            tokenizer.post_processor = template("[CLS] $A [SEP]", ["[CLS]", "[SEP]"])(tokenizer)

        return "bert", tokenizer, trainer, finish

    yield bert()


def common_lines(lines):
    """The lines of which every character is among the 600 most frequent.

    The trainer's own limit breaks ties in no particular order.
    """
    counts = collections.Counter("".join(lines))
    common = {c for c, _ in sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:600]}
    return [line for line in lines if common.issuperset(line)]


def classes():
    from tokenizers import Regex
    from tokenizers import pre_tokenizers as pre

    def removed(splitter):
        return lambda c: not splitter.pre_tokenize_str(c)

    def isolated(splitter):
        return lambda c: len(splitter.pre_tokenize_str("あ" + c)) == 2

    whitespace = pre.Whitespace()
    tests = {
        "letter": removed(pre.Split(Regex(r"\p{L}"), "removed")),
        "number": removed(pre.Split(Regex(r"\p{N}"), "removed")),
        "whitespace": removed(pre.Split(Regex(r"\s"), "removed")),
        "digit": isolated(pre.Digits(True)),
        "word": lambda c: len(whitespace.pre_tokenize_str("a" + c)) == 1
        and whitespace.pre_tokenize_str(c) != [],
        "punctuation": isolated(pre.Punctuation()),
    }
    scalars = [c for c in range(0x110000) if not 0xD800 <= c < 0xE000]
    result = {}
    for name, test in tests.items():
        ranges = []
        for c in scalars:
            if test(chr(c)):
                if ranges and ranges[-1][1] == c:
                    ranges[-1][1] = c + 1
                else:
                    ranges.append([c, c + 1])
        result[name] = [edge for pair in ranges for edge in pair]
    return result


def normalizations():
    """Sequences that reorder, decompose and compose, with their four normal forms."""
    from tokenizers import normalizers

    generator = random.Random(11)
    ranges = [
        (0x300, 0x370), (0x300, 0x370), (0x591, 0x5C8), (0x64B, 0x660), (0xF71, 0xF85),
        (0x1DC0, 0x1E00), (0x1100, 0x1113), (0x1161, 0x1176), (0x11A7, 0x11C3), (0xC0, 0x250),
        (0x1E00, 0x2000), (0xFB00, 0xFB50), (0xFF60, 0xFFDD), (0x2F800, 0x2FA1E),
        (0xE0100, 0xE01F0), (0x10F46, 0x10F51), (0x11930, 0x11940), (0x61, 0x7B), (0x3041, 0x309B),
    ]
    forms = [normalizers.NFC(), normalizers.NFD(), normalizers.NFKC(), normalizers.NFKD()]
    cases = []
    for _ in range(600):
        text = ""
        for _ in range(generator.randint(1, 6)):
            text += chr(generator.randrange(*generator.choice(ranges)))
            if generator.random() < 0.1:
                text += chr(0xAC00 + 28 * generator.randrange(399))
        cases.append([text] + [form.normalize_str(text) for form in forms])
    return cases


def golden(tokenizer, lines):
    blocks = []
    full = []
    for start in range(0, len(lines), BLOCK):
        plain, special, text, skipped, pieces = [], [], [], [], []
        for line in lines[start:start + BLOCK]:
            ids = tokenizer.encode(line, add_special_tokens=False).ids
            if len(full) < FULL_LINES and (start > 1000 or start == 0) and len(line) < 100:
                full.append([line, ids])
            plain.append(ids_bytes(ids))
            special.append(ids_bytes(tokenizer.encode(line).ids))
            text.append(tokenizer.decode(ids, skip_special_tokens=False).encode() + b"\xff")
            skipped.append(tokenizer.decode(ids).encode() + b"\xff")
            normal = tokenizer.normalizer.normalize_str(line) if tokenizer.normalizer else line
            if tokenizer.pre_tokenizer:
                found = [p for p, _ in tokenizer.pre_tokenizer.pre_tokenize_str(normal)]
            else:
                found = [normal] if normal else []
            pieces.append(b"".join(p.encode() + b"\xfe" for p in found) + b"\xff")
        blocks.append(" ".join(fnv(x) for x in (plain, special, text, skipped, pieces)))
    tokenizer.encode_special_tokens = True
    unrecognised = [
        [line, tokenizer.encode(line, add_special_tokens=False).ids]
        for line in lines if "<" in line and len(line) < 100][:40]
    tokenizer.encode_special_tokens = False
    # Ids in an order that no text has: broken characters, unknown ids.
    generator = random.Random(7)
    decoded = []
    for _ in range(100):
        ids = [generator.randrange(tokenizer.get_vocab_size() + 2)
               for _ in range(generator.randint(0, 12))]
        if generator.random() < 0.5:
            ids = [generator.randrange(270) for _ in ids]
        decoded.append([ids, tokenizer.decode(ids, skip_special_tokens=False)])
    return {"blocks": blocks, "lines": full, "unrecognised": unrecognised, "decoded": decoded}


def write(folder, name, value):
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    (folder / name).write_bytes(text.encode() + b"\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--python", help="an interpreter that has " + REQUIREMENT)
    parser.add_argument(
        "--output", type=pathlib.Path, default=ROOT / "Tests/CorpusTests/Goldens/tokenizers")
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if not arguments.inside:
        # -P: this file must not be found where the package of the same name is meant.
        again = ["-P", __file__, "--inside", "--output", str(arguments.output)]
        if arguments.python:
            sys.exit(subprocess.call([arguments.python] + again))
        with tempfile.TemporaryDirectory() as folder:
            subprocess.check_call([sys.executable, "-m", "venv", folder])
            subprocess.check_call([folder + "/bin/pip", "install", "--quiet", REQUIREMENT])
            sys.exit(subprocess.call([folder + "/bin/python"] + again))

    import tokenizers
    folder = arguments.output
    folder.mkdir(parents=True, exist_ok=True)
    lines = make_lines()
    write(folder, "lines.json", lines)
    training = [line for line in lines if len(line) < 400] * 2
    for name, tokenizer, trainer, finish in configurations():
        is_byte_level = "ByteLevel" in str(tokenizer.pre_tokenizer)
        text = training if is_byte_level else common_lines(training)
        tokenizer.train_from_iterator(text, trainer)
        tokenizer = finish() or tokenizer
        state = json.loads(tokenizer.to_str())
        write(folder, name + ".tokenizer.json", state)
        write(folder, name + ".golden.json", golden(tokenizer, lines))
        print(name, tokenizer.get_vocab_size(), "tokens", len(state["model"].get("merges", [])), "merges")
    write(folder, "classes.json", classes())
    write(folder, "normalizations.json", normalizations())
    digest = lambda path: hashlib.sha256(path.read_bytes()).hexdigest()
    write(folder, "manifest.json", {
        "script": "scripts/goldens/tokenizers.py",
        "scriptSHA256": digest(pathlib.Path(__file__)),
        "tokenizers": tokenizers.__version__,
        "files": {p.name: digest(p) for p in sorted(folder.iterdir())
                  if p.name != "manifest.json"},
    })


if __name__ == "__main__":
    main()
