"""How much memory decoding takes: the growth of a fresh process, for each format, per pixel.

Usage: python bench/decoding_memory.py [--side 4096] [--formats PNG,JPEG]

A picture of side × side noise is encoded in each format; a process of its own prepares it at 224 × 224 and tells how much
its peak (ru_maxrss) grew. `--side 14142` is the limit of 200 megapixels (noise then makes large files; `--flat` does not).
"""

from __future__ import annotations

import argparse
import io
import subprocess
import sys
import tempfile
from pathlib import Path

FORMATS = (
    "PNG",
    "PNG RGBA",
    "PNG 16",
    "JPEG",
    "JPEG progressive",
    "WEBP",
    "AVIF",
    "HEIF",
    "JPEG2000",
    "TIFF",
    "GIF",
    "BMP",
)

# Run in a small process of its own: a child inherits the peak of the parent that it was forked from.
CHILD = """
import resource, sys
from likewise import images
from likewise.errors import BadImage
from likewise.types import Recipe
images.prepare(open(sys.argv[2], "rb").read(), Recipe("x", 224, "crop", shorter=256))
data = open(sys.argv[1], "rb").read()
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    images.prepare(data, Recipe("x", 224, "crop", shorter=256))
    print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024)
except BadImage as error:
    print(error)
"""


def encode(kind: str, side: int, *, flat: bool) -> bytes:
    """One picture in one format."""
    import numpy as np
    from PIL import Image as Picture

    draw = np.random.default_rng(0)
    name, _, variant = kind.partition(" ")
    channels = 4 if variant == "RGBA" else 3
    values = np.zeros((side, side, channels), np.uint8) if flat else draw.bytes(side * side * channels)
    pixels = np.frombuffer(values, np.uint8).reshape(side, side, channels)
    picture = Picture.fromarray(pixels)
    if variant == "16":
        picture = Picture.fromarray(pixels[..., 0].astype(np.uint16) * 257)
    buffer = io.BytesIO()
    if name == "HEIF":
        import pillow_heif

        pillow_heif.from_pillow(picture).save(buffer, quality=60)
    else:
        options = {"progressive": True} if variant == "progressive" else {"compress_level": 1} if name == "PNG" else {}
        picture.save(buffer, name, **options)
    return buffer.getvalue()


def main() -> None:
    """Print a line for each format."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--side", type=int, default=4096)
    parser.add_argument("--formats", default=",".join(FORMATS))
    parser.add_argument("--flat", action="store_true", help="one colour instead of noise")
    given = parser.parse_args()
    pixels = given.side**2
    print(f"{given.side} × {given.side}, {'flat' if given.flat else 'noise'}")
    print(f"{'format':18}{'file MB':>9}{'peak MB':>9}{'bytes a pixel':>15}")
    for kind in given.formats.split(","):
        with tempfile.TemporaryDirectory() as folder:
            path, small = Path(folder) / "picture", Path(folder) / "small"
            # Encoding in another process keeps this one, and so its children, small.
            for side, target in ((given.side, path), (16, small)):
                program = (
                    f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r}); import decoding_memory as d; "
                )
                program += f"open({str(target)!r}, 'wb').write(d.encode({kind!r}, {side}, flat={given.flat}))"
                subprocess.run([sys.executable, "-W", "ignore", "-c", program], check=True)
            done = subprocess.run(
                [sys.executable, "-W", "ignore", "-c", CHILD, str(path), str(small)],
                capture_output=True,
                text=True,
                check=True,
            )
            told = done.stdout.strip()
            size = path.stat().st_size / 1e6
            if told.isdigit():
                print(f"{kind:18}{size:9.1f}{int(told) / 1e6:9.0f}{(int(told) + path.stat().st_size) / pixels:15.1f}")
            else:
                print(f"{kind:18}{size:9.1f}  refused: it {told}")


if __name__ == "__main__":
    main()
