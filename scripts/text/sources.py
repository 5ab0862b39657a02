"""Turns the unpacked Debian packages into documents: (title, [paragraph]).

A paragraph is one line of prose with the markup off. What is not prose (code listings, menus,
tables, cross-reference lines) is left out, since a student learns attention best from running text.
"""

import gzip
import html.parser
import pathlib
import re

import rdata


# Jane Austen's novels (R package janeaustenr, from Project Gutenberg): a document is a chapter.

NOVELS = {
    "emma": "Emma",
    "mansfieldpark": "Mansfield Park",
    "northangerabbey": "Northanger Abbey",
    "persuasion": "Persuasion",
    "prideprejudice": "Pride and Prejudice",
    "sensesensibility": "Sense and Sensibility",
}
CHAPTER = re.compile(r"^\s*chapter\s+([ivxlc]+|\d+)\b", re.IGNORECASE)
DIVISION = re.compile(r"^\s*(volume|the end\b|finis\b)", re.IGNORECASE)


def novels(root):
    for name, lines in rdata.character_vectors(str(root / "data" / "Rdata")).items():
        if name not in NOVELS:
            raise ValueError(f"unknown novel {name!r}; known: {', '.join(NOVELS)}")
        chapter, title = [], None
        for line in lines + ["Chapter I"]:
            if CHAPTER.match(line):
                if title:
                    yield title, paragraphs(chapter)
                title = f"{NOVELS[name]}, chapter {CHAPTER.match(line).group(1)}"
                chapter = []
            elif not DIVISION.match(line):
                chapter.append(line.replace("_", ""))


def paragraphs(lines):
    return [" ".join(block.split()) for block in re.split(r"\n\s*\n", "\n".join(lines))]


# dictd dictionaries (RFC 2229): a gzip file and an index of base-64 offsets and lengths.

DIGITS = {
    character: value
    for value, character in enumerate(
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    )
}


def dictionary(stem):
    """Entries in file order: (headword, text)."""
    data = gzip.decompress(pathlib.Path(f"{stem}.dict.dz").read_bytes())
    places = {}
    for line in pathlib.Path(f"{stem}.index").read_text(encoding="utf-8").splitlines():
        headword, *place = line.split("\t")
        if headword.startswith(("00database", "00-database")):
            continue
        start, length = (number(field) for field in place[:2])
        places.setdefault(start, (headword, length))
    for start, (headword, length) in sorted(places.items()):
        yield headword, data[start : start + length].decode("utf-8")


def number(field):
    value = 0
    for character in field:
        value = value * 64 + DIGITS[character]
    return value


BRACES = re.compile(r"\{([^{}]*)\}")
ADDRESS = r"(?:(?:https?|ftp|news|mailto):|/[a-z]+/[a-z]+/)"
ASIDE = re.compile(rf"\s*\({ADDRESS}[^()\s]*\)")
BARE = re.compile(r"(?:https?|ftp|news|mailto):")
TRAILING = re.compile(r"\s+(See|See also|Compare)\s*$")
COARSE = re.compile(r"fuck|\bcunt|nigger|rape\b", re.IGNORECASE)
PRONUNCIATION = re.compile(r"\s*(?<!\w)/[^\s/][^/\n]{0,60}[^\s/]/(?!\w),?")


def jargon(root):
    for headword, text in dictionary(root / "jargon"):
        if COARSE.search(text):
            continue
        blocks = re.split(r"\n\s*\n", text)
        first = blocks[0].splitlines()[0].strip() if blocks[0].strip() else headword
        yield clean(first), without_addresses(clean(block) for block in blocks[1:])


def foldoc(root):
    for headword, text in dictionary(root / "foldoc"):
        if "Jargon File" in text:
            continue  # the same words again, as in dict-jargon
        blocks = re.split(r"\n\s*\n", text)
        first = blocks[0].splitlines()[0].strip() if blocks[0].strip() else headword
        kept = []
        for block in blocks[1:]:
            block = re.sub(r"^\s*(\d+\.\s+)?<[a-z ,/-]+>\s*", r"\1", block)
            block = clean(block)
            # Left out: dates, citations, editors' notes and lines that name a link.
            if len(block) >= 50 and not re.match(r"^[\[(].*[\])]\.?$", block):
                kept.append(block)
        yield clean(first), without_addresses(kept)


def clean(text):
    text = BRACES.sub(r"\1", " ".join(text.split()))
    text = PRONUNCIATION.sub("", ASIDE.sub("", text))
    return TRAILING.sub("", " ".join(text.split()))


def without_addresses(blocks):
    """A sentence around an address does not read on without it: the paragraph goes."""
    return [block for block in blocks if not BARE.search(block)]


# HTML books.

BLOCKS = set(
    "address article aside blockquote body dd div dl dt figure figcaption footer h1 h2 h3 h4 h5 h6 "
    "header hr li main nav ol p pre section table tbody td tfoot th thead tr ul".split()
)
VOID = set("area base br col embed hr img input link meta source track wbr".split())
SKIPPED_TAGS = set("script style head nav pre table form figure button footer".split())
SKIPPED_CLASSES = set(
    "docnav toc toc-entry index indexterm footnote footnotes programlisting screen literallayout "
    "table table-contents figure mediaobject related sphinxsidebar footer headerlink highlight "
    "legalnotice revhistory list-of-figures literal-block".split()
)
HEADINGS = {"h1", "h2", "h3", "h4", "h5", "h6"}


class Page(html.parser.HTMLParser):
    """Collects a page's headings and paragraphs in reading order, without what is not prose."""

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.open, self.skipped, self.words = [], 0, []
        self.title, self.blocks = None, []
        self.feed(text)
        self.close()
        self.flush()

    def handle_starttag(self, tag, attributes):
        if tag in VOID:
            if tag == "br":
                self.words.append(" ")
            return
        if tag in BLOCKS:
            self.flush()
        attributes = dict(attributes)
        classes = set((attributes.get("class") or "").split())
        skip = tag in SKIPPED_TAGS or classes & SKIPPED_CLASSES or attributes.get("id") == "title"
        skip = skip or attributes.get("id") == "banner" or attributes.get("role") == "navigation"
        self.open.append((tag, bool(skip)))
        self.skipped += bool(skip)

    def handle_startendtag(self, tag, attributes):
        if tag in VOID:
            self.handle_starttag(tag, attributes)

    def handle_endtag(self, tag):
        if not any(tag == name for name, _ in self.open):
            return
        if tag in BLOCKS:
            self.flush(heading=tag in HEADINGS)
        while self.open:
            name, skip = self.open.pop()
            self.skipped -= skip
            if name == tag:
                break

    def handle_data(self, data):
        if not self.skipped:
            self.words.append(data)

    def flush(self, heading=False):
        text, self.words = " ".join("".join(self.words).split()), []
        if not text:
            return
        if heading:
            text = re.sub(r"^(Chapter |Appendix )?([A-Z]|\d+)(\.\d+)*\.\s*", "", text)
            text = text.removesuffix("¶").strip()
            if self.title is None:
                self.title = text
                return
        self.blocks.append(ASIDE.sub("", text))


def pages(root, pattern="*.html", without=()):
    """A document is a page; numbers of sections and marks of permanent links are off."""
    for path in sorted(root.glob(pattern)):
        if path.name not in without:
            page = Page(path.read_text(encoding="utf-8"))
            yield page.title or path.stem, without_addresses(page.blocks)
