"""From a collection to a folder that any file host can serve: pictures, codes, columns, page. Read it from top to bottom."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from likewise.collection import Collection
from likewise.collection.narrowing import Where, chosen
from likewise.errors import BadArgument, StoreBusy
from likewise.gallery import page
from likewise.gallery.codes import Agreement, Codes, coded
from likewise.gallery.columns import packed, texts
from likewise.gallery.facts import Facet, facets, public
from likewise.gallery.folder import Folder
from likewise.gallery.pictures import ENDINGS, Originals, Pictures, Shown
from likewise.types import Json, Metadata, Record

_DETAILS = 500  # images in one file of details; the page has the same number
_LEAST_SIDE, _MOST_SIDE = 32, 2048

Watch = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Wanted:
    """How a gallery is to be.

    Attributes:
        title: Of the page; that of the collection's folder unless given.
        side: The longest side of a thumbnail, in pixels, 32 to 2048.
        originals: `none`, `copy`, or `link`: a second name for the same file where the disk allows it, else a copy.

    Raises:
        BadArgument: If `side` is outside its range.
    """

    title: str = ""
    side: int = 256
    originals: Originals = "none"

    def __post_init__(self) -> None:
        if not _LEAST_SIDE <= self.side <= _MOST_SIDE:
            raise BadArgument(f"thumbnails of side {self.side}: pass {_LEAST_SIDE} to {_MOST_SIDE} pixels")


@dataclass(frozen=True, slots=True)
class Report:
    """What an export did.

    Attributes:
        images: In the gallery.
        written: Files that are new or changed.
        unchanged: Files that were there already.
        removed: Files of an earlier export that are not needed any more.
        copied: Originals that were to be linked and had to be copied.
        missing: Key and reason of images that cannot be shown, or whose original could not be kept.
        agreement: Of searches in the page with the library's.
        width: Bytes of code an image.
        size_bytes: Of all files of the gallery.
    """

    images: int
    written: int
    unchanged: int
    removed: int
    copied: int
    missing: tuple[tuple[str, str], ...]
    agreement: Agreement
    width: int
    size_bytes: int


_DEFAULT = Wanted()


def export(
    collection: Collection,
    out: Path,
    wanted: Wanted = _DEFAULT,
    *,
    where: Where | None = None,
    watch: Watch = lambda _done, _of: None,
) -> Report:
    """Write a static, searchable copy of a collection; one that was interrupted goes on, and one that is there is brought up to date.

    Args:
        collection: What is shown.
        out: A new or empty folder, or one that this wrote before. What else lies in it by then stays.
        wanted: How it is to be.
        where: Which images; all unless given.
        watch: Told (images done, of) of the pictures.

    Raises:
        BadArgument: If the folder holds something else, or there is nothing to show.
        StoreBusy: If the collection is compacted meanwhile.
        StoreFull: If the disk is full; the next export goes on.
        UnknownName: If no image has a field that `where` names.
    """
    snapshot = collection.store.snapshot(chosen(collection.store, where, set()))
    kept = snapshot.records(snapshot.live)
    if kept is None:
        raise StoreBusy(f"{collection.store.folder} was compacted meanwhile: run again")
    records = [kept[int(row)] for row in snapshot.live]
    if not records:
        raise BadArgument("no image to show: index some, or choose others with --where")
    folder = Folder.open(out)
    pictures = Pictures(collection, folder, wanted.side, wanted.originals)
    pictures.announce(records)
    shown = list(pictures.made(records, watch))
    card = collection.store.card
    codes = coded(snapshot, card.metric, unit=card.unit)
    metadata = [public(record.metadata, collection.store.roots) for record in records]
    found = facets(records, metadata)
    files = _Data(folder)
    told: dict[str, object] = {
        "files": {
            "images": files.write("images", _images(records, shown, found)),
            "codes": files.write("codes", _searched(codes)),
            "map": files.write("map", _plane(codes)),
            "details": _details(files, metadata),
        },
    }
    title = wanted.title or collection.store.folder.parent.name or "Gallery"
    page.write(folder, title, told, _notes(collection, codes), list(zip(records, shown, strict=True)))
    removed = folder.finish()
    return Report(
        len(records), folder.written, folder.unchanged, removed, pictures.copied, tuple(pictures.missing),
        codes.agreement, codes.values.shape[1], folder.size_bytes(),
    )  # fmt: skip


class _Data:
    """Files named by their content, each with a twin that a page from file:// can load: a script that holds it in base64."""

    def __init__(self, folder: Folder) -> None:
        self._folder = folder

    def write(self, name: str, data: bytes) -> str:
        full = f"data/{name}-{hashlib.sha256(data).hexdigest()[:12]}.bin"
        twin = f'likewiseDeliver("{full}","{base64.b64encode(data).decode()}");\n'
        self._folder.announce([full, f"{full}.js"])
        self._folder.write(full, data)
        self._folder.write(f"{full}.js", twin.encode())
        return full


def _images(records: Sequence[Record], shown: Sequence[Shown], found: Sequence[Facet]) -> bytes:
    """What is needed to show, to sort and to narrow."""
    columns: dict[str, NDArray[np.generic]] = {
        "date": np.array([record.modified_ns // 1_000_000 for record in records], np.float64),
        "size": np.array([max(record.size_bytes, 0) for record in records], np.float64),
        "width": np.array([record.width for record in records], np.uint32),
        "height": np.array([record.height for record in records], np.uint32),
        "thumbnail": np.frombuffer(b"".join(each.thumbnail for each in shown), np.uint8),
        "colour": np.array([each.colour for each in shown], np.uint8),
        "original": np.array([each.ending for each in shown], np.uint8),
    }
    if any(each.ending for each in shown):
        columns["original_id"] = np.frombuffer(b"".join(each.original for each in shown), np.uint8)
    columns |= {f"key_{name}": column for name, column in texts([record.key for record in records]).items()}
    columns |= {f"facet_{i}": facet.codes for i, facet in enumerate(found)}
    told = [{"name": each.name, "values": each.values, "column": f"facet_{i}"} for i, each in enumerate(found)]
    return packed(columns, {"count": len(records), "facets": told, "endings": ENDINGS})


def _searched(codes: Codes) -> bytes:
    head = {"width": codes.values.shape[1], "constant": codes.constant, "metric": codes.metric}
    return packed({"codes": codes.values, "steps": codes.steps, "biases": codes.biases}, head)


def _plane(codes: Codes) -> bytes:
    """The two main directions as a map: all of it in 0…1 but for the farthest of a thousand, which stand at the rim."""
    low, high = np.quantile(codes.plane, [0.001, 0.999], axis=0)
    size = max(float((high - low).max()), 1e-9)
    places = np.clip((codes.plane - (low + high) / 2) / size + 0.5, 0, 1)
    return packed({"x": places[:, 0].astype(np.float32), "y": places[:, 1].astype(np.float32)}, {"method": "pca"})


def _details(files: _Data, metadata: Sequence[Metadata]) -> list[str]:
    """All metadata in files of a few hundred images, for the large view; none where there are none."""
    if not any(metadata):
        return []
    names = []
    for start in range(0, len(metadata), _DETAILS):
        part: list[Mapping[str, Json]] = [dict(each) for each in metadata[start : start + _DETAILS]]
        data = json.dumps(part, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")
        names.append(files.write(f"details-{start // _DETAILS}", data))
    return names


def _notes(collection: Collection, codes: Codes) -> dict[str, str]:
    agreement = codes.agreement
    return {
        "model": collection.notes()["model"],
        "search": f"by 8-bit codes of {codes.values.shape[1]} numbers an image, in this page",
        "agreement": (
            f"{agreement.share:.1%} of the {agreement.k} nearest that likewise itself finds in this collection, "
            f"measured with {agreement.asked:,} of its images"
        ),
    }
