"""A self-contained HTML page: no script, no request to anywhere, every picture inside."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from html import escape

from PIL import Image as Picture

from likewise.show import Answer, Asked, ShownGroup, address, caption_of, odds_text, printable
from likewise.types import Hit, Image, Verdict

_STYLE = """
:root{color-scheme:light dark;--ground:#fff;--ink:#1d1d1f;--faint:#6b6b70;--line:#e3e3e6;--mark:#0a66c2;--right:#1a7f37;--wrong:#c62828}
@media(prefers-color-scheme:dark){:root{--ground:#161618;--ink:#ececee;--faint:#a2a2a8;--line:#323236;--mark:#6cb2ff;--right:#56d364;--wrong:#ff8078}}
*{box-sizing:border-box}
body{margin:0 auto;max-width:1500px;padding:1.5rem;background:var(--ground);color:var(--ink);
font:15px/1.45 system-ui,sans-serif;overflow-wrap:anywhere}
h1{font-size:1.5rem;margin:0 0 1rem}h2{font-size:1.05rem;font-weight:600;margin:2.5rem 0 .8rem;scroll-margin-top:1rem}
dl{display:grid;grid-template-columns:max-content 1fr;gap:.15rem 1rem;margin:0 0 1rem;color:var(--faint)}
dd{margin:0;color:var(--ink)}
nav ol{columns:22rem;column-gap:2.5rem;padding-left:2rem;margin:0}nav li{break-inside:avoid;margin-bottom:.2rem}
a{color:var(--mark)}a:focus-visible{outline:3px solid var(--mark);outline-offset:3px;border-radius:6px}
.hits{display:grid;grid-template-columns:repeat(auto-fill,minmax(130px,1fr));gap:1.2rem 1rem;list-style:none;padding:0;margin:0}
figure{margin:0}
.picture{display:block;aspect-ratio:1;border-radius:8px;padding:3px;box-shadow:inset 0 0 0 1px var(--line)}
.query .picture{box-shadow:inset 0 0 0 3px var(--mark);padding:6px}
.away .picture{box-shadow:inset 0 0 0 3px var(--wrong)}
.words{display:flex;align-items:center;justify-content:center;height:100%;overflow:hidden;text-align:center;padding:.3rem}
.right .picture{box-shadow:inset 0 0 0 3px var(--right);padding:6px}.wrong .picture{box-shadow:inset 0 0 0 3px var(--wrong);padding:6px}
figcaption em{display:block;font-style:normal;font-weight:600}
.right em{color:var(--right)}.wrong em{color:var(--wrong)}.junk em{color:var(--faint)}
.picture img{display:block;width:100%;height:100%;object-fit:contain;border-radius:5px}.small img{image-rendering:pixelated}
a.picture:hover{box-shadow:inset 0 0 0 2px var(--mark)}
.none{display:flex;align-items:center;justify-content:center;height:100%;text-align:center;color:var(--faint);font-size:.85rem}
figcaption{margin-top:.35rem;font-size:.85rem}figcaption b{display:block;font-variant-numeric:tabular-nums}
figcaption span{color:var(--faint);display:block}bdi{unicode-bidi:isolate}
@media(max-width:480px){body{padding:1rem}.hits{grid-template-columns:repeat(2,minmax(0,1fr));gap:1rem .8rem}}
"""

_SMALL = 64
_SIGNS: Mapping[Verdict, str] = {"right": "✓", "wrong": "✗", "junk": "–"}
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
    contents = ""
    if len(answers) > 1:
        lines = "".join(f'<li><a href="#q{i}">{_name(each.query)}</a></li>' for i, each in enumerate(answers, 1))
        contents = f'<nav aria-label="Queries"><ol>{lines}</ol></nav>'
    return _document(title, notes, contents, "".join(_section(i, answer) for i, answer in enumerate(answers, 1)))


def groups(shown: Iterable[ShownGroup], *, title: str, notes: Mapping[str, str] | None = None) -> str:
    """A page with groups of pictures, each with one that is kept.

    Args:
        shown: In the order of the page.
        title: Of the page.
        notes: Facts for its head.

    Returns:
        As `html`.
    """
    return _document(title, notes, "", "".join(_group(i, group) for i, group in enumerate(shown, 1)))


def _document(title: str, notes: Mapping[str, str] | None, contents: str, sections: str) -> str:
    facts = "".join(f"<dt>{_text(name)}</dt><dd>{_text(value)}</dd>" for name, value in (notes or {}).items())
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none';img-src data:;style-src 'unsafe-inline'\">"
        f"<title>{_text(title)}</title><style>{_STYLE}</style></head>\n"
        f"<body><h1>{_name(title)}</h1>{f'<dl>{facts}</dl>' if facts else ''}{contents}\n<main>{sections}</main></body></html>\n"
    )


def _group(number: int, group: ShownGroup) -> str:
    pictures = ""
    for each in group.pictures:
        told = "".join(f"<span>{_text(line)}</span>" for line in each.told)
        sign = "<em>✓ keep</em>" if each.kept else ""
        caption = f"{sign}<b>{_text(each.title)}</b>{_name(each.name)}{told}"
        kind = ' class="right"' if each.kept else ""
        pictures += f"<li{kind}>{_figure(each.picture, each.name, caption, address(each.path))}</li>"
    return (
        f'<section aria-labelledby="g{number}"><h2 id="g{number}">{_name(group.title)}</h2><p>{_text(group.note)}</p>'
        f'<ol class="hits">{pictures}</ol></section>\n'
    )


def fragment(answer: Answer) -> str:
    """A row of pictures for a notebook's output cell: styles are inside, and touch nothing else."""
    pictures = [
        _framed(part.picture, part.title, part.name, f"2px solid {'#c62828' if part.away else '#0a66c2'}", part.words)
        for part in answer.parts
    ]
    for hit, picture in zip(answer.hits, answer.pictures, strict=True):
        title = caption_of(hit)
        pictures.append(_framed(picture, title, hit.key, "1px solid rgba(128,128,128,.4)"))
    if not answer.hits and answer.note:
        pictures.append(_framed(None, "", "", "1px solid rgba(128,128,128,.4)", answer.note))
    return f'<div style="display:flex;flex-wrap:wrap;gap:12px;padding:4px 0">{"".join(pictures)}</div>'


def _section(number: int, answer: Answer) -> str:
    query = "".join(_asked(part, several=len(answer.parts) > 1) for part in answer.parts)
    note = f"<p>{_text(answer.note)}</p>" if answer.note else ""
    verdicts: Sequence[Verdict | None] = answer.verdicts or [None] * len(answer.hits)
    hits = "".join(
        f"<li{_class(verdict)}>{_figure(picture, hit.key, _told(verdict) + _caption(hit), address(hit.path))}</li>"
        for hit, picture, verdict in zip(answer.hits, answer.pictures, verdicts, strict=True)
    )
    return (
        f'<section aria-labelledby="q{number}"><h2 id="q{number}">{_name(answer.query)}</h2>{note}'
        f'<ol class="hits">{query}{hits}</ol></section>\n'
    )


def _asked(part: Asked, *, several: bool) -> str:
    """One part of a query; its name stands below it where the heading does not already say it."""
    kind = "query away" if part.away else "query"
    name = _name(part.name) if several else ""
    caption = f"<b>{_text(part.title)}</b>{name}"
    if part.words:
        shown = f'<figure><div class="picture"><span class="words"><q>{_text(part.words)}</q></span></div>'
        return f'<li class="{kind}">{shown}<figcaption>{caption}</figcaption></figure></li>'
    return f'<li class="{kind}">{_figure(part.picture, f"query: {part.name}", caption, "")}</li>'


def _figure(picture: Image | None, text: str, caption: str, link: str) -> str:
    shown, kind = '<span class="none">cannot be shown</span>', "picture"
    if picture is not None:
        shown = f'<img src="{_data_uri(picture)}" alt="{_text(text)}">'
        kind = "picture small" if _is_small(picture) else "picture"
    begin, end = f'<div class="{kind}">', "</div>"
    if link:
        begin, end = f'<a class="{kind}" href="{escape(link)}" title="open the original">', "</a>"
    return f"<figure>{begin}{shown}{end}<figcaption>{caption}</figcaption></figure>"


def _class(verdict: Verdict | None) -> str:
    return f' class="{verdict}"' if verdict else ""


def _told(verdict: Verdict | None) -> str:
    """The verdict in a word and a sign: colour alone does not tell everybody."""
    return f"<em>{_SIGNS[verdict]} {verdict}</em>" if verdict else ""


def _caption(hit: Hit) -> str:
    record = hit.record
    told = ", ".join(f"{name}: {_value(value)}" for name, value in record.metadata.items())
    size = f"<span>{record.width} × {record.height}</span>" if record.width else ""  # 0 where nobody looked
    odds = "" if hit.chance is None else f"<span>{odds_text(hit.chance)} by chance</span>"
    title = caption_of(replace(hit, chance=None))
    return f"<b>{_text(title)}</b>{odds}{_name(record.key)}{size}{f'<span>{_text(told)}</span>' if told else ''}"


def _value(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _framed(picture: Image | None, title: str, name: str, border: str, words: str = "") -> str:
    box = f"box-sizing:border-box;width:140px;height:140px;margin:3px 0;object-fit:contain;border:{border};border-radius:6px"
    if picture is None:
        middle = f"{box};display:flex;align-items:center;justify-content:center;overflow:hidden"
        shown = f'<div style="{middle};opacity:{1 if words else 0.6}">{_text(words or "cannot be shown")}</div>'
    else:
        pixels = ";image-rendering:pixelated" if _is_small(picture) else ""
        shown = f'<img src="{_data_uri(picture)}" alt="{_text(name)}" title="{_text(name)}" style="{box}{pixels}">'
    cut = "overflow:hidden;text-overflow:ellipsis;white-space:nowrap;font-size:11px;opacity:.7"
    label = f'<div style="{cut}" title="{_text(name)}">{_text(name.rstrip("/").rpartition("/")[2])}</div>'
    return f'<div style="width:140px;font:13px/1.3 sans-serif;text-align:center">{_text(title)}{shown}{label}</div>'


def _text(text: str) -> str:
    return escape(printable(text))


def _name(name: str) -> str:
    """A path that breaks between its words rather than inside them, and keeps its own direction of reading."""
    return f"<bdi>{_text(name).replace('/', '/<wbr>').replace('_', '_<wbr>')}</bdi>"


def _is_small(picture: Image) -> bool:
    """Whether it has so few pixels that they are kept without loss, and enlarged as squares."""
    return bool(max(picture.shape[:2]) <= _SMALL)


def _data_uri(picture: Image) -> str:
    kind = "png" if _is_small(picture) else "jpeg"
    buffer = io.BytesIO()
    Picture.fromarray(picture).save(buffer, kind, quality=_QUALITY)
    return f"data:image/{kind};base64,{base64.b64encode(buffer.getvalue()).decode()}"
