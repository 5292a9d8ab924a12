"""The options that say which model, and the one place where a command loads it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from likewise.cli.screen import download_bar

if TYPE_CHECKING:
    from likewise.encoders import Encoder

Command = TypeVar("Command", bound=Callable[..., Any])


def model_options(about: str) -> Callable[[Command], Command]:
    """Add `--model`, `--recipe`, `--weights` and `--device` to a command; `about` begins the help of the first."""

    def added(command: Command) -> Command:
        for option in (
            click.option("--device", default="auto", show_default=True, help="cpu, cuda, mps, or auto."),
            click.option(
                "--weights", type=click.Path(path_type=Path), help="A file of weights instead of the published ones."
            ),
            click.option("--recipe", help="How the model's input is made, where there is a choice: imagenet, cifar."),
            click.option("--model", help=f"{about}: compact (default), classical, vgg19/fc1, FILE.onnx …"),
        ):
            command = option(command)
        return command

    return added


@dataclass(frozen=True, slots=True)
class WantedModel:
    """These options, parsed: one field for each, under the option's name; None where the default holds."""

    model: str | None
    recipe: str | None
    weights: Path | None
    device: str

    @classmethod
    def taken_from(cls, given: dict[str, Any]) -> WantedModel:
        """Take them out of what click parsed."""
        return cls(**{field.name: given.pop(field.name) for field in fields(cls)})

    @property
    def is_default(self) -> bool:
        """Whether nothing was said about which embeddings are wanted."""
        return not (self.model or self.recipe or self.weights)

    def loaded(self) -> Encoder:
        """The encoder; a bar shows the download, if there is one."""
        from likewise import encoders
        from likewise.collection import DEFAULT_MODEL

        with download_bar() as progress:
            return encoders.load(
                self.model or DEFAULT_MODEL,
                recipe=self.recipe,
                weights=self.weights,
                device=self.device,
                progress=progress,
            )
