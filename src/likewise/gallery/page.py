"""The page itself: one script, one style, and a document that shows the first pictures before either has come."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from html import escape
from importlib.resources import files
from urllib.parse import quote

from likewise.gallery.bundling import bundled
from likewise.gallery.folder import Folder
from likewise.gallery.pictures import NOTHING, Shown, thumbnail_name
from likewise.show import printable
from likewise.types import Record

_FIRST = 60  # images that the document itself shows
_SMALL = 64  # pixels, which are shown as squares, as the script does
_EAGER = 24  # of them, loaded whether in sight or not


def write(
    folder: Folder,
    title: str,
    told: Mapping[str, object],
    notes: Mapping[str, str],
    images: Sequence[tuple[Record, Shown]],
) -> None:
    """Write the page; its script and style have names that change with their content, so that they may be cached for ever.

    Args:
        folder: Of the gallery.
        title: Of the page.
        told: What the script needs to know, such as the names of files.
        notes: Facts for people.
        images: In gallery order.
    """
    script = _asset(folder, "gallery", "js", bundled(lambda name: _text(f"{name}.js"), "main"))
    style = _asset(folder, "gallery", "css", _text("style.css"))
    facts = "".join(f"<dt>{_shown(name)}</dt><dd>{_shown(value)}</dd>" for name, value in notes.items())
    document = _text("index.html")
    # whatever a title or a key says, it is put in once and not looked at again
    pieces = {
        "title": _shown(title),
        "style": style,
        "script": script,
        "told": json.dumps(told, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c"),
        "count": f"{len(images):,} {'image' if len(images) == 1 else 'images'}",
        "tiles": "".join(_tile(i, *image) for i, image in enumerate(images[:_FIRST])),
        "notes": facts,
    }
    text = _filled(document, pieces)
    folder.announce(["index.html"])
    folder.write("index.html", text.encode("utf-8", "replace"))


def _filled(document: str, pieces: Mapping[str, str]) -> str:
    first, *rest = document.split("{")
    out = [first]
    for part in rest:
        name, _, after = part.partition("}")
        out += [pieces[name], after]
    return "".join(out)


def _asset(folder: Folder, name: str, ending: str, text: str) -> str:
    data = text.encode()
    full = f"assets/{name}-{hashlib.sha256(data).hexdigest()[:12]}.{ending}"
    folder.announce([full])
    folder.write(full, data)
    return full


def _text(name: str) -> str:
    return files("likewise.gallery").joinpath("web", name).read_text("utf-8")


def _tile(number: int, record: Record, shown: Shown) -> str:
    """What the script would make of the image, so that nothing moves when it takes over."""
    key = record.key.encode("utf-8", "replace").decode()
    told = "cannot be shown"
    if shown.thumbnail != NOTHING:
        lazy = ' loading="lazy"' if number >= _EAGER else ""
        pixels = ' class="pixels"' if max(record.width, record.height) <= _SMALL else ""
        told = f'<img src="{thumbnail_name(shown.thumbnail)}" alt=""{lazy}{pixels} decoding="async">'
    address = quote(key, safe="")
    return (
        f'<li data-place="{number}"><a class="open" href="#open={address}" aria-label="{_shown(key)}">{told}</a></li>'
    )


def _shown(text: str) -> str:
    return escape(printable(text))
