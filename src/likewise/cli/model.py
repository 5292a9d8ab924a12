"""The options that say which model, and the one place where a command loads it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from likewise.cli.screen import download_bar

if TYPE_CHECKING:
    from likewise.encoders import Encoder
    from likewise.encoders.runtimes import Precision, Runtime
    from likewise.types import Card

Command = TypeVar("Command", bound=Callable[..., Any])


def model_options(about: str) -> Callable[[Command], Command]:
    """Add `--model`, `--recipe`, `--weights`, `--device`, `--runtime` and `--precision`; `about` begins the help of the first."""

    def added(command: Command) -> Command:
        command = running_options(command)
        for option in (
            click.option("--device", default="auto", show_default=True, help="cpu, cuda, mps, or auto."),
            click.option(
                "--weights", type=click.Path(path_type=Path), help="A file of weights instead of the published ones."
            ),
            click.option(
                "--recipe",
                help="How the model's input is made, where there is a choice: imagenet, cifar, crop-N, squash-N.",
            ),
            click.option(
                "--model", help=f"{about}: compact (default), resnet50, vgg19/fc1, timm/…, open_clip/…, FILE.onnx …"
            ),
        ):
            command = option(command)
        return command

    return added


def running_options(command: Command) -> Command:
    """Add `--runtime` and `--precision` to a command."""
    for option in (
        click.option(
            "--precision",
            type=click.Choice(["auto", "fp32", "bf16", "int8"]),
            default="auto",
            help="Of the arithmetic. int8 is another model: its embeddings are not mixed with others.  [default: auto]",
        ),
        click.option(
            "--runtime",
            type=click.Choice(["auto", "torch", "onnx", "openvino"]),
            default="auto",
            help="What does the arithmetic.  [default: auto]",
        ),
    ):
        command = option(command)
    return command


@dataclass(frozen=True, slots=True)
class WantedModel:
    """These options, parsed: one field for each, under the option's name; None where the default holds."""

    model: str | None
    recipe: str | None
    weights: Path | None
    device: str
    runtime: Runtime
    precision: Precision

    @classmethod
    def taken_from(cls, given: dict[str, Any]) -> WantedModel:
        """Take them out of what click parsed."""
        return cls(**{field.name: given.pop(field.name) for field in fields(cls)})

    @property
    def is_default(self) -> bool:
        """Whether nothing was said about which embeddings are wanted."""
        return not (self.model or self.recipe or self.weights)

    def loaded(self, sha256: str | None = None, quantised: str = "") -> Encoder:
        """The encoder; a bar shows the download, if there is one.

        Args:
            sha256: Of the weights that a collection was made with, which the cache may have; not of those in a file that was named.
            quantised: SHA-256 of the int8 network that a collection was made with.
        """
        from likewise import encoders
        from likewise.collection import DEFAULT_MODEL

        with download_bar() as progress:
            return encoders.load(
                self.model or DEFAULT_MODEL,
                recipe=self.recipe,
                weights=self.weights,
                sha256=sha256 if self.weights is None else None,
                device=self.device,
                progress=progress,
                runtime=self.runtime,
                precision=self.precision,
                quantised=quantised,
            )

    def loader(self) -> Callable[[Card], Encoder]:
        """What loads the encoder of a collection's card, by these options."""
        from likewise import encoders

        return partial(
            encoders.load_as,
            weights=self.weights,
            device=self.device,
            runtime=self.runtime,
            precision=self.precision,
        )

    def loaded_for(self, place: str) -> Encoder:
        """As `loaded`; where int8 is asked for and there is none, one is made, its ranges fitted on the pictures of a place."""
        from likewise.cli.compiling import compiled_for
        from likewise.encoders import Wish
        from likewise.encoders.compiled import of_wish

        wish = Wish(recipe=self.recipe, weights=self.weights, precision=self.precision)
        if self.precision == "int8" and of_wish(self.name, wish) is None:
            compiled_for(self, place)
        return self.loaded()

    @property
    def name(self) -> str:
        """Of the model, where nothing was said the default one."""
        from likewise.collection import DEFAULT_MODEL

        return self.model or DEFAULT_MODEL
