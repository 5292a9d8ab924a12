"""The list of well-known models agrees with the encoders that are here and with the libraries that publish the others."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from likewise import encoders
from likewise.encoders import catalogue
from likewise.encoders.catalogue import ENTRIES, Entry
from likewise.errors import UnknownName

BY_FAMILY = {
    family: [entry for entry in ENTRIES if entry.source == family]
    for family in ("likewise", "torchvision", "timm", "open_clip")
}


def named(entry: Entry) -> str:
    return entry.name


def test_names_are_there_once_and_every_model_says_what_it_must() -> None:
    assert len({entry.name for entry in ENTRIES}) == len(ENTRIES) == sum(map(len, BY_FAMILY.values()))
    for entry in ENTRIES:
        assert min(entry.dim, entry.side) > 0
        assert all((entry.licence, entry.about))
        assert bool(entry.files) == bool(entry.needs) == (entry.size_bytes > 0)


@pytest.mark.parametrize("entry", BY_FAMILY["likewise"], ids=named)
def test_what_is_in_the_package_is_told_as_its_card_tells_it(entry: Entry) -> None:
    card = encoders.load(entry.name).card
    told = (entry.dim, entry.side, entry.metric, entry.licence, entry.paper)
    assert told == (card.dim, card.recipe.side, card.metric, card.licence, card.paper)
    assert entry.cached()
    assert not entry.lacks


@pytest.mark.parametrize("entry", BY_FAMILY["torchvision"], ids=named)
def test_torchvision_publishes_these_files_for_these_inputs(entry: Entry, torchvision: ModuleType) -> None:
    import torch

    network = entry.name.partition("/")[0]
    published = torchvision.models.get_model_weights(network).DEFAULT
    assert entry.files == (published.url.rpartition("/")[2],)
    assert entry.size_bytes == pytest.approx(published.meta["_file_size"] * 2**20, abs=2**20 / 1000)
    assert [entry.side] == published.transforms().crop_size
    with torch.device("meta"):
        module = getattr(torchvision.models, network)(weights=None)
    linear = [each for each in module.modules() if isinstance(each, torch.nn.Linear)]
    assert entry.dim == linear[-1].in_features


def test_torchvision_has_as_many_networks_as_the_list_says(torchvision: ModuleType) -> None:
    (about,) = (family.about for family in catalogue.FAMILIES if "torchvision" in family.about)
    assert len(torchvision.models.list_models(module=torchvision.models)) >= int(re.search(r"\d+", about)[0])  # type: ignore[index]


@pytest.mark.parametrize("entry", BY_FAMILY["timm"], ids=named)
def test_timm_publishes_these_networks(entry: Entry, torchvision: ModuleType) -> None:
    import torch

    timm = pytest.importorskip("timm")
    name = entry.name.removeprefix("timm/")
    config = timm.get_pretrained_cfg(name)
    assert (config.license, config.input_size) == (entry.licence, (3, entry.side, entry.side))
    assert entry.files == (f"{config.hf_hub_id.replace('/', '--')}--model.safetensors",)
    with torch.device("meta"):
        module = timm.create_model(name, pretrained=False)
    assert entry.dim == module.num_features
    assert entry.size_bytes == sum(each.numel() * each.element_size() for each in module.state_dict().values())


@pytest.mark.parametrize("entry", BY_FAMILY["open_clip"], ids=named)
def test_open_clip_publishes_these_networks(entry: Entry, torchvision: ModuleType) -> None:
    open_clip = pytest.importorskip("open_clip")
    _, network, tag = entry.name.split("/")
    published, config = open_clip.get_pretrained_cfg(network, tag), open_clip.get_model_config(network)
    repository = published["hf_hub"].rstrip("/").replace("/", "--")
    assert all(file.startswith(f"{repository}--") for file in entry.files)
    assert (config["embed_dim"], config["vision_cfg"]["image_size"]) == (entry.dim, entry.side)
    assert entry.text
    assert "hf_tokenizer_name" not in config["text_cfg"]


def test_listing_loads_neither_torch_nor_the_families(run_python: Callable[[str], str]) -> None:
    program = (
        "import sys; from click.testing import CliRunner; from likewise import cli; "
        "done = CliRunner().invoke(cli.likewise, ['models'], standalone_mode=False); "
        "print(done.exception, [name for name in ('torch', 'torchvision', 'timm', 'open_clip', 'onnxruntime') if name in sys.modules])"
    )
    assert run_python(program) == "None []"


def test_a_cached_file_under_any_of_its_names_is_found(tmp_path: Path) -> None:
    clip = catalogue.find("open_clip/ViT-B-32/openai")
    assert not clip.cached(tmp_path)
    (tmp_path / "weights").mkdir()
    (tmp_path / "weights" / clip.files[-1]).touch()
    assert clip.cached(tmp_path)


def test_a_network_is_found_without_its_layer_and_a_wrong_name_gets_near_ones() -> None:
    assert catalogue.find("vgg19").name == "vgg19/fc1"
    with pytest.raises(UnknownName, match="did you mean resnet50"):
        catalogue.find("resnet5O")
    with pytest.raises(UnknownName, match="by family"):
        catalogue.find("@@@")


def test_what_is_not_installed_is_lacking(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catalogue, "find_spec", lambda name: None if name == "timm" else object())
    assert catalogue.find("timm/resnet50.a1_in1k").lacks == ("timm",)
    assert catalogue.find("resnet50").lacks == ()
    assert [family.lacks for family in catalogue.families() if "timm" in family.needs] == [("timm",)]
