"""A self-contained HTML page: no script, no request to anywhere, every picture inside."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path

from PIL import Image as Picture

from likewise.show import Answer, score_text
from likewise.types import Hit, Image

_STYLE = """
:root{color-scheme:light dark;--ground:#fff;--ink:#1d1d1f;--faint:#6b6b70;--line:#e3e3e6;--mark:#0a66c2}
@media(prefers-color-scheme:dark){:root{--ground:#161618;--ink:#ececee;--faint:#a2a2a8;--line:#323236;--mark:#6cb2ff}}
*{box-sizing:border-box}
body{margin:0 auto;max-width:1500px;padding:1.5rem;background:var(--ground);color:var(--ink);font:15px/1.45 system-ui,sans-serif}
h1{font-size:1.5rem;margin:0 0 1rem}h2{font-size:1.05rem;font-weight:600;margin:2.5rem 0 .8rem;overflow-wrap:anywhere}
dl{display:grid;grid-template-columns:max-content 1fr;gap:.15rem 1rem;margin:0 0 1rem;color:var(--faint)}
dd{margin:0;color:var(--ink);overflow-wrap:anywhere}
nav ol{columns:16rem;padding-left:1.6rem;margin:0}a{color:var(--mark)}
a:focus-visible{outline:3px solid var(--mark);outline-offset:2px;border-radius:4px}
.hits{display:grid;grid-template-columns:repeat(auto-fill,minmax(130px,1fr));gap:1rem;list-style:none;padding:0;margin:0}
figure{margin:0}
.picture{display:flex;align-items:center;justify-content:center;aspect-ratio:1;
border:1px solid var(--line);border-radius:8px;overflow:hidden}
.picture img{width:100%;height:100%;object-fit:contain}.small img{image-rendering:pixelated}.query .picture{border:3px solid var(--mark)}
.none{color:var(--faint);font-size:.85rem}figcaption{margin-top:.35rem;font-size:.85rem;overflow-wrap:anywhere}
figcaption b{font-variant-numeric:tabular-nums}figcaption span{color:var(--faint);display:block}
@media(max-width:480px){body{padding:1rem}.hits{grid-template-columns:repeat(2,1fr);gap:.7rem}}
"""

_SMALL = 64
_QUALITY = 86


def html(answers: Sequence[Answer], *, title: str, notes: Mapping[str, str] | None = None) -> str:
    """A page with every query and its hits.

    Args:
        answers: In the order of the page.
        title: Of the page.
        notes: Facts for its head, such as the model and the size of the gallery.

    Returns:
        The whole document; originals are linked by file:// where they are plain files.
    """
    facts = "".join(f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in (notes or {}).items())
    contents = ""
    if len(answers) > 1:
        lines = "".join(f'<li><a href="#q{i}">{escape(each.query)}</a></li>' for i, each in enumerate(answers, 1))
        contents = f'<nav aria-label="Queries"><ol>{lines}</ol></nav>'
    sections = "".join(_section(i, answer) for i, answer in enumerate(answers, 1))
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none';img-src data:;style-src 'unsafe-inline'\">"
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head>\n"
        f"<body><h1>{escape(title)}</h1>{f'<dl>{facts}</dl>' if facts else ''}{contents}\n<main>{sections}</main></body></html>\n"
    )


def fragment(answer: Answer) -> str:
    """A row of pictures for a notebook's output cell: styles are inside, and touch nothing else."""
    pictures = [_small(answer.picture, "query", answer.query, framed=True)]
    for hit, picture in zip(answer.hits, answer.pictures, strict=True):
        pictures.append(_small(picture, f"{hit.rank} · {score_text(hit.score)}", hit.key))
    return f'<div style="display:flex;flex-wrap:wrap;gap:10px">{"".join(pictures)}</div>'


def _section(number: int, answer: Answer) -> str:
    query = _figure(answer.picture, f"query: {answer.query}", "<b>query</b>", "")
    hits = "".join(
        f"<li>{_figure(picture, hit.key, _caption(hit), _link(hit.path))}</li>"
        for hit, picture in zip(answer.hits, answer.pictures, strict=True)
    )
    name = escape(answer.query)
    return (
        f'<section aria-labelledby="q{number}"><h2 id="q{number}">{name}</h2>'
        f'<ol class="hits"><li class="query">{query}</li>{hits}</ol></section>\n'
    )


def _figure(picture: Image | None, text: str, caption: str, link: str) -> str:
    if picture is None:
        shown = '<span class="none">cannot be shown</span>'
    else:
        shown = f'<img src="{_data_uri(picture)}" alt="{escape(text)}" loading="lazy">'
    if link:
        shown = f'<a href="{link}" title="open the original">{shown}</a>'
    small = " small" if picture is not None and max(picture.shape[:2]) <= _SMALL else ""
    return f'<figure><div class="picture{small}">{shown}</div><figcaption>{caption}</figcaption></figure>'


def _caption(hit: Hit) -> str:
    record = hit.record
    told = ", ".join(f"{name}: {value}" for name, value in record.metadata.items())
    return (
        f"<b>{hit.rank} · {escape(score_text(hit.score))}</b> {escape(record.key)}"
        f"<span>{record.width} × {record.height}</span>{f'<span>{escape(told)}</span>' if told else ''}"
    )


def _link(path: str) -> str:
    """A file:// address for a plain file; nothing for what lies inside an archive, is gone, or is unknown."""
    return Path(path).as_uri() if path and Path(path).is_file() else ""


def _small(picture: Image | None, title: str, key: str, *, framed: bool = False) -> str:
    line = "3px solid #0a66c2" if framed else "1px solid #ccc"
    box = f"width:140px;height:140px;object-fit:contain;border:{line};border-radius:6px"
    if picture is None:
        shown = f'<div style="{box};display:flex;align-items:center;justify-content:center;color:#888">cannot be shown</div>'
    else:
        shown = f'<img src="{_data_uri(picture)}" alt="{escape(key)}" title="{escape(key)}" style="{box}">'
    return f'<div style="width:146px;font:13px sans-serif;text-align:center">{escape(title)}{shown}</div>'


def _data_uri(picture: Image) -> str:
    small = max(picture.shape[:2]) <= _SMALL  # a few pixels: without loss
    buffer = io.BytesIO()
    Picture.fromarray(picture).save(buffer, "PNG" if small else "JPEG", quality=_QUALITY)
    kind = "png" if small else "jpeg"
    return f"data:image/{kind};base64,{base64.b64encode(buffer.getvalue()).decode()}"
