"""Each reader on a tiny tree in the official layout."""

from __future__ import annotations

import csv
import io
import pickle
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Picture

from likewise import benchmarks
from likewise.benchmarks import Benchmark, Classes, Lists, open_benchmark
from likewise.benchmarks.cifar import held_out_classes
from likewise.errors import BadArgument, SourceError, UnknownName


def jpeg(path: Path, colour: tuple[int, int, int] = (90, 90, 90), size: tuple[int, int] = (24, 16)) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Picture.new("RGB", size, colour).save(path)


def write(path: Path, *lines: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n")


def keys(side) -> list[str]:
    return [item.key for item in side.items()]


def only(benchmark: Benchmark) -> Classes | Lists:
    (truth,) = benchmark.truths.values()
    return truth


def cifar_layout(folder: Path, classes: int = 10) -> Path:
    """cifar-100-python with two train images and one test image of each class."""
    home = folder / "cifar-100-python"
    home.mkdir(parents=True)
    names = [f"class{c:02d}" for c in range(classes)]

    def part(per_class: int) -> dict[bytes, object]:
        labels = [c for c in range(classes) for _ in range(per_class)]
        data = np.random.default_rng(per_class).integers(0, 256, (len(labels), 3072)).astype(np.uint8)
        files = [f"{names[c]}_{i}.png".encode() for i, c in enumerate(labels)]
        return {b"data": data, b"fine_labels": labels, b"coarse_labels": labels, b"filenames": files}

    meta = {"fine_label_names": names, "coarse_label_names": names}
    for name, content in (("train", part(2)), ("test", part(1)), ("meta", meta)):
        (home / name).write_bytes(pickle.dumps(content, protocol=2))
    return home


def test_cifar_searches_train_by_test(tmp_path: Path) -> None:
    found = open_benchmark("cifar100", cifar_layout(tmp_path))
    truth = only(found)
    assert isinstance(truth, Classes)
    assert len(truth.queries) == 10
    assert truth.gallery.tolist() == [c for c in range(10) for _ in range(2)]
    assert (truth.self_rows == -1).all()
    assert all(key.startswith("test/") for key in keys(found.queries))
    assert found.notes == (
        "20 train images instead of the official 50,000",
        "10 test images instead of the official 10,000",
    )
    for side in (found.gallery, found.queries):
        item = next(side.items())
        assert side.read(item).startswith(b"\x89PNG")


def test_held_out_classes_are_searched_among_themselves(tmp_path: Path) -> None:
    found = open_benchmark("cifar100-disjoint", cifar_layout(tmp_path))
    truth = only(found)
    assert isinstance(truth, Classes)
    assert truth.names == held_out_classes([f"class{c:02d}" for c in range(10)]) == ("class08", "class09")
    assert len(truth.queries) == 6  # train and test together
    assert truth.self_rows.tolist() == list(range(6))
    assert np.bincount(truth.queries).tolist() == [3, 3]
    assert {key.split("/")[1] for key in keys(found.gallery)} == {"class08", "class09"}
    assert all(found.gallery.read(item) for item in found.gallery.items())


def test_cifar_is_read_from_folders_of_pictures_too(tmp_path: Path) -> None:
    for split, count in (("train", 3), ("test", 2)):
        for label in ("ant", "bee"):
            for i in range(count):
                jpeg(tmp_path / split / label / f"{i}.png")
    found = open_benchmark("cifar10", tmp_path)
    truth = only(found)
    assert isinstance(truth, Classes)
    assert truth.queries.tolist() == [0, 0, 1, 1]
    assert truth.gallery.tolist() == [0, 0, 0, 1, 1, 1]
    assert found.gallery.read(next(found.gallery.items()))


def test_ukbench_counts_the_query_itself(tmp_path: Path) -> None:
    for i in (0, 1, 2, 3, 8, 9, 10):
        jpeg(tmp_path / f"ukbench{i:05d}.jpg")
    found = open_benchmark("ukbench", tmp_path)
    truth = only(found)
    assert isinstance(truth, Classes)
    assert truth.queries.tolist() == [0, 0, 0, 0, 1, 1, 1]
    assert (truth.self_rows == -1).all()
    assert "1 objects have not four views" in found.notes
    assert found.metrics[0] == "N-S"


def test_holidays_takes_the_query_out(tmp_path: Path) -> None:
    for name in (100000, 100001, 100002, 100100, 100101):
        jpeg(tmp_path / "jpg" / f"{name}.jpg")
    found = open_benchmark("holidays", tmp_path)
    truth = only(found)
    assert isinstance(truth, Lists)
    assert keys(found.queries) == ["100000.jpg", "100100.jpg"]
    assert [each.tolist() for each in truth.junk] == [[0], [3]]
    assert [each.tolist() for each in truth.positives] == [[0, 1, 2], [3, 4]]  # junk wins over positive


def oxford(folder: Path) -> Path:
    for name in ("all_souls_000013", "all_souls_000026", "christ_church_000179", "hertford_000015"):
        jpeg(folder / "images" / f"{name}.jpg", size=(40, 30))
    write(folder / "gt" / "all_souls_1_query.txt", "oxc1_all_souls_000013 4.5 2.0 24.4 22.0")
    write(folder / "gt" / "all_souls_1_good.txt", "all_souls_000026")
    write(folder / "gt" / "all_souls_1_ok.txt", "all_souls_000013")
    write(folder / "gt" / "all_souls_1_junk.txt", "christ_church_000179")
    return folder


def test_oxford_cuts_out_its_queries_and_reads_good_ok_and_junk(tmp_path: Path) -> None:
    found = open_benchmark("oxford5k", oxford(tmp_path))
    truth = only(found)
    assert isinstance(truth, Lists)
    assert keys(found.queries) == ["images/all_souls_000013.jpg"]
    assert [keys(found.gallery)[row] for row in truth.positives[0]] == [
        "images/all_souls_000013.jpg",
        "images/all_souls_000026.jpg",
    ]
    assert [keys(found.gallery)[row] for row in truth.junk[0]] == ["images/christ_church_000179.jpg"]
    with Picture.open(io.BytesIO(found.queries.read(next(found.queries.items())))) as part:
        assert part.size == (20, 20)
    assert found.metrics[0] == "mAP-trapezoid"


def test_distractors_are_a_plain_extra_gallery(tmp_path: Path) -> None:
    jpeg(tmp_path / "more" / "far" / "away.jpg")
    found = open_benchmark("oxford5k", oxford(tmp_path / "oxford"), distractors=tmp_path / "more")
    assert keys(found.gallery)[-1] == "more/far/away.jpg"
    assert len(keys(found.gallery)) == 5
    assert found.gallery.read(list(found.gallery.items())[-1])
    assert found.gallery.read(next(found.gallery.items()))
    assert found.gallery.covers("more/far/away.jpg")
    with pytest.raises(BadArgument, match="has no distractors"):
        open_benchmark("ukbench", tmp_path, distractors=tmp_path / "more")


def test_a_ground_truth_of_other_files_is_refused(tmp_path: Path) -> None:
    folder = oxford(tmp_path)
    for each in (folder / "images").iterdir():
        each.rename(each.with_name(f"x{each.name}"))
    with pytest.raises(SourceError, match=r"3 of 3 images of the ground truth are missing.*robots\.ox\.ac\.uk"):
        open_benchmark("oxford5k", folder)
    write(folder / "gt" / "all_souls_1_query.txt", "oxc1_all_souls_000013 a b c d")
    with pytest.raises(SourceError, match="four numbers"):
        open_benchmark("oxford5k", folder)


def test_paris_leaves_out_its_broken_images(tmp_path: Path) -> None:
    for name in ("paris_louvre_000136", "paris_louvre_000001", "paris_defense_000605"):
        jpeg(tmp_path / "paris" / "louvre" / f"{name}.jpg")
    for kind, name in (("query", "paris_defense_000605 0 0 10 10"), ("good", "paris_louvre_000001")):
        write(tmp_path / f"defense_1_{kind}.txt", name)
    write(tmp_path / "defense_1_ok.txt", "paris_louvre_000136")
    write(tmp_path / "defense_1_junk.txt")
    found = open_benchmark("paris6k", tmp_path)
    assert keys(found.gallery) == ["paris/louvre/paris_defense_000605.jpg", "paris/louvre/paris_louvre_000001.jpg"]
    truth = only(found)
    assert isinstance(truth, Lists)
    assert truth.positives[0].tolist() == [1]


def revisited(folder: Path, **changes: object) -> Path:
    for name in ("a", "b", "c", "d", "q"):
        jpeg(folder / "jpg" / f"{name}.jpg")
    truth = {"bbx": [2.0, 3.0, 12.0, 13.0], "easy": [0], "hard": [1], "junk": [2]} | changes
    content = {"imlist": ["a", "b", "c", "d"], "qimlist": ["q"], "gnd": [truth]}
    (folder / "gnd_roxford5k.pkl").write_bytes(pickle.dumps(content, protocol=2))
    return folder


def test_revisited_setups_differ_in_what_is_right_and_what_is_junk(tmp_path: Path) -> None:
    found = open_benchmark("roxford5k", revisited(tmp_path))
    told = {name: (truth.positives[0].tolist(), truth.junk[0].tolist()) for name, truth in found.truths.items()}
    assert told == {"medium": ([0, 1], [2]), "hard": ([1], [0, 2]), "easy": ([0], [1, 2])}
    assert keys(found.gallery) == ["jpg/a.jpg", "jpg/b.jpg", "jpg/c.jpg", "jpg/d.jpg"]
    with Picture.open(io.BytesIO(found.queries.read(next(found.queries.items())))) as part:
        assert part.size == (10, 10)


def test_a_revisited_file_that_contradicts_itself_or_runs_code_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="row 7 of 4"):
        open_benchmark("roxford5k", revisited(tmp_path, easy=[7]))
    with pytest.raises(SourceError, match="four numbers"):
        open_benchmark("roxford5k", revisited(tmp_path, bbx=[1.0]))
    (tmp_path / "gnd_roxford5k.pkl").write_bytes(pickle.dumps(["no dictionary"]))
    with pytest.raises(SourceError, match="fit together"):
        open_benchmark("roxford5k", tmp_path)
    (tmp_path / "gnd_roxford5k.pkl").write_bytes(b"cposix\nsystem\n(S'true'\ntR.")
    with pytest.raises(SourceError, match=r"posix\.system"):
        open_benchmark("roxford5k", tmp_path)


def test_products_are_those_of_the_test_half(tmp_path: Path) -> None:
    write(
        tmp_path / "Ebay_test.txt",
        "image_id class_id super_class_id path",
        "59552 11319 1 bicycle_final/1.JPG",
        "59553 11319 1 bicycle_final/2.JPG",
        "59554 11320 1 chair_final/3.JPG",
    )
    found = open_benchmark("sop", tmp_path)
    truth = only(found)
    assert isinstance(truth, Classes)
    assert keys(found.gallery) == ["bicycle_final/1.JPG", "bicycle_final/2.JPG", "chair_final/3.JPG"]
    assert truth.queries.tolist() == [0, 0, 1]
    assert truth.self_rows.tolist() == [0, 1, 2]
    write(tmp_path / "Ebay_test.txt", "image_id class_id", "1 x")
    with pytest.raises(SourceError, match="other columns"):
        open_benchmark("sop", tmp_path)


def test_birds_are_those_of_the_second_hundred(tmp_path: Path) -> None:
    write(tmp_path / "images.txt", "1 001.Albatross/a.jpg", "2 101.Pelican/b.jpg", "3 200.Yellowthroat/c.jpg")
    write(tmp_path / "image_class_labels.txt", "1 1", "2 101", "3 200")
    found = open_benchmark("cub200", tmp_path)
    assert keys(found.gallery) == ["images/101.Pelican/b.jpg", "images/200.Yellowthroat/c.jpg"]


def test_cars_are_those_behind_98(tmp_path: Path) -> None:
    io_of_matlab = pytest.importorskip("scipy.io")
    kind = [("relative_im_path", object), ("class", object), ("test", object)]
    rows = np.array([("car_ims/1.jpg", 98, 0), ("car_ims/2.jpg", 99, 1), ("car_ims/3.jpg", 196, 0)], dtype=kind)
    io_of_matlab.savemat(str(tmp_path / "cars_annos.mat"), {"annotations": rows})
    found = open_benchmark("cars196", tmp_path)
    assert keys(found.gallery) == ["car_ims/2.jpg", "car_ims/3.jpg"]
    (tmp_path / "cars_annos.mat").write_bytes(b"nothing of Matlab's")
    with pytest.raises(SourceError, match="fetch it anew"):
        open_benchmark("cars196", tmp_path)


def test_clothes_are_split_into_query_and_gallery(tmp_path: Path) -> None:
    write(
        tmp_path / "Eval" / "list_eval_partition.txt",
        "4",
        "image_name item_id evaluation_status",
        "img/a.jpg id_1 train",
        "img/b.jpg id_2 query",
        "img/c.jpg id_2 gallery",
        "img/d.jpg id_3 gallery",
    )
    (tmp_path / "Img").mkdir()
    found = open_benchmark("inshop", tmp_path)
    truth = only(found)
    assert isinstance(truth, Classes)
    assert (keys(found.queries), keys(found.gallery)) == (["Img/img/b.jpg"], ["Img/img/c.jpg", "Img/img/d.jpg"])
    assert truth.queries.tolist() == [0]
    assert truth.gallery.tolist() == [0, 1]


def test_copies_belong_to_their_original(tmp_path: Path) -> None:
    for name in (
        "original/200000.jpg",
        "original/200100.jpg",
        "jpeg/75/200001.jpg",
        "crops/50/200101.jpg",
        "strong/200102.jpg",
    ):
        jpeg(tmp_path / name)
    found = open_benchmark("copydays", tmp_path)
    truth = only(found)
    assert isinstance(truth, Lists)
    assert keys(found.queries) == ["crops/50/200101.jpg", "jpeg/75/200001.jpg", "strong/200102.jpg"]
    assert [each.tolist() for each in truth.positives] == [[1], [0], [1]]
    assert "muAP" in found.metrics


def test_most_queries_of_disc_have_no_original(tmp_path: Path) -> None:
    for name in ("queries/Q00000.jpg", "queries/Q00001.jpg", "references/R000000.jpg", "references/R000001.jpg"):
        jpeg(tmp_path / name)
    write(tmp_path / "dev_ground_truth.csv", "Q00001,R000001")
    truth = only(open_benchmark("disc21", tmp_path))
    assert isinstance(truth, Lists)
    assert [each.tolist() for each in truth.positives] == [[], [1]]
    write(tmp_path / "dev_ground_truth.csv", "Q9,R9")
    with pytest.raises(SourceError, match="names no pair"):
        open_benchmark("disc21", tmp_path)


def test_subfolders_are_classes(tmp_path: Path) -> None:
    for name in ("a/1.jpg", "a/2.jpg", "b/deep/1.jpg"):
        jpeg(tmp_path / name)
    truth = only(open_benchmark("folder", tmp_path))
    assert isinstance(truth, Classes)
    assert truth.names == ("a", "b/deep")
    assert truth.self_rows.tolist() == [0, 1, 2]


def test_a_folder_may_tell_queries_from_gallery(tmp_path: Path) -> None:
    for name in ("gallery/a/1.jpg", "gallery/b/1.jpg", "queries/b/2.jpg"):
        jpeg(tmp_path / name)
    found = open_benchmark("folder", tmp_path)
    truth = only(found)
    assert isinstance(truth, Classes)
    assert keys(found.queries) == ["b/2.jpg"]
    assert truth.queries.tolist() == [1]
    assert truth.self_rows.tolist() == [-1]


def test_a_table_lists_what_belongs_together(tmp_path: Path) -> None:
    for name in ("q.jpg", "right.jpg", "wrong.jpg", "junk.jpg"):
        jpeg(tmp_path / name)
    with (tmp_path / "truth.csv").open("w", newline="") as file:
        csv.writer(file).writerows(
            [
                ["query", "key", "relevance"],
                ["q.jpg", "right.jpg", 2],
                ["q.jpg", "wrong.jpg", 0],
                ["q.jpg", "junk.jpg", -1],
            ]
        )
    found = open_benchmark("csv", tmp_path / "truth.csv")
    truth = only(found)
    assert isinstance(truth, Lists)
    assert keys(found.gallery) == ["right.jpg", "wrong.jpg", "junk.jpg"]
    assert (truth.positives[0].tolist(), truth.junk[0].tolist()) == ([0], [2])


@pytest.mark.parametrize(
    ("text", "message"),
    [("query,key\nq,k\n", "wanted query, key, relevance"), ("query,key,relevance\nq,k,good\n", "line 2.*no number")],
)
def test_a_wrong_table_is_refused(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "t.csv").write_text(text)
    with pytest.raises(SourceError, match=message):
        open_benchmark("csv", tmp_path / "t.csv")


def test_drawn_benchmarks_know_kinds_and_objects(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from likewise.benchmarks import rendered

    monkeypatch.setattr(rendered, "write", lambda *_, **__: None)  # names and truth need no pictures
    kinds = open_benchmark("rendered", tmp_path)
    truth = only(kinds)
    assert isinstance(truth, Classes)
    assert (len(truth.queries), len(truth.gallery)) == (200, 2400)
    assert all(
        kinds_of.split("/")[0] == rendered.KINDS[label]
        for kinds_of, label in zip(keys(kinds.queries), truth.queries, strict=True)
    )
    assert not set(keys(kinds.queries)) & set(keys(kinds.gallery))
    objects = open_benchmark("rendered-instance", tmp_path)
    pairs = zip(keys(objects.queries), keys(objects.gallery), strict=True)
    assert all(query.removesuffix("-1.jpg") == view.removesuffix("-0.jpg") for query, view in pairs)


@pytest.mark.parametrize("name", [name for name in benchmarks.names() if not name.startswith("rendered")])
def test_without_its_files_a_benchmark_says_what_it_needs(name: str, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="needs its files|give a"):
        open_benchmark(name)
    with pytest.raises((SourceError, BadArgument), match="fetch|give|pass|needs|unpack"):
        open_benchmark(name, tmp_path)
    assert benchmarks.about(name)


def test_every_benchmark_tells_its_facts(tmp_path: Path) -> None:
    jpeg(tmp_path / "ukbench00000.jpg")
    found = open_benchmark("ukbench", tmp_path)
    assert found.facts.home.startswith("https://")
    assert found.facts.citation
    with pytest.raises(UnknownName, match="ukbench"):
        open_benchmark("ukbensh")
