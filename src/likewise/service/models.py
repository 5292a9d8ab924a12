"""What goes over the wire: requests and answers as pydantic models, from which the OpenAPI document is made."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue

Scalar = str | int | float | bool
Metric = Literal["cosine", "l2"]
REGION = r"^\d{1,9}(\.\d{0,6})?%?(,\d{1,9}(\.\d{0,6})?%?){3}$"
_REGION = Field(
    default=None,
    pattern=REGION,
    description="The part of it that is meant: left, top, width and height, all in pixels or all in percent: `25%,0%,50%,100%`.",
)
KEY = Field(min_length=1, max_length=4096, description="Of an image, as hits tell it.")


class Asked(BaseModel):
    """The parent of what a client sends: unknown names are refused, so that a typing error is not an answer to another question."""

    model_config = ConfigDict(extra="forbid")


class Weighed(Asked):
    """How much a term counts."""

    weight: float = Field(default=1.0, ge=-1e6, le=1e6, description="Below zero, hits lead away from it; not zero.")


class Regional(Weighed):
    """A term that is a picture."""

    region: str | None = _REGION


class KeyTerm(Regional):
    """An image of the gallery."""

    key: str = KEY


class UploadTerm(Regional):
    """A picture that was uploaded before."""

    upload: str = Field(pattern=r"^[0-9a-f]{32}$", description="The `id` that `POST /v1/uploads` answered.")


class FileTerm(Regional):
    """A file part of this request."""

    file: str = Field(min_length=1, max_length=200, description="The name of a part of the multipart body.")


class DataTerm(Regional):
    """A picture inside the JSON."""

    data: str = Field(min_length=1, description="The encoded picture in base64.")


class UrlTerm(Regional):
    """A picture that the server fetches, where its operator allows it."""

    url: str = Field(pattern=r"^https?://", max_length=4096)


class TextTerm(Weighed):
    """Words, where the collection's model has text."""

    text: str = Field(min_length=1, max_length=4096)


class ConceptTerm(Weighed):
    """A concept that was taught before."""

    concept: str = Field(min_length=1, max_length=200)


Term = KeyTerm | UploadTerm | FileTerm | DataTerm | UrlTerm | TextTerm | ConceptTerm


class Options(Asked):
    """How a search is answered."""

    collection: str | None = Field(default=None, max_length=500, description="The first one unless given.")
    k: int = Field(default=24, ge=1, le=1000, description="How many hits.")
    offset: int = Field(
        default=0, ge=0, le=100_000, description="How many of the best are left out, for a further page."
    )
    where: str | None = Field(
        default=None, max_length=10_000, description="Which images may be found: `folder = 'tiger' and width > 1000`."
    )
    rerank: str | None = Field(default=None, max_length=500, description="As on the command line, such as `geometry`.")
    significance: float | None = Field(
        default=None,
        gt=0,
        le=1,
        description="Only hits that an unrelated picture would have with at most this probability.",
    )
    fold: bool = Field(default=False, description="Copies of a better hit stand under it.")
    metric: Metric | None = Field(default=None, description="The model's own unless given.")
    with_self: bool = Field(default=False, description="Images that the query names by key may be among the hits.")


class SearchOptions(Options):
    """Options in the query string, for a body that is the picture itself, or has no part `request`."""

    region: str | None = _REGION


class SearchRequest(Options):
    """What is looked for, and how."""

    query: list[Term] = Field(default_factory=list, max_length=32, description="Mixed by their weights.")
    liked: list[Annotated[str, KEY]] = Field(
        default_factory=list, max_length=1000, description="Keys of images that are right."
    )
    disliked: list[Annotated[str, KEY]] = Field(
        default_factory=list, max_length=1000, description="Keys of images that are wrong."
    )
    layers: dict[str, float] | None = Field(default=None, description="Weights of the parts of a mixed embedding.")


class QueryPart(BaseModel):
    """A part of the query, as it was understood."""

    kind: Literal["image", "text", "key", "url", "concept", "marks"]
    name: str
    weight: float
    region: list[int] | None = Field(default=None, description="Left, top, width and height in pixels.")


class Links(BaseModel):
    """Where more of an image is."""

    image: str
    thumbnail: str
    original: str


class ImageInfo(BaseModel):
    """What is known of an image of the gallery."""

    key: str
    width: int = Field(description="Upright, in pixels.")
    height: int
    size_bytes: int
    modified: str | None = Field(description="ISO 8601, UTC; null where nobody knows.")
    metadata: dict[str, JsonValue]
    links: Links


class Copy(ImageInfo):
    """A copy of a hit that stands under it."""

    score: float


Strength = Literal["strong", "fair", "weak"]


class SearchHit(ImageInfo):
    """One neighbour."""

    rank: int
    score: float = Field(description="Higher is better: the cosine, or minus the distance.")
    chance: float | None = Field(description="That the best match of an unrelated picture is at least so similar.")
    inliers: int | None = Field(
        description="Places that it shares with the query by one geometry; null where nobody looked."
    )
    strength: Strength | None = Field(description="In a word, from the chance; null where nobody can tell.")
    folded: list[Copy]
    layers: dict[str, float] | None = Field(
        default=None, description="Of a search with weights for layers: how alike the two are by each (cosine)."
    )


class ChanceHit(ImageInfo):
    """One of the nearest that is no hit, because chance explains it."""

    rank: int = Field(description="Among hits and these.")
    score: float
    chance: float | None


class Timing(BaseModel):
    """Where the time went, in milliseconds."""

    wait: float = Field(description="For others that came before, and to be put together with others.")
    decode: float
    embed: float
    search: float
    rerank: float = Field(description="With the search that it begins with.")
    total: float


class SearchAnswer(BaseModel):
    """Hits, best first."""

    collection: str
    model: str
    query: list[QueryPart]
    note: str = Field(description="What a reader of the hits should know: what was left out, and why.")
    total: int = Field(description="Images in the gallery.")
    k: int
    offset: int
    more: bool = Field(description="Whether there may be more behind these.")
    hits: list[SearchHit]
    by_chance: list[ChanceHit]
    best_by_chance: ChanceHit | None = Field(
        description="The best of `by_chance` where there is no hit at all: no good match."
    )
    timing_ms: Timing


class Upload(BaseModel):
    """A query picture that is kept for a while."""

    id: str = Field(description="32 hexadecimal digits, of its content.")
    width: int
    height: int
    expires: str = Field(description="ISO 8601, UTC.")


class ImagePage(BaseModel):
    """Some images of the gallery, in its order."""

    total: int = Field(description="Images that pass.")
    images: list[ImageInfo]
    next: str | None = Field(description="What `after` is for the next page; null where there is none.")


class ModelCard(BaseModel):
    """What made the embeddings of a collection."""

    name: str
    dim: int
    input: int = Field(description="Side of its input in pixels.")
    recipe: str
    metric: Metric
    layer: str
    pooling: str
    fingerprint: str
    licence: str
    source: str
    paper: str


class Can(BaseModel):
    """What can be asked of a collection here."""

    text: bool
    geometry: bool
    write: bool
    urls: bool
    significance: bool
    teach: bool
    map: bool
    layers: bool


class CollectionInfo(BaseModel):
    """A collection that is served."""

    name: str
    images: int
    model: ModelCard
    metric: Metric
    can: Can
    layers: list[str] = Field(description="Names of the parts of a mixed embedding; empty where it is of one part.")
    layer_weights: list[float] = Field(description="The share of each in the model's own score; they add up to 1.")
    why_no_layers: str | None = Field(description="Why they cannot be weighed; null where they can.")
    default_k: int


class CollectionList(BaseModel):
    """All that are served, the default first."""

    collections: list[CollectionInfo]


class Frequent(BaseModel):
    """A value that comes often."""

    value: Scalar
    images: int


class FieldInfo(BaseModel):
    """A field that a filter can ask for."""

    name: str
    kinds: dict[str, int] = Field(description="Kind of value → images that have one.")
    missing: int = Field(description="Images without any.")
    least: Scalar | None
    most: Scalar | None
    distinct: int | None = Field(description="Null where there are more than 10,000.")
    top: list[Frequent]


class FieldList(BaseModel):
    """All fields, facts first."""

    images: int
    fields: list[FieldInfo]


class ModelEntry(BaseModel):
    """A well-known model, as `likewise models` tells it."""

    name: str
    about: str
    dim: int
    input: int
    metric: Metric
    text: bool
    licence: str
    paper: str | None
    source: str
    download_bytes: int
    download_is_estimate: bool
    cached: bool
    needs: list[str]
    lacks: list[str]


class ModelList(BaseModel):
    """The catalogue."""

    models: list[ModelEntry]


class Health(BaseModel):
    """Whether the server lives, or is ready."""

    status: Literal["ok", "ready"]
    version: str
