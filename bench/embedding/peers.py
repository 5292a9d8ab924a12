"""Other programs on the same files with networks of the same shape, each by its own public interface.

Weights are random, as ours are: where a peer would download them, its own classes are given a network without; how is said in each.
Where a peer can decode in several processes it is given as many as ours. This file imports nothing of ours, and runs in the peers'
own environment.
"""

from __future__ import annotations

import itertools
import json
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from contests.contender import Work
from embedding.networks import NETWORKS, torchvision


@dataclass(frozen=True, slots=True)
class Peer:
    """One program.

    Attributes:
        name: As it calls itself.
        factory: In this module.
        module: That must be importable.
        network: The one that ours is compared with.
        packages: For pip; installed without what they depend on where torch is there already.
        how: What a reader must know of the comparison.
    """

    name: str
    factory: str
    module: str
    network: str
    packages: str
    how: str


def imagededup(folder: str, place: str, threads: int) -> Work:  # noqa: ARG001 - all peers have one signature
    """`CNN.encode_images` with a model of one's own, which is a public option."""
    _prepared(threads)
    from imagededup.methods import CNN
    from imagededup.utils import CustomModel
    from imagededup.utils.models import MobilenetV3

    asked = NETWORKS["mobilenet"]
    encoder = CNN(
        verbose=False, model_config=CustomModel("mobilenet_v3_large", asked.cut(asked.seeded()), MobilenetV3.transform)
    )
    workers = threads if threads > 1 else 0

    def go() -> None:
        found = encoder.encode_images(image_dir=place, num_enc_workers=workers)
        assert len(found) == _count(place), f"{len(found)} images are in"

    return Work(go, _count(place), facts={"is": f"imagededup CNN, torch fp32, {threads} threads, {workers} decoding"})


def deep_image_search(folder: str, place: str, threads: int) -> Work:
    """`Search_Setup(...).run_index()` with `pretrained=False`, which is a public option; a new index every time."""
    _prepared(threads)
    import torch
    from DeepImageSearch import Load_Data, Search_Setup

    torch.manual_seed(0)
    home = tempfile.TemporaryDirectory(dir=folder)
    setup = Search_Setup(
        Load_Data().from_folder([place]),
        model_name="resnet50",
        pretrained=False,
        metadata_dir=str(Path(home.name) / "index"),
    )

    def go() -> None:
        setup.run_index(force_reindex=True)
        assert setup.vector_store.count() == _count(place), f"{setup.vector_store.count()} images are in"

    return Work(go, _count(place), facts={"is": f"DeepImageSearch, torch fp32, {threads} threads", "home": home.name})


def sentence_transformers(folder: str, place: str, threads: int) -> Work:
    """`SentenceTransformer.encode` of opened pictures; the model is saved by its own classes, with random weights and a tiny vocabulary."""
    _prepared(threads)
    from PIL import Image
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(modules=_clip_module(Path(folder) / "clip-vit-b-32"), device="cpu")
    paths = sorted(Path(place).iterdir())

    def go() -> Any:
        return model.encode([Image.open(path) for path in paths], batch_size=32, show_progress_bar=False)

    return Work(go, len(paths), facts={"is": f"sentence-transformers, batch 32, torch fp32, {threads} threads"})


def rclip(folder: str, place: str, threads: int, onnx: str) -> Work:  # noqa: ARG001 - it takes what there is
    """`RClip.ensure_index` with a new database every time; the file that it would download is the network that ours compiled."""
    import rclip.model_download as files
    from rclip.db import DB
    from rclip.main import RClip
    from rclip.model import Model
    from rclip.utils.helpers import get_app_datadir

    home = Path(tempfile.mkdtemp(dir=folder))
    os.environ["RCLIP_DATADIR"] = str(home)
    target = Path(get_app_datadir()) / files.MODEL_SUBDIR / files.VISUAL_ONNX
    assert home in target.parents, f"{target} is not in {home}"
    target.parent.mkdir(parents=True)
    _renamed(Path(onnx), target)
    numbers, found = itertools.count(), []

    def prepare() -> None:
        database = DB(home / f"{next(numbers)}.sqlite3")
        found.append((RClip(Model(), database, 8, None), database))
        found[-1][0]._model._session_visual_index  # noqa: B018 - loads the network, which is not what is timed

    def go() -> None:
        program, database = found[-1]
        program.ensure_index(place)
        count = len(list(database.get_image_vectors_by_dir_path(place)))
        assert count == _count(place), f"{count} images are in"

    taken = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1  # as it does
    workers = min(16, os.cpu_count() or 1)
    return Work(go, _count(place), prepare, {"is": f"rclip, ONNX Runtime fp32, {taken} threads, {workers} decoding"})


PEERS = (
    Peer(
        "imagededup CNN",
        "imagededup",
        "imagededup",
        "mobilenet",
        "imagededup PyWavelets",
        "its model_config takes MobileNetV3-L",
    ),
    Peer(
        "DeepImageSearch",
        "deep_image_search",
        "DeepImageSearch",
        "resnet50",
        "DeepImageSearch faiss-cpu",
        "timm's resnet50, pretrained=False",
    ),
    Peer(
        *("sentence-transformers", "sentence_transformers", "sentence_transformers", "vit-b-32"),
        *("sentence-transformers transformers tokenizers", "a CLIP ViT-B/32 of random weights, saved by transformers"),
    ),
    Peer(
        "rclip",
        "rclip",
        "rclip",
        "vit-b-32-256",
        "rclip pi_heif requests",
        "its ONNX file replaced by one of random weights",
    ),
)


def _prepared(threads: int) -> None:
    import torch

    torchvision()
    torch.set_num_threads(threads)


def _count(place: str) -> int:
    return sum(1 for _ in Path(place).iterdir())


def _clip_module(folder: Path) -> list[Any]:
    """CLIP ViT-B/32 in the layout of transformers, with the activation of open_clip's network of that name."""
    import torch
    from sentence_transformers.sentence_transformer.modules import Transformer
    from transformers import CLIPConfig, CLIPImageProcessor, CLIPModel, CLIPProcessor, CLIPTokenizer

    if not (folder / "preprocessor_config.json").is_file() and not (folder / "processor_config.json").is_file():
        folder.mkdir(parents=True, exist_ok=True)
        letters = [*"abcdefghijklmnopqrstuvwxyz", *(f"{each}</w>" for each in "abcdefghijklmnopqrstuvwxyz")]
        words = {each: number for number, each in enumerate([*letters, "<|startoftext|>", "<|endoftext|>"])}
        (folder / "vocab.json").write_text(json.dumps(words), "utf-8")
        (folder / "merges.txt").write_text("#version: 0.2\n", "utf-8")
        torch.manual_seed(0)
        CLIPModel(CLIPConfig(vision_config={"hidden_act": "gelu"}, text_config={"hidden_act": "gelu"})).save_pretrained(
            folder
        )
        tokenizer = CLIPTokenizer(str(folder / "vocab.json"), str(folder / "merges.txt"))
        CLIPProcessor(CLIPImageProcessor(), tokenizer).save_pretrained(folder)
    return [Transformer(str(folder))]


def _renamed(source: Path, target: Path) -> None:
    """An ONNX file whose input and output are called as rclip wants them."""
    import onnx

    model = onnx.load(str(source))
    graph = model.graph
    for old, new in ((graph.input[0].name, "input"), (graph.output[0].name, "output")):
        for node in graph.node:
            for names in (node.input, node.output):
                for place, name in enumerate(names):
                    if name == old:
                        names[place] = new
    graph.input[0].name, graph.output[0].name = "input", "output"
    onnx.save(model, str(target))
