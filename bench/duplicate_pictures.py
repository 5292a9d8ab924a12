"""How many planted copies of pictures are found again, by kind, and how much else is taken for a copy.

Usage: python bench/duplicate_pictures.py FOLDER... [--model compact --model classical] [--verify pixels] [--seed 1]

Of every second picture of the folders three copies are planted: the same bytes, half the size, recompressed (JPEG 60), and the six
mishaps of `likewise.images.spoiling`, drawn at random. A pair is right if both come from one picture. What is wrong by this rule is
listed: photographs of the same thing are wrong, and so are copies that were in the folders before, so look at them.
"""

from __future__ import annotations

import argparse
import io
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image as Picture

from likewise import encoders, images
from likewise.collection import Collection
from likewise.duplicates import Duplicates, Wanted
from likewise.images.spoiling import SPOILINGS, spoiled
from likewise.sources import paths

KINDS = ("same", "half", "recompress", *SPOILINGS)


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="+", type=Path)
    parser.add_argument("--model", action="append", help="again for more; compact and classical unless given")
    parser.add_argument("--verify", action="append", help="again for more; all unless given")
    parser.add_argument("--significance", type=float, action="append", help="again for more; the default unless given")
    parser.add_argument("--copies", type=int, default=3, help="of a picture that has some")
    parser.add_argument("--most", type=int, default=1_000_000, help="pictures of the folders, drawn at random")
    parser.add_argument("--odd", action="store_true", help="copies of the other half of the pictures")
    parser.add_argument("--listed", type=int, default=8, help="groups of more than one picture that are named")
    parser.add_argument("--seed", type=int, default=1)
    return parser.parse_args()


def planted(given: argparse.Namespace, into: Path) -> dict[str, tuple[str, str]]:
    """Write pictures and copies; returns name → (picture, kind), and `original` is a kind."""
    draw = np.random.default_rng(given.seed)
    found = [path for folder in given.folders for path in sorted(folder.rglob("*")) if paths.is_image_name(path.name)]
    chosen = sorted(draw.choice(len(found), min(given.most, len(found)), replace=False).tolist())
    truth = {}
    for number, i in enumerate(chosen):
        data, stem = found[i].read_bytes(), f"{number:06d}"
        names = [(f"{stem}{found[i].suffix}", "original", data)]
        if number % 2 == given.odd:
            names += [(f"{stem}~{kind}{end}", kind, copy) for kind, end, copy in copies(data, found[i], given, draw)]
        for name, kind, bytes_ in names:
            (into / name).write_bytes(bytes_)
            truth[name] = (stem, kind)
    return truth


def copies(
    data: bytes, path: Path, given: argparse.Namespace, draw: np.random.Generator
) -> Iterator[tuple[str, str, bytes]]:
    """(kind, ending, bytes) of some."""
    picture = images.decode(data)
    for kind in draw.permutation(KINDS)[: given.copies].tolist():
        if kind == "same":
            yield kind, path.suffix, data
        elif kind in ("half", "recompress"):
            whole = Picture.fromarray(picture)
            if kind == "half":
                whole = whole.resize((max(1, whole.width // 2), max(1, whole.height // 2)), Picture.Resampling.LANCZOS)
            file = io.BytesIO()
            whole.save(file, "JPEG", quality=60 if kind == "recompress" else 85)
            yield kind, ".jpg", file.getvalue()
        else:
            yield kind, ".jpg" if kind == "jpeg" else ".png", spoiled(picture, kind, draw)


def judge(found: Duplicates, truth: dict[str, tuple[str, str]], most: int) -> None:
    """Print what was found, by kind, and what is wrong."""
    groups = [
        [member.key.rpartition("/")[2] for member in (group.kept, *group.copies)] for group in found if group.copies
    ]
    place = {name: i for i, group in enumerate(groups) for name in group}
    right = wrong = 0
    listed = []
    for group in groups:
        pictures = Counter(truth[name][0] for name in group)
        same = sum(count * (count - 1) // 2 for count in pictures.values())
        right, wrong = right + same, wrong + len(group) * (len(group) - 1) // 2 - same
        if len(pictures) > 1:
            listed.append(sorted(pictures))
    planted_kinds: Counter[str] = Counter()
    found_kinds: Counter[str] = Counter()
    originals = {stem: name for name, (stem, kind) in truth.items() if kind == "original"}
    for name, (stem, kind) in truth.items():
        if kind != "original":
            planted_kinds[kind] += 1
            found_kinds[kind] += name in place and place[name] == place.get(originals[stem])
    whole = Counter(stem for stem, _ in truth.values())
    pairs = sum(count * (count - 1) // 2 for count in whole.values())
    kinds = "  ".join(f"{kind} {found_kinds[kind]}/{planted_kinds[kind]}" for kind in KINDS)
    print(
        f"   precision {right / max(1, right + wrong):.4f}  recall {right / pairs:.4f} of pairs; found with the original: {kinds}"
    )
    print(f"   wrong: {len(listed)} groups {listed[:most]}")


def main() -> None:
    """Plant, index, find, judge."""
    given = arguments()
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / "pictures"
        place.mkdir()
        truth = planted(given, place)
        print(
            f"{len(truth):,} pictures, {sum(kind != 'original' for _, kind in truth.values()):,} of them planted copies"
        )
        for model in given.model or ["compact", "classical"]:
            with Collection.create(Path(folder) / model, encoders.load(model)) as collection:
                collection.index(place)
                for verify in given.verify or ["none", "pixels", "geometry"]:
                    for significance in given.significance or [None]:
                        wanted = Wanted(verify=verify, significance=significance)
                        begin = time.perf_counter()
                        found = collection.duplicates(wanted)
                        seconds = time.perf_counter() - begin
                        assert found.threshold is not None
                        chance, tally = found.threshold.by_chance or float("nan"), found.tally
                        print(
                            f"{model}, {verify}: score {found.threshold.score:.4f} ({chance:.3g} pairs by chance), "
                            f"{tally.looked_at:,} looks, {len(found):,} groups, {seconds:.1f} s"
                        )
                        judge(found, truth, given.listed)


if __name__ == "__main__":
    main()
