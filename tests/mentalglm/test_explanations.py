"""An explanation within bounds: whole sentences, no loops, no torn quotation."""

import pytest

from mentalglm.explanations import bounded


@pytest.mark.parametrize(
    ("text", "limit", "kept"),
    [
        ("写到自责。没有计划。", None, "写到自责。没有计划。"),
        ("写到自责。没有计划。", 10, "写到自责。没有计划。"),
        ("写到自责。没有计划。", 9, "写到自责。"),
        ("写到自责。没有计划。", 5, "写到自责。"),
        ("写到自责。没有计划。", 4, "写到自…"),
        ("写到「什么都做不好」这样的话。", 8, "写到…"),
        ("写到「自责」这样的话。", 8, "写到「自责」这…"),
        ("写到自责", 4, "写到自责"),
    ],
)
def test_length(text: str, limit: int | None, kept: str) -> None:
    assert bounded(text, limit) == kept
    assert limit is None or len(kept) <= limit


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("他很累，很累，很累，很累，", "他很累，"),
        ("没有希望没有希望没有希望没有希望。", "没有希望。"),
        ("写到自责。写到自责。写到自责。", "写到自责。"),
        ("哈哈哈哈哈哈", "哈哈"),
        ("写到「哈哈哈哈哈哈」，写到「累」，写到「累」，写到「累」，", "写到「哈哈哈哈哈哈」，写到「累」，"),
        ("一天又一天，都很累，很累。", "一天又一天，都很累，很累。"),
    ],
)
def test_loops_are_said_once(text: str, kept: str) -> None:
    assert bounded(text) == kept


def test_a_hundred_thousand_characters_are_no_trouble() -> None:
    assert bounded("".join(chr(0x4E00 + place % 5000) for place in range(100_000)), 50).endswith("…")
