"""Which places hang together, against a search through the graph."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from likewise.duplicates.components import Components


def plain(count: int, edges: list[tuple[int, int]]) -> set[frozenset[int]]:
    sets = {i: {i} for i in range(count)}
    for a, b in edges:
        if sets[a] is not sets[b]:
            sets[a] |= sets[b]
            for each in sets[b]:
                sets[each] = sets[a]
    return {frozenset(each) for each in sets.values() if len(each) > 1}


@given(st.lists(st.lists(st.tuples(st.integers(0, 19), st.integers(0, 19)), max_size=8), max_size=6))
def test_sets_are_those_of_the_graph_in_whatever_batches_edges_come(batches: list[list[tuple[int, int]]]) -> None:
    components = Components(20)
    for batch in batches:
        pairs = np.array(batch, np.int64).reshape(-1, 2)
        components.join(pairs[:, 0], pairs[:, 1])
    groups = list(components.groups())
    assert {frozenset(each.tolist()) for each in groups} == plain(20, [pair for batch in batches for pair in batch])
    assert all(np.all(np.diff(each) > 0) for each in groups)
    firsts = [int(each[0]) for each in groups]
    assert firsts == sorted(firsts)


def test_parents_are_all_there_is_to_know() -> None:
    before = Components(6)
    before.join(np.array([0, 4]), np.array([3, 5]))
    after = Components(6, before.parents)
    after.join(np.array([5]), np.array([3]))
    assert [each.tolist() for each in after.groups()] == [[0, 3, 4, 5]]
    assert [each.tolist() for each in before.groups()] == [[0, 3], [4, 5]]


def test_nothing_hangs_together_in_nothing() -> None:
    assert list(Components(0).groups()) == []
    assert list(Components(3).groups()) == []


def test_a_long_chain_has_short_ways_up() -> None:
    count = 3000
    components = Components(count)
    for i in range(count - 1, 0, -1):
        components.join(np.array([i]), np.array([i - 1]))
    assert components.roots(np.arange(count)).tolist() == [0] * count
    assert components.parents.tolist() == [0] * count
