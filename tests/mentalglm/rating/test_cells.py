"""The drop-down of the scale, and numbers as people write them."""

import pytest
from openpyxl import Workbook

from mentalglm.rating.aspects import ANCHORS, ASPECTS, SCALE
from mentalglm.rating.cells import offer_scale, whole_number


@pytest.mark.parametrize(
    ("cell", "number"),
    [("2", 2), ("2.0", 2), ("２", 2), (" 3 ", 3), ("-1", -1), ("", None), ("2.5", None), ("好", None), ("2分", None),
     ("nan", None), ("inf", None), ("1e400", None)],
)  # fmt: skip
def test_whole_numbers(cell: str, number: int | None) -> None:
    assert whole_number(cell) == number


def test_every_aspect_gets_the_drop_down() -> None:
    sheet = Workbook().active
    assert sheet is not None
    offer_scale(sheet, 3, 9)
    (rule,) = sheet.data_validations.dataValidation
    assert str(rule.sqref) == "C2:C9 D2:D9 E2:E9 F2:F9" and rule.formula1 == '"0,1,2,3"'


def test_the_scale_is_anchored_and_the_aspects_are_those_of_the_paper() -> None:
    assert [score for score, _, _ in ANCHORS] == list(SCALE) == [0, 1, 2, 3]
    assert [aspect.name for aspect in ASPECTS] == ["consistency", "reliability", "professionality", "overall"]
