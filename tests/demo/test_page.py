"""What the page says when the analysis breaks."""

from typing import Any

import pytest

pytest.importorskip("gradio")

from demo.page import answer
from mentalglm.errors import UserError

POST = "青色陀螺"


class Breaks:
    """An analyzer whose error repeats the post, as a validation error would."""

    tasks = ("suicide_risk",)

    def __init__(self, error: type[Exception]) -> None:
        self.error = error

    def analyze(self, posts: list[str], task: list[str]) -> list[Any]:
        raise self.error(f"cannot read {posts[0]}")


def test_a_broken_analysis_is_said_kindly_and_logged_without_the_post(capsys: pytest.CaptureFixture[str]) -> None:
    html = answer(Breaks(ValueError), POST, ["suicide_risk"])  # type: ignore[arg-type]
    printed = capsys.readouterr()
    assert "这次没有分析成功" in html and "did not succeed" in html
    assert "ValueError" in printed.err and POST not in printed.err + printed.out + html


def test_a_users_mistake_is_shown_as_it_was_worded(capsys: pytest.CaptureFixture[str]) -> None:
    assert f"cannot read {POST}" in answer(Breaks(UserError), POST, ["suicide_risk"])  # type: ignore[arg-type]
    assert capsys.readouterr().err == ""
