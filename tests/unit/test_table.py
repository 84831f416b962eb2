"""Table: compared by value, kept by files to the last bit, and what is no table."""

from __future__ import annotations

import copy
import json
import math
import pickle

import numpy as np
import pytest

import kernelc as kc
from kernelc.ir import Table


VALUES = np.array([[0.1, -0.0, 5e-324], [1 / 3, -1e300, 7.0]])


def test_files_and_pickles_keep_every_bit():
    table = Table(VALUES)
    text = json.dumps(table.to_dict())
    for again in (Table.from_dict(json.loads(text)), pickle.loads(pickle.dumps(table))):
        assert again == table
        assert hash(again) == hash(table)
        assert again.array.tobytes() == VALUES.tobytes()
    assert copy.deepcopy(table) == table


def test_tables_are_compared_by_value_and_do_not_change():
    table = Table(VALUES)
    assert table != Table(VALUES[:1])
    assert table != Table(VALUES + 1e-9)
    assert Table([0.0]) == Table([-0.0])
    assert hash(Table([0.0])) == hash(Table([-0.0]))
    assert table != VALUES.tolist()
    with pytest.raises(ValueError, match="read-only"):
        table.array[0, 0] = 1.0
    given = VALUES.copy()
    kept = Table(given)
    given[:] = 0
    assert kept == table
    assert Table.stacked([table, kept])[1] == table


@pytest.mark.parametrize(
    "values", [[], [[1.0], [1.0, 2.0]], [math.nan], [math.inf], "text", None, [1j], {"a": 1}]
)
def test_what_holds_no_finite_numbers_is_refused(values):
    with pytest.raises(kc.GraphError, match="finite numbers"):
        Table(values)


@pytest.mark.parametrize(
    "entry",
    [
        None,
        [],
        {"shape": [1]},
        {"shape": [1], "float64": "AAAAAAAA8D8="[:-1]},
        {"shape": [2], "float64": "AAAAAAAA8D8="},
        {"shape": [-1], "float64": "AAAAAAAA8D8="},
        {"shape": [True], "float64": "AAAAAAAA8D8="},
        {"shape": "1", "float64": "AAAAAAAA8D8="},
        {"shape": [1], "float64": "é"},
        {"shape": [1], "float64": 1},
        {"shape": [1], "float64": "AAAAAAAA+H8="},
        {"shape": [10**9, 10**9], "float64": "AAAAAAAA8D8="},
    ],
)
def test_broken_entries_of_files_are_refused(entry):
    with pytest.raises(kc.LoadError):
        Table.from_dict(entry)
