"""What one image may cost, checked on its header before any pixel has memory."""

from __future__ import annotations

from dataclasses import dataclass

from likewise.errors import OverLimit


@dataclass(frozen=True, slots=True)
class Limits:
    """What one image may cost; anything above is refused with the reason and the way to raise it.

    Attributes:
        max_bytes: Encoded size.
        max_pixels: Width × height.
        max_side: The longer of width and height, in pixels.
        max_memory_bytes: The encoded bytes, the decoded pixels and the decoder's own working memory together. The
            default keeps a process that does nothing else under 1 GiB: it is what binds for formats whose decoders need
            several times the memory of the picture (docs/images.md lists them).
    """

    max_bytes: int = 512 * 2**20
    max_pixels: int = 200_000_000
    max_side: int = 100_000
    max_memory_bytes: int = 960_000_000


def check_bytes(size_bytes: int, limits: Limits) -> None:
    """Refuse a file over `max_bytes`."""
    if size_bytes > limits.max_bytes:
        raise OverLimit(
            f"is {_mega(size_bytes)} MB, over the limit of {_mega(limits.max_bytes)} MB: raise it with --max-bytes"
        )


def check_size(width: int, height: int, limits: Limits) -> None:
    """Refuse a picture over `max_pixels` or `max_side`."""
    size = f"is {width:,} × {height:,} pixels"
    if width * height > limits.max_pixels:
        megapixels = f"{limits.max_pixels / 1e6:g} megapixels"
        raise OverLimit(f"{size}, over the limit of {megapixels}: raise it with --max-pixels")
    if max(width, height) > limits.max_side:
        raise OverLimit(f"{size}, over the limit of {limits.max_side:,} on a side: raise it with --max-side")


def check_memory(need_bytes: int, what: str, limits: Limits) -> None:
    """Refuse a picture that would need more than `max_memory_bytes`; `what` says which, such as `a WebP of 9 × 9`."""
    if need_bytes > limits.max_memory_bytes:
        raise OverLimit(
            f"is {what}, which takes {_mega(need_bytes)} MB of memory to decode, over the limit of "
            f"{_mega(limits.max_memory_bytes)} MB: raise it with --max-memory, or save the image smaller"
        )


def _mega(size_bytes: int) -> str:
    return f"{size_bytes / 1e6:,.0f}" if size_bytes >= 1e7 else f"{size_bytes / 1e6:,.3g}"
