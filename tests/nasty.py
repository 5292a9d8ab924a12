"""Pictures that nobody means well with, drawn; and a mutator that makes many more of them from good ones."""

from __future__ import annotations

import io
import random
import struct
import zlib
from collections.abc import Iterator

from PIL import Image as Picture

KINDS = ("JPEG", "PNG", "WEBP", "GIF", "TIFF", "BMP", "ICO", "PPM", "AVIF")


def good(kind: str, side: int = 40) -> bytes:
    """A whole picture of a kind."""
    file = io.BytesIO()
    drawn = Picture.radial_gradient("L").resize((side, side))
    Picture.merge("RGB", (drawn, drawn.rotate(90), drawn.rotate(180))).save(file, kind)
    return file.getvalue()


def png(width: int, height: int, body: bytes, colour: int = 2, more: bytes = b"") -> bytes:
    """A PNG that may say more of itself than is true."""
    head = struct.pack(">IIBBBBB", width, height, 8, colour, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", head) + more + _chunk(b"IDAT", body) + _chunk(b"IEND", b"")


def _chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def zeros(size_bytes: int) -> bytes:
    """So many zeros, compressed about a thousandfold."""
    packer = zlib.compressobj(9)
    parts = [packer.compress(bytes(1 << 20)) for _ in range(size_bytes >> 20)]
    return b"".join([*parts, packer.flush()])


def drawn() -> dict[str, bytes]:
    """One of each trick, by name."""
    jpeg, tiff, gif, webp, avif = good("JPEG"), good("TIFF"), good("GIF"), good("WEBP"), good("AVIF")
    text = _chunk(b"zTXt", b"a\0\0" + zeros(64 << 20))
    profile = _chunk(b"iCCP", b"a\0\0" + zeros(64 << 20))
    return {
        "nothing": b"",
        "one byte": b"\xff",
        "only a beginning": jpeg[:3],
        "PNG of 2 Gpx": png(2**31 - 1, 2**31 - 1, zeros(1 << 20)),
        "PNG of 400 Mpx": png(20_000, 20_000, zeros(64 << 20)),
        "PNG as long as a street": png(2**31 - 1, 1, zeros(1 << 20)),
        "PNG without width": png(0, 10, zeros(1 << 20)),
        "PNG with less than it says": png(3000, 3000, zeros(1 << 20)),
        "PNG with more than it says": png(4, 4, zeros(64 << 20)),
        "PNG with a bomb of text": png(4, 4, zlib.compress(bytes(4 * 13)), more=text),
        "PNG with a bomb of a profile": png(4, 4, zlib.compress(bytes(4 * 13)), more=profile),
        "PNG of no colour type": png(4, 4, zlib.compress(bytes(100)), colour=5),
        "JPEG of 4 Gpx": _replaced(jpeg, b"\xff\xc0", 5, struct.pack(">HH", 65_535, 65_535)),
        "JPEG without height": _replaced(jpeg, b"\xff\xc0", 5, struct.pack(">HH", 0, 40)),
        "JPEG cut": jpeg[: len(jpeg) // 2],
        "JPEG with a page behind it": jpeg + b"<script>alert(1)</script>" * 1000,
        "JPEG of markers": b"\xff\xd8" + b"\xff\xfe\x00\x02" * 100_000 + jpeg[2:],
        "GIF of 4 Gpx": gif[:6] + struct.pack("<HH", 65_535, 65_535) + gif[10:],
        "GIF of many frames": gif[:-1] + gif[gif.index(b",") : -1] * 2000 + b";",
        "TIFF that is its own next page": _looped(tiff),
        "TIFF that begins beyond its end": tiff[:4] + struct.pack("<I", 2**31) + tiff[8:],
        "WebP that says it is longer": webp[:4] + struct.pack("<I", 2**32 - 2) + webp[8:],
        "AVIF cut": avif[: len(avif) * 2 // 3],
        "BMP of 4 Gpx": b"BM"
        + struct.pack("<IIIIiiHHIIiiII", 100, 0, 54, 40, 65_535, 65_535, 1, 24, 0, 0, 1, 1, 0, 0)
        + bytes(46),
        "PPM of words": b"P6\n99999999999999999999 99999999999\n255\n" + bytes(100),
        "SVG": b"<svg xmlns='http://www.w3.org/2000/svg'><image href='file:///etc/passwd'/></svg>",
        "PostScript": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n(/etc/passwd) run",
        "page": b"<html><script>alert(1)</script>",
        "zip": b"PK\x03\x04" + bytes(1000),
    }


def mutants(count: int, seed: int) -> Iterator[bytes]:
    """Good pictures with something wrong: bits, bytes, numbers, cuts, repeats, pieces of others. The same ones every time."""
    draw = random.Random(seed)
    parents = [good(kind, side) for kind in KINDS for side in (7, 40)]
    for _ in range(count):
        data = bytearray(draw.choice(parents))
        for _ in range(draw.randint(1, 8)):
            _spoil(data, draw, parents)
        yield bytes(data)


def _spoil(data: bytearray, draw: random.Random, parents: list[bytes]) -> None:
    if not data:
        return
    # Half of the wounds are near the beginning, where sizes and kinds are told.
    at = draw.randrange(min(len(data), 64)) if draw.random() < 0.5 else draw.randrange(len(data))
    how = draw.randrange(7)
    if how == 0:
        data[at] ^= 1 << draw.randrange(8)
    elif how == 1:
        data[at] = draw.choice((0, 1, 0x7F, 0x80, 0xFF))
    elif how == 2:
        number = draw.choice((0, 1, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFF))
        data[at : at + 4] = struct.pack(draw.choice(("<I", ">I")), number)
    elif how == 3:
        del data[at:]
    elif how == 4:
        del data[at : at + draw.randint(1, 32)]
    elif how == 5:
        data[at:at] = data[at : at + draw.randint(1, 64)] * draw.randint(1, 50)
    else:
        other = draw.choice(parents)
        start = draw.randrange(len(other))
        data[at : at + 32] = other[start : start + 32]


def _replaced(data: bytes, marker: bytes, behind: int, new: bytes) -> bytes:
    at = data.index(marker) + behind
    return data[:at] + new + data[at + len(new) :]


def _looped(tiff: bytes) -> bytes:
    first = struct.unpack_from("<I", tiff, 4)[0]
    entries = struct.unpack_from("<H", tiff, first)[0]
    at = first + 2 + 12 * entries
    return tiff[:at] + struct.pack("<I", first) + tiff[at + 4 :]
