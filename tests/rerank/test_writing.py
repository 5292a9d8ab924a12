"""How rerankers are written on the command line, and how short lists meet long rankings."""

from __future__ import annotations

import numpy as np
import pytest

from fakes import unit_rows
from likewise import rerank
from likewise.errors import BadArgument, UnknownName
from rerankings import held, shortlists


def test_numbers_that_are_not_given_are_the_usual_ones() -> None:
    assert rerank.load("alpha-qe").name == "alpha-qe:10,3"
    assert rerank.load("alpha-qe:5").name == "alpha-qe:5,3"
    assert rerank.load("alpha-qe:,2").name == "alpha-qe:10,2"
    assert rerank.load("k-reciprocal:").name == "k-reciprocal:20,6,0.3"
    assert rerank.load(" dba : 4 + aqe ").name == "dba:4+aqe:10"


def test_a_name_can_be_loaded_again() -> None:
    for text in ("diffusion:30,5,0.9,2.5", "superglobal+k-reciprocal:7,2,0"):
        name = rerank.load(text).name
        assert rerank.load(name).name == name


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "write its name"),
        ("aqe+", "write its name"),
        ("10", "write its name"),
        ("aqe:ten", "aqe: hits is ten: give a whole number, at least 1"),
        ("aqe:0", "at least 1"),
        ("aqe:2.5", "whole number"),
        ("aqe:nan", "whole number"),
        ("aqe:1,2", "has 2 numbers, aqe takes hits"),
        ("k-reciprocal:20,6,2", "at least 0 and at most 1"),
        ("alpha-qe:10,inf,1", "alpha-qe takes hits .10., alpha .3."),
    ],
)
def test_what_is_written_wrong_is_refused_with_what_would_be_right(text: str, told: str) -> None:
    with pytest.raises(BadArgument, match=told):
        rerank.load(text)


def test_an_unknown_name_lists_the_nearest() -> None:
    with pytest.raises(UnknownName, match="no reranker is called 'alpha-eq': did you mean alpha-qe"):
        rerank.load("alpha-eq:10")


def test_a_depth_below_one_is_refused() -> None:
    with pytest.raises(BadArgument, match="depth"):
        rerank.load("aqe", 0)


def test_scores_behind_the_short_list_are_moved_down_to_fall() -> None:
    gallery, points = held(12), unit_rows(1, 6, 1)
    found = shortlists(gallery, points, 4).reordered(np.array([[-0.5, -0.2, -0.9, -0.2]]))
    plain_scores, plain = gallery.nearest(points, 12)
    assert found.rows[0].tolist() == plain[0, [1, 3, 0, 2]].tolist()
    scores, rows = found.best(12)
    assert rows[0].tolist() == found.rows[0].tolist() + plain[0, 4:].tolist()
    assert scores[0, :4].tolist() == found.scores[0].tolist()
    np.testing.assert_allclose(scores[0, 4:], plain_scores[0, 4:] - plain_scores[0, 4] - 0.9, atol=1e-6)
    np.testing.assert_array_equal(found.best(3)[1], found.rows[:, :3])


def test_scores_that_fall_already_are_left_alone() -> None:
    gallery, points = held(12), unit_rows(1, 6, 1)
    found = shortlists(gallery, points, 4).reordered(np.array([[5.0, 6, 7, 8]]))
    np.testing.assert_array_equal(found.best(12)[0][0, 4:], gallery.nearest(points, 12)[0][0, 4:])
    assert shortlists(held(3), points, 9).best(9)[1].shape == (1, 3)


def test_importing_rerankers_loads_no_opencv(run_python: object) -> None:
    program = "import sys; from likewise import rerank; rerank.load('aqe+dba+diffusion+superglobal+k-reciprocal'); "
    assert run_python(program + "print('cv2' in sys.modules)") == "False"  # type: ignore[operator]
