"""Ids that are drawn for the large table."""

import numpy as np

from benchmarks.training.table_size import drawn, enlarged


def test_uniform_ids_give_the_same_number_of_different_rows_in_tables_of_any_size():
    for size in (10_000, 10_000_000):
        ids = drawn((2, 512, 3), size, "uniform", 128)
        assert {len(np.unique(ids[step, :, column])) for step in range(2) for column in range(3)} == {128}
        assert ids.min() >= 0
        assert ids.max() < size


def test_the_most_frequent_row_of_a_zipf_law_is_as_frequent_as_the_law_says():
    ids = drawn((4, 50_000, 1), 10_000, "zipf", 0)
    assert ids.min() >= 0
    assert ids.max() < 10_000
    # A rank r has log(1 + 1/r) / log(size).
    counts = np.sort(np.bincount(ids.ravel()))[::-1] / ids.size
    np.testing.assert_allclose(counts[:3], np.log([2, 1.5, 4 / 3]) / np.log(10_000), rtol=0.05)


def test_the_table_has_the_rows_and_width_that_were_asked_for():
    settings = {
        "features": {"deep": [{"name": "a", "size": 5, "dim": 4}, {"name": "b", "size": 7, "dim": 8}]}
    }
    more, columns, size = enlarged(settings, "column", 1000)
    assert (columns, size) == (1, 1000)
    assert [(c["size"], c["dim"]) for c in more["features"]["deep"]] == [(5, 4), (7, 8), (1000, 16)]
    every, columns, size = enlarged(settings, "every", 1000)
    assert (columns, size) == (2, 500)
    assert [(c["size"], c["dim"]) for c in every["features"]["deep"]] == [(500, 16), (500, 16)]
