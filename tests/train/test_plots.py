"""The pictures at the end are drawn from the log, whatever little stands in it."""

import json
import math
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from train.plots import _apart, draw_plots, smoothed


def write_log(folder: Path, lines: list[dict[str, Any]]) -> Path:
    (folder / "log.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    return folder


def size(path: Path) -> tuple[int, int]:
    from PIL import Image

    with Image.open(path) as image:
        image.load()
        return image.size


def test_a_run_with_measurements_gets_both_pictures(tmp_path: Path) -> None:
    lines: list[dict[str, Any]] = []
    for step in range(1, 101):
        lines.append({"step": step, "loss": math.exp(-step / 30)})
        if step % 25 == 0:
            scores = {"macro_f1": step / 200, "macro_f1/suicide_risk": step / 150, "macro_f1/risk_category": 0.2}
            lines.append({"step": step, "evaluation": scores | {"loss": 1.0, "quadratic_kappa/suicide_level": 0.5}})
    drawn = draw_plots(write_log(tmp_path, lines))
    assert [path.name for path in drawn] == ["loss.png", "macro_f1.png"]
    assert all(size(path) == (1350, 750) for path in drawn)
    assert {path.name for path in tmp_path.iterdir()} == {"log.jsonl", "loss.png", "macro_f1.png"}


def test_without_measurements_there_is_one_picture(tmp_path: Path) -> None:
    assert [path.name for path in draw_plots(write_log(tmp_path, [{"step": 1, "loss": 2.0}]))] == ["loss.png"]


def test_what_is_null_is_left_out(tmp_path: Path) -> None:
    lines: list[dict[str, Any]] = [
        {"step": 1, "loss": None},
        {"step": 2, "loss": 1.0},
        {"step": 2, "evaluation": {"macro_f1": 0.5, "macro_f1/suicide_risk": None, "loss": None}},
        {"step": 3, "evaluation": {"macro_f1": None}},
    ]
    assert len(draw_plots(write_log(tmp_path, lines))) == 2


def test_an_empty_log_gives_no_picture(tmp_path: Path) -> None:
    assert draw_plots(write_log(tmp_path, [])) == []


def test_smoothing_keeps_a_straight_line_straight_and_evens_out_noise() -> None:
    flat = np.ones(100)
    assert smoothed(flat) == pytest.approx(flat)
    noise = np.tile([0.0, 1.0], 100)
    assert smoothed(noise, 0.2).std() < noise.std() / 10
    assert len(smoothed(np.array([3.0]))) == 1


def test_names_of_lines_that_end_together_are_moved_apart() -> None:
    moved = _apart([0.5, 0.5, 0.51, 0.99, 1.0], 0.05)
    assert all(b - a >= 0.05 - 1e-9 for a, b in pairwise(moved))
    assert max(moved) <= 1.0


def test_a_score_that_was_never_a_number_draws_nothing(tmp_path: Path) -> None:
    lines: list[dict[str, Any]] = [
        {"step": 1, "loss": 2.0},
        {"step": 1, "evaluation": {"macro_f1": None, "macro_f1/suicide_risk": None}},
    ]
    assert [path.name for path in draw_plots(write_log(tmp_path, lines))] == ["loss.png"]
