"""The columns of a result table, and cells that a spreadsheet program takes for what they are."""

import pytest

from mentalglm.result_tables import neutral_cell, sound_text, table_head


def test_names_that_the_input_has_already_are_told_apart() -> None:
    assert table_head([], None)[:4] == ["row", "task", "text", "labels"]
    head = table_head(["text", "labels", "mentalglm_labels", "a"], "text")
    assert head[:7] == ["text", "labels", "mentalglm_labels", "a", "row", "task", "mentalglm_mentalglm_labels"]
    assert len(set(head)) == len(head) and head.count("text") == 1
    # The post's text is in no column of its own when the input's records are conversations.
    assert "mentalglm_text" in table_head(["turns", "text"], None)


@pytest.mark.parametrize("text", ["123456789012", "007", "00", "20240101123456789"])
def test_long_and_padded_numbers_stay_as_they_are_written(text: str) -> None:
    assert neutral_cell(text) == "'" + text


@pytest.mark.parametrize(
    "text", ["0", "12345678901", "0.5", "3.14159265358979", "2024-01-01", "编号123456789012345", ""]
)
def test_other_cells_are_left_alone(text: str) -> None:
    assert neutral_cell(text) == text


def test_half_a_surrogate_pair_can_be_written() -> None:
    assert sound_text("a\ud800b\udfff😀") == "a\ufffdb\ufffd😀"
