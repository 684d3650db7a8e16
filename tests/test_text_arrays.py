"""Columns of texts are the same whether few texts make them or many."""

from __future__ import annotations

import pyarrow as pa
import pytest

from pyspark_interview_project.sources.text_arrays import are_there, array_of_one_value, text_array, without_texts

TEXTS = ["a", None, "NULL", "", "ü", r"\N", "null "]
# Above and below the number from which Arrow's own ways are taken.
TIMES = (0, 1, 9, 2_000)


@pytest.mark.parametrize("times", TIMES)
def test_text_array_has_the_texts(times: int) -> None:
    assert text_array(TEXTS * times).equals(pa.array(TEXTS * times, pa.string()))


@pytest.mark.parametrize("times", TIMES)
@pytest.mark.parametrize("start", [0, 1, 3])
def test_are_there_says_which_are_no_nulls_also_in_a_part_of_a_column(times: int, start: int) -> None:
    texts = (TEXTS * times)[start:]
    assert are_there(pa.array(TEXTS * times, pa.string()).slice(start)).to_pylist() == [
        text is not None for text in texts
    ]
    assert are_there(pa.nulls(times, pa.string()).slice(start)).to_pylist() == [False] * max(0, times - start)
    assert are_there(pa.array(["a"] * times, pa.string()).slice(start)).to_pylist() == [True] * max(0, times - start)


@pytest.mark.parametrize("times", TIMES)
def test_without_texts_has_null_for_these_alone(times: int) -> None:
    columns = [pa.array(column * times, pa.string()) for column in (TEXTS, TEXTS[::-1], ["b"] * len(TEXTS))]
    found = without_texts(frozenset(["NULL", r"\N"]), columns)
    mean_nothing = [["a", None, None, "", "ü", None, "null "], ["null ", None, "ü", "", None, None, "a"], ["b"] * 7]
    assert [column.to_pylist() for column in found] == [column * times for column in mean_nothing]
    assert without_texts(frozenset(), columns) == columns


@pytest.mark.parametrize("value", ["a", None])
@pytest.mark.parametrize("rows", [0, 1, 1_000])
def test_array_of_one_value_has_it_in_each_row(value: str | None, rows: int) -> None:
    array = array_of_one_value(value, rows)
    array.validate(full=True)
    assert (array.to_pylist(), array.type) == ([value] * rows, pa.dictionary(pa.int32(), pa.string()))
