"""Where weights of timm and open_clip lie: repositories whose pointer files tell the SHA-256."""

from __future__ import annotations

from likewise.weights import Published

HUB = "https://huggingface.co"


def on_hub(repository: str, file_name: str, size_bytes: int, licence: str) -> list[Published]:
    """A file of a repository; one of pickles after its safetensors, if both may be there.

    >>> [each.file_name for each in on_hub("timm/x", "model.safetensors", 0, "MIT")]
    ['timm--x--model.safetensors']
    """
    repository = repository.rstrip("/")
    names = [file_name]
    if file_name.endswith(".bin"):
        names = ["open_clip_model.safetensors"] if file_name == "open_clip_pytorch_model.bin" else []
        names = [*names, f"{file_name.removesuffix('.bin')}.safetensors", file_name]
    return [
        Published(
            url=f"{HUB}/{repository}/resolve/main/{each}",
            file_name=f"{repository.replace('/', '--')}--{each}",
            digest=f"lfs:{HUB}/{repository}/raw/main/{each}",
            size_bytes=size_bytes,
            licence=licence,
            source=f"{HUB}/{repository}",
        )
        for each in names
    ]
