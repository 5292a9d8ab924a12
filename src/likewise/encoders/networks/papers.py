"""What to cite for a network, where its library does not say: by what its name or the name of its weights contains."""

from __future__ import annotations

_PAPERS = {  # the first that is found counts: how it was trained before what it is
    "dinov3": "arXiv:2508.10104",
    "dinov2": "arXiv:2304.07193",
    "dino": "arXiv:2104.14294",
    "siglip2": "arXiv:2502.14786",
    "siglip": "arXiv:2303.15343",
    "webli": "arXiv:2303.15343",
    "metaclip": "arXiv:2309.16671",
    "datacomp": "arXiv:2304.14108",
    "commonpool": "arXiv:2304.14108",
    "dfn": "arXiv:2309.17425",
    "laion400m": "arXiv:2111.02114",
    "laion": "arXiv:2210.08402",
    "openai": "arXiv:2103.00020",
    "merged2b": "arXiv:2303.15389",
    "clip": "arXiv:2103.00020",
    "eva02": "arXiv:2303.11331",
    "beitv2": "arXiv:2208.06366",
    "beit": "arXiv:2106.08254",
    "deit": "arXiv:2012.12877",
    "mae": "arXiv:2111.06377",
    "alexnet": "Krizhevsky, Sutskever and Hinton, NIPS 2012",
    "convnextv2": "arXiv:2301.00808",
    "convnext": "arXiv:2201.03545",
    "densenet": "arXiv:1608.06993",
    "efficientnet_v2": "arXiv:2104.00298",
    "efficientnetv2": "arXiv:2104.00298",
    "efficientnet": "arXiv:1905.11946",
    "googlenet": "arXiv:1409.4842",
    "inception_v3": "arXiv:1512.00567",
    "maxvit": "arXiv:2204.01697",
    "mnasnet": "arXiv:1807.11626",
    "mobilenet_v2": "arXiv:1801.04381",
    "mobilenetv2": "arXiv:1801.04381",
    "mobilenet_v3": "arXiv:1905.02244",
    "mobilenetv3": "arXiv:1905.02244",
    "regnet": "arXiv:2003.13678",
    "wide_resnet": "arXiv:1605.07146",
    "resnext": "arXiv:1611.05431",
    "resnet": "arXiv:1512.03385",
    "shufflenet_v2": "arXiv:1807.11164",
    "squeezenet": "arXiv:1602.07360",
    "swin_v2": "arXiv:2111.09883",
    "swinv2": "arXiv:2111.09883",
    "swin": "arXiv:2103.14030",
    "vgg": "arXiv:1409.1556",
    "vit": "arXiv:2010.11929",
}


def paper_of(network: str, tag: str = "") -> str:
    """The paper, as arXiv id where there is one; empty where this table does not know.

    >>> paper_of("vit_small_patch14_dinov2", "lvd142m"), paper_of("resnet50", "IMAGENET1K_V2")
    ('arXiv:2304.07193', 'arXiv:1512.03385')
    """
    text = f"{tag} {network}".lower()
    return next((paper for part, paper in _PAPERS.items() if part in text), "")
