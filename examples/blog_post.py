"""VGG-19 fc1 on CIFAR-100, k = 7 nearest by L2, a grid for every query: the whole of the blog post that began this project.

Usage: python examples/blog_post.py QUERIES [CIFAR] [WEIGHTS]
CIFAR is cifar-100-python or its .tar.gz, WEIGHTS is vgg19-dcbb9e9d.pth; both are downloaded when they are not given.
"""

import sys
from pathlib import Path

import likewise
from likewise.queries.reading import open_place, queries_of
from likewise.sources import cifar

queries, *local = sys.argv[1:]
images = Path(local[0]) if local else cifar.download("cifar100")
encoder = likewise.load("vgg19/fc1", recipe="cifar", weights=Path(local[1]) if len(local) > 1 else None)

with likewise.Collection.create("cifar100-vgg19", encoder) as gallery:
    gallery.index_sources([cifar.open_cifar(images, "train")])
    for hits in gallery.search_many(queries_of(open_place(queries)), k=7):
        if isinstance(hits, likewise.Hits):
            print(hits.save(Path(hits.query.name).with_suffix(".png").name))
        else:
            print(f"{hits.key}: {hits.reason}")
