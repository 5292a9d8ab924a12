"""The 40 kinds: who builds them, where they stand, and from where they are seen."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from likewise.benchmarks.rendered import (
    buildings,
    craft,
    creatures,
    figures,
    fruit,
    furniture,
    plants,
    tableware,
    vehicles,
)
from likewise.benchmarks.rendered.paint import Dice
from likewise.benchmarks.rendered.shapes import Mesh
from likewise.benchmarks.rendered.stage import Theme


@dataclass(frozen=True, slots=True)
class Kind:
    """How things of one kind are built and where they are met.

    Attributes:
        build: Makes one instance, in a unit of its own.
        themes: Where it stands, mostly.
        front: Azimuth in degrees that it is mostly photographed from, give or take 50.
        turns: Whether it is now and then seen from all round.
    """

    build: Callable[[Dice], Mesh]
    themes: tuple[Theme, ...]
    front: float = -60
    turns: bool = True


KINDS: dict[str, Kind] = {
    "mug": Kind(tableware.mug, ("tabletop",)),
    "bowl": Kind(tableware.bowl, ("tabletop",)),
    "bottle": Kind(tableware.bottle, ("tabletop",)),
    "teapot": Kind(tableware.teapot, ("tabletop",)),
    "wine_glass": Kind(tableware.wine_glass, ("tabletop",)),
    "chair": Kind(furniture.chair, ("room",)),
    "stool": Kind(furniture.stool, ("room",)),
    "table": Kind(furniture.table, ("room",)),
    "sofa": Kind(furniture.sofa, ("room",), -90, False),
    "bed": Kind(furniture.bed, ("room",)),
    "bookshelf": Kind(furniture.bookshelf, ("room",), -90, False),
    "lamp": Kind(furniture.lamp, ("room", "tabletop")),
    "umbrella": Kind(furniture.umbrella, ("outdoors", "room")),
    "house": Kind(buildings.house, ("outdoors",)),
    "church": Kind(buildings.church, ("outdoors",)),
    "castle": Kind(buildings.castle, ("outdoors",)),
    "lighthouse": Kind(buildings.lighthouse, ("outdoors", "sea")),
    "windmill": Kind(buildings.windmill, ("outdoors",), -90, False),
    "bridge": Kind(buildings.bridge, ("sea", "outdoors")),
    "car": Kind(vehicles.car, ("outdoors",)),
    "truck": Kind(vehicles.truck, ("outdoors",)),
    "bus": Kind(vehicles.bus, ("outdoors",)),
    "bicycle": Kind(vehicles.bicycle, ("outdoors", "room"), -90, False),
    "sailing_boat": Kind(craft.sailing_boat, ("sea",)),
    "aeroplane": Kind(craft.aeroplane, ("air", "air", "outdoors")),
    "rocket": Kind(craft.rocket, ("air", "outdoors")),
    "tree": Kind(plants.tree, ("outdoors",)),
    "pine": Kind(plants.pine, ("outdoors",)),
    "palm": Kind(plants.palm, ("outdoors", "sea")),
    "cactus": Kind(plants.cactus, ("outdoors", "tabletop")),
    "mushroom": Kind(plants.mushroom, ("outdoors", "tabletop")),
    "flower": Kind(plants.flower, ("outdoors", "tabletop")),
    "apple": Kind(fruit.apple, ("tabletop",)),
    "pear": Kind(fruit.pear, ("tabletop",)),
    "banana": Kind(fruit.banana, ("tabletop",)),
    "fish": Kind(creatures.fish, ("air", "tabletop", "sea"), -90, False),
    "bird": Kind(creatures.bird, ("outdoors", "air")),
    "dog": Kind(creatures.dog, ("outdoors", "room")),
    "snowman": Kind(figures.snowman, ("outdoors",), 0, False),
    "robot": Kind(figures.robot, ("tabletop", "room", "outdoors"), 0, False),
}
"""By name; the order is part of every picture's seed."""
