"""Parameters that several endpoints share."""

from __future__ import annotations

from typing import Annotated

from fastapi import Path, Query

COLLECTION = Annotated[str | None, Query(max_length=500, description="The first one unless given.")]
WHERE = Annotated[
    str | None,
    Query(max_length=10_000, description="Which images: `folder = 'tiger' and width > 1000`."),
]
KEY = Annotated[str, Path(min_length=1, max_length=4096, description="Of an image; slashes may stay as they are.")]
SIDE = Annotated[int, Query(ge=16, le=1024, description="Width and height are at most so many pixels.")]
