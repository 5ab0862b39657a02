"""Reads character vectors out of an installed R package's lazy-load database (Rdata.rdx, Rdata.rdb).

The index (.rdx) is a zlib-compressed serialised list whose `variables` name (offset, length) pairs
in the .rdb; each of those is a length-prefixed compressed block holding one serialised object.
Only the types that such databases hold for plain character vectors are known: anything else stops
with its type code. Format: R Internals, section 1.8.
"""

import bz2
import lzma
import struct
import zlib


class Reader:
    def __init__(self, data):
        if data[:2] != b"X\n":
            raise ValueError(f"expected a serialised R object in XDR form, found {data[:2]!r}")
        self.data, self.at, self.references = data, 2, []
        version = self.integer()
        self.at += 8  # writer and minimum reader versions
        if version == 3:
            self.take(self.integer())  # native encoding's name
        elif version != 2:
            raise ValueError(f"R serialisation version {version}: only 2 and 3 are known")

    def take(self, count):
        piece = self.data[self.at : self.at + count]
        if len(piece) != count:
            raise ValueError(f"R object ends early: {count} bytes wanted at {self.at}")
        self.at += count
        return piece

    def integer(self):
        return struct.unpack(">i", self.take(4))[0]

    def pairs(self, flags):
        """A pairlist, as [(tag, value)]."""
        found = []
        while flags & 0xFF == 2:
            if flags & 0x200:
                self.item()
            tag = self.item() if flags & 0x400 else None
            found.append((tag, self.item()))
            flags = self.integer()
        return found

    def attributes(self, flags):
        return dict(self.pairs(self.integer())) if flags & 0x200 else {}

    def item(self):
        flags = self.integer()
        kind = flags & 0xFF
        if kind in (254, 242, 253, 251):  # NULL, empty and global environments, missing argument
            return None
        if kind == 255:
            return self.references[((flags >> 8) or self.integer()) - 1]
        if kind == 1:
            name = self.item()
            self.references.append(name)
            return name
        if kind == 2:
            return self.pairs(flags)
        if kind == 9:
            length = self.integer()
            text = None if length == -1 else self.take(length)
            return None if text is None else text.decode("latin-1" if flags & 0x4000 else "utf-8")
        if kind in (10, 13):
            values = list(struct.unpack(f">{(n := self.integer())}i", self.take(4 * n)))
        elif kind == 14:
            values = list(struct.unpack(f">{(n := self.integer())}d", self.take(8 * n)))
        elif kind in (16, 19):
            values = [self.item() for _ in range(self.integer())]
        else:
            raise ValueError(f"R object of type {kind} at {self.at}: not known to this reader")
        names = self.attributes(flags).get("names")
        return dict(zip(names, values)) if names else values


def decompress(block):
    kind, body = block[4:5], block[5:]
    if kind == b"Z":
        filters = [{"id": lzma.FILTER_LZMA2, "preset": 6}]
        return lzma.decompress(body, format=lzma.FORMAT_RAW, filters=filters)
    if kind == b"2":
        return bz2.decompress(body)
    return zlib.decompress(block[4:])


def character_vectors(stem):
    """{name: [line]} of every character vector in `stem`.rdx and `stem`.rdb."""
    with open(stem + ".rdx", "rb") as file:
        index = Reader(zlib.decompress(file.read(), wbits=47)).item()
    with open(stem + ".rdb", "rb") as file:
        blocks = file.read()
    return {
        name: Reader(decompress(blocks[offset : offset + length])).item()
        for name, (offset, length) in sorted(index["variables"].items())
    }
