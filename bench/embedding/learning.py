"""Weights that have learnt something, for networks whose published ones are not at hand.

    python bench/embedding/learning.py PHOTOS --work DIR [--only resnet50,mobilenet] [--images 12000]

PHOTOS has a folder for each class. Whether bf16 keeps the nearest neighbours is no question to a network of random weights: it puts all
pictures within a cosine of 0.98 of each other, where the last bit decides. A few minutes of learning to tell classes apart are enough to
spread them. The networks are no good at anything; `bench/embed.py --work DIR` takes them in the place of random ones, and says so.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from embedding.networks import NETWORKS, Network
from likewise import images
from likewise.types import Recipe

_KEPT = 128  # pixels of a side that photographs are kept at; what a network sees is cut from it and resized
_SCALE = 16.0  # of cosines, before they are told apart
_SIDES = {"resnet50": 96, "mobilenet": 96}  # that convolutions learn at: they take any, and smaller ones are quicker
_RATES = {"vgg19-32": 1e-4, "vit-b-32": 1e-4}


def photographs(place: Path, most: int) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """(n, 128, 128, 3) pictures and (n,) classes; every eighth picture of a class is left for checks."""
    recipe = Recipe("kept", _KEPT, "crop", shorter=_KEPT)
    found, labels = [], []
    for number, folder in enumerate(sorted(each for each in place.iterdir() if each.is_dir())):
        for turn, path in enumerate(sorted(folder.iterdir())):
            if turn % 8 and turn < most:
                found.append(images.prepare(path.read_bytes(), recipe).pixels)
                labels.append(number)
    return np.stack(found), np.array(labels)


def learn(name: str, asked: Network, shown: np.ndarray[Any, Any], labels: np.ndarray[Any, Any], count: int) -> Any:
    """The weights of the whole network after `count` pictures, and what it got right of the last tenth of them."""
    import torch
    from torch.nn import functional

    whole = asked.seeded().train()
    network = asked.cut(whole)
    side = _SIDES.get(name, asked.side)
    generator = np.random.default_rng(0)
    with torch.no_grad():
        dim = network.eval()(torch.zeros(1, 3, side, side)).shape[1]
    network.train()
    head = torch.nn.Linear(dim, int(labels.max()) + 1, bias=False)
    trained = [*network.parameters(), *head.parameters()]
    optimizer = torch.optim.AdamW(trained, lr=_RATES.get(name, 1e-3), weight_decay=0.01)
    batch, right = 32, []
    steps = count // batch
    rate = torch.optim.lr_scheduler.OneCycleLR(optimizer, _RATES.get(name, 1e-3), total_steps=steps + 1, pct_start=0.2)
    for step in range(steps):
        rows = generator.integers(0, len(shown), batch)
        cut = int(generator.integers(80, _KEPT + 1))
        top, left = (int(generator.integers(0, _KEPT - cut + 1)) for _ in range(2))
        seen_now = torch.from_numpy(shown[rows, top : top + cut, left : left + cut]).permute(0, 3, 1, 2).float()
        pixels = functional.interpolate(seen_now / 127.5 - 1, (side, side), mode="bilinear", antialias=True) * 2
        pixels = (pixels.flip(3) if step % 2 else pixels).contiguous(memory_format=torch.channels_last)
        with torch.autocast("cpu", torch.bfloat16):
            rows_of = network(pixels)
        told = functional.normalize(rows_of.float()) @ functional.normalize(head.weight).T * _SCALE
        truth = torch.from_numpy(labels[rows])
        loss = functional.cross_entropy(told, truth)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(trained, 1.0)
        optimizer.step()
        rate.step()
        right.append(float((told.argmax(1) == truth).float().mean()))
        if step % 20 == 0:
            print(f"  {name}: {(step + 1) * batch:,} of {count:,}, loss {float(loss.detach()):.2f}", flush=True)
    _settle(network, shown, asked.side)
    return whole.eval(), float(np.mean(right[-max(len(right) // 10, 1) :]))


def _settle(network: Any, shown: np.ndarray[Any, Any], side: int) -> None:
    """Batch norms measured anew at the size that the network is used at: their running means come slowly, or from smaller pictures."""
    import torch
    from torch.nn import functional

    norms = [each for each in network.modules() if isinstance(each, torch.nn.BatchNorm2d)]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # the plain mean over what comes
    rows = np.random.default_rng(1).integers(0, len(shown), 128 if norms else 0)
    for start in range(0, len(rows), 32):
        pixels = torch.from_numpy(shown[rows[start : start + 32]]).permute(0, 3, 1, 2).float() / 127.5 - 1
        with torch.no_grad():
            network(functional.interpolate(pixels * 2, (side, side), mode="bilinear", antialias=True))


def main() -> None:
    """One network after the other; those that are there stay."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", type=Path)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--only", default="mobilenet,resnet50,vgg19-32,vit-b-32")
    parser.add_argument("--images", type=int, default=12000, help="that each network is shown")
    parser.add_argument("--most", type=int, default=100, help="of each class")
    given = parser.parse_args()
    shown, labels = photographs(given.photos, given.most)
    print(f"{len(shown):,} photographs of {labels.max() + 1} classes")
    for name in given.only.split(","):
        import torch

        asked, started = NETWORKS[name], time.monotonic()
        path = asked.weights_path(given.work)
        note = path.with_suffix(".json")
        if note.exists():
            continue
        before = asked.seeded().state_dict()
        made, right = learn(name, asked, shown, labels, given.images)
        after = made.state_dict()
        state = {key: after.get(key, value) for key, value in before.items()}
        path.parent.mkdir(parents=True, exist_ok=True)
        torch.save(state, path)
        took = time.monotonic() - started
        told = {"shown": given.images, "right": round(right, 3), "seconds": round(took), "photos": len(shown)}
        note.write_text(json.dumps(told) + "\n")
        print(f"{name}: {told}", flush=True)


if __name__ == "__main__":
    main()
