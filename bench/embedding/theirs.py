"""What ours is compared with: torch eager, ONNX Runtime, the blog post's loop, the matrix product; as each is used elsewhere."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np

from contests.contender import Work
from embedding.networks import NETWORKS, torchvision


def eager(network: str, folder: str, normalised: str, threads: int) -> Work:
    """Torch, float32, eager; the batch is normalised already, which counts for ours and not for theirs."""
    import torch

    torchvision()
    torch.set_num_threads(threads)
    module, pixels = _module(network, folder), torch.from_numpy(np.load(normalised))

    def go() -> np.ndarray:
        with torch.inference_mode():
            return np.asarray(module(pixels).numpy())

    return Work(go, len(pixels), facts={"is": f"torch eager fp32, {torch.get_num_threads()} threads"})


def onnx_runtime(onnx: str, normalised: str, threads: int) -> Work:
    """ONNX Runtime, float32, as rclip opens it: the threads are set, all else is its default."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(onnx, options, providers=["CPUExecutionProvider"])
    name, pixels = session.get_inputs()[0].name, np.load(normalised)
    facts = {"is": f"ONNX Runtime fp32, {threads} threads"}
    return Work(lambda: np.asarray(session.run(None, {name: pixels})[0]), len(pixels), facts=facts)


def the_post(folder: str, cifar: str, threads: int) -> Work:
    """The blog post's own loop: a loader with one worker, batches of 100, torch eager float32, and one append for each row."""
    import torch
    from torch.utils.data import DataLoader, Dataset

    transforms = torchvision().transforms
    torch.set_num_threads(threads)
    with (Path(cifar) / "train").open("rb") as file:
        data = pickle.load(file)[b"data"].reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)
    steps = transforms.Compose(
        [
            transforms.Resize((32, 32)),
            transforms.ToTensor(),
            transforms.Normalize((0.4914, 0.4822, 0.4465), (0.2023, 0.1994, 0.2010)),
        ]
    )

    class Pictures(Dataset[Any]):
        """As torchvision's CIFAR100 hands them out."""

        def __len__(self) -> int:
            return len(data)

        def __getitem__(self, number: int) -> Any:
            from PIL import Image

            return steps(Image.fromarray(data[number]))

    module = _module("vgg19-32", folder)

    def go() -> np.ndarray:
        features = []
        with torch.no_grad():
            for batch in DataLoader(Pictures(), batch_size=100, num_workers=1):
                for row in module(batch):
                    features.append(row.numpy())  # noqa: PERF401 - as the post does it
        return np.asarray(features)

    facts = {"is": f"DataLoader with one worker, batch 100, torch eager fp32, {torch.get_num_threads()} threads"}
    return Work(go, len(data), facts=facts)


def product(dtype: str, side: int, threads: int) -> Work:
    """One large matrix product of torch: what the processor can do; `images` are multiplications and additions."""
    import torch

    torch.set_num_threads(threads)
    draw = torch.Generator().manual_seed(0)
    left, right = (torch.randn(side, side, generator=draw).to(getattr(torch, dtype)) for _ in range(2))
    facts = {"is": f"torch.mm {dtype}, {side} × {side}, {threads} thread{'' if threads == 1 else 's'}"}
    return Work(lambda: torch.mm(left, right), 2 * side**3, facts=facts)


def vgg19_operations(side: int) -> Work:
    """Facts: multiplications and additions of VGG-19 up to fc1, for one image."""
    torchvision()
    import torch

    with torch.device("meta"):
        network = NETWORKS["vgg19"].build()
    total, area = 0, side * side
    for layer in network.features:
        if isinstance(layer, torch.nn.Conv2d):
            total += 2 * area * layer.weight.numel()
        elif isinstance(layer, torch.nn.MaxPool2d):
            area //= 4
    return Work(facts={"operations": total + 2 * network.classifier[0].weight.numel()})


def _module(network: str, folder: str) -> Any:
    import torch

    asked = NETWORKS[network]
    whole = asked.build().eval()
    whole.load_state_dict(torch.load(asked.weights(Path(folder)), weights_only=True))
    return asked.cut(whole).eval()
