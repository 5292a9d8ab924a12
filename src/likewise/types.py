"""The nouns of the library: read this file first.

One image goes this way: bytes → pixels → embedding → row → hit. Arrays are plain numpy arrays; the names below say their
shape, dtype, order and meaning, and every function that takes or returns one uses the name.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

Image: TypeAlias = NDArray[np.uint8]
"""(height, width, 3) uint8: one upright sRGB picture."""

Pixels: TypeAlias = NDArray[np.uint8]
"""(n, side, side, 3) uint8: upright sRGB pictures, resized and cropped by a `Recipe`, not yet normalised."""

Embeddings: TypeAlias = NDArray[np.float32]
"""(n, dim) float32, finite; rows of unit norm unless the card says raw."""

Scores: TypeAlias = NDArray[np.float32]
"""(q, k') float32, higher is better, each row in falling order; k' = min(k, rows searched)."""

Rows: TypeAlias = NDArray[np.int64]
"""(q, k') int64 gallery rows that belong to `Scores`; equal scores stand in rising row order."""

Metric: TypeAlias = Literal["cosine", "l2"]
"""How two embeddings are compared: the cosine of their angle, or minus their Euclidean distance."""

Verdict: TypeAlias = Literal["right", "wrong", "junk"]
"""What a hit is by the truth of a benchmark; junk is neither right nor wrong, and the query itself may be junk."""

Json: TypeAlias = "str | int | float | bool | list[Json] | dict[str, Json] | None"
Metadata: TypeAlias = Mapping[str, Json]


@dataclass(frozen=True, slots=True)
class Item:
    """One gallery image before it is read.

    Attributes:
        key: Unique within its source, relative, forward slashes, equal at every listing.
        size_bytes: Encoded size; -1 where the source cannot tell without reading.
        modified_ns: Last change, nanoseconds since 1970; 0 where the source cannot tell.
        metadata: What the source knows about the image, such as `{"label": "apple"}`.
        etag: What a server calls these bytes: another one with every change. Empty where there is none, or a weak one.
    """

    key: str
    size_bytes: int = -1
    modified_ns: int = 0
    metadata: Metadata = field(default_factory=dict)
    etag: str = ""


@dataclass(frozen=True, slots=True)
class Recipe:
    """How an encoder wants its input: part of the card, so part of an embedding's identity.

    Attributes:
        name: The word a user types, such as `imagenet`.
        side: Pixels are side × side.
        resize: `crop`: the shorter side becomes `shorter`, then the centre side × side is cut out.
            `squash`: both sides become `side`, whatever the aspect ratio.
        shorter: For `crop`, the length in pixels of the shorter side before the cut. For `squash`, that of both sides before the
            centre is cut out, where it is more than `side`.
        resample: The interpolation; antialiased when it shrinks.
        mean: Per channel, of values in 0..1; subtracted.
        std: Per channel, of values in 0..1; divided by.
    """

    name: str
    side: int
    resize: Literal["crop", "squash"] = "squash"
    shorter: int = 0
    resample: Literal["bilinear", "bicubic", "lanczos", "box"] = "bilinear"
    mean: tuple[float, float, float] = (0.0, 0.0, 0.0)
    std: tuple[float, float, float] = (1.0, 1.0, 1.0)


_NO_IDENTITY = ("licence", "source", "paper", "size_bytes")  # of a card: what changes no embedding


@dataclass(frozen=True, slots=True)
class Card:
    """An encoder's identity: equal fingerprints mean comparable embeddings, and nothing else does.

    Attributes:
        name: The word that loads it, such as `vgg19/fc1`.
        dim: Length of an embedding.
        recipe: Its input.
        metric: How its embeddings are meant to be compared.
        unit: Whether its rows have unit norm.
        layer: Where in the network the embedding is taken; empty when there is no network.
        pooling: How a map became a vector; empty when nothing was pooled.
        version: Of our own arithmetic; grows when the same image would get another embedding.
        weights_sha256: Of the file of weights; empty when there are none.
        quantised: SHA-256 of the int8 network that computes it; empty where arithmetic is in floating point. Whether that is fp32 or
            bf16, and by which runtime, is no part of the identity: docs/encoders.md says within what bound they agree.
        licence: Of the weights, or of the method when there are none.
        source: Where the weights come from.
        paper: What to cite.
        size_bytes: Of the file of weights; 0 when there are none, or nobody says.
    """

    name: str
    dim: int
    recipe: Recipe
    metric: Metric = "cosine"
    unit: bool = True
    layer: str = ""
    pooling: str = ""
    version: int = 1
    weights_sha256: str = ""
    quantised: str = ""
    licence: str = ""
    source: str = ""
    paper: str = ""
    size_bytes: int = 0

    @property
    def fingerprint(self) -> str:
        """16 hexadecimal digits over everything that changes an embedding (not over licence, source, paper, size)."""
        told = {name: value for name, value in self._told().items() if name not in _NO_IDENTITY}
        return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:16]

    def to_json(self) -> str:
        """All fields as one line of JSON; `from_json` is the way back."""
        return json.dumps(self._told(), sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> Card:
        """The card that `to_json` wrote."""
        fields = json.loads(text)
        recipe = fields.pop("recipe")
        mean, std = tuple(recipe.pop("mean")), tuple(recipe.pop("std"))
        return cls(recipe=Recipe(mean=mean, std=std, **recipe), **fields)

    def _told(self) -> dict[str, object]:
        """The fields; those that came later only where they say something, so that older fingerprints stay."""
        return {name: value for name, value in asdict(self).items() if value or name not in _LATER}


_LATER = ("quantised", "size_bytes")


@dataclass(frozen=True, slots=True)
class Record:
    """What a store keeps about one gallery image, beside its embedding.

    Attributes:
        key: Unique within the collection; see `Item.key`.
        content_sha256: Of the encoded bytes, 64 hexadecimal digits.
        size_bytes: Encoded size.
        modified_ns: Last change as the source told it, nanoseconds since 1970.
        width: Upright, in pixels.
        height: Upright, in pixels.
        metadata: Label and whatever else is known.
        etag: As the source told it; see `Item.etag`.
    """

    key: str
    content_sha256: str
    size_bytes: int
    modified_ns: int
    width: int
    height: int
    metadata: Metadata = field(default_factory=dict)
    etag: str = ""


@dataclass(frozen=True, slots=True)
class Skipped:
    """One image that could not be embedded, and why, in words for a person."""

    key: str
    reason: str


@dataclass(frozen=True, slots=True)
class Hit:
    """One neighbour of a query.

    Attributes:
        rank: From 1, best first.
        score: Higher is better: the cosine, or minus the Euclidean distance, as the card's metric says.
        record: The gallery image.
        row: Its row in the gallery.
        path: The file to open, or the place inside an archive, as an absolute path; empty when unknown.
        inliers: Places that the query and the image share by one geometry; None where nobody looked, or could.
        chance: The probability that the best match of an unrelated picture in this gallery has an embedding at least so similar;
            None where nobody asked.
        folded: Copies of it that were hits too, and stand under it instead; none where nobody asked.
        layers: Of a search with weights for layers: each layer, and how alike the two are by it (cosine); none otherwise.
    """

    rank: int
    score: float
    record: Record
    row: int
    path: str = ""
    inliers: int | None = None
    chance: float | None = None
    folded: tuple[Hit, ...] = ()
    layers: tuple[tuple[str, float], ...] = ()

    @property
    def key(self) -> str:
        """The gallery image's key."""
        return self.record.key
