"""What people see: lines that say what is known and nothing else, and a bar that keeps its place."""

import io
from dataclasses import replace

import pytest

from train.progress import LiveBar, Reading, duration, plain_line

READING = Reading(
    step=12,
    total_steps=2400,
    loss=1.23456,
    learning_rate=9.8e-5,
    grad_norm=0.731,
    tokens_per_second=12345.6,
    mfu=None,
    memory_gib=21.44,
    seconds_left=4210.0,
)


def test_a_plain_line_tells_what_is_known() -> None:
    assert plain_line(READING) == (
        "step 12/2400  loss 1.2346  lr 9.80e-05  grad 0.73  tokens/s 12,346  memory 21.4 GiB  1 h 10 min left"
    )


def test_mfu_and_macro_f1_appear_once_they_are_known() -> None:
    line = plain_line(replace(READING, mfu=0.461, macro_f1=0.712, best=(0.724, 1080)))
    assert "MFU 46%" in line
    assert "macro-F1 0.712 (best 0.724 at 1,080)" in line


def test_nothing_is_left_after_the_last_step() -> None:
    assert "left" not in plain_line(replace(READING, step=2400, seconds_left=0.0))


@pytest.mark.parametrize(
    ("seconds", "told"),
    [(0.4, "0 s"), (59.4, "59 s"), (59.9, "1 min"), (3599, "1 h 00 min"), (11100, "3 h 05 min"), (187_000, "2 d 3 h")],
)
def test_durations_are_told_as_people_tell_them(seconds: float, told: str) -> None:
    assert duration(seconds) == told


def test_the_bar_says_the_same_and_does_not_move() -> None:
    from rich.console import Console

    starts = []
    for step in (0, 12, 2400):
        console = Console(file=io.StringIO(), force_terminal=True, width=100, color_system=None)
        with LiveBar(0, 2400, console) as bar:
            if step:
                bar.update(replace(READING, step=step, macro_f1=0.7, best=(0.7, 12)))
        assert isinstance(console.file, io.StringIO)
        shown = console.file.getvalue()
        if step:
            assert "loss 1.2346" in shown
            assert "macro-F1 0.700" in shown
        else:
            assert "the first step is under way" in shown
        last = next(line for line in reversed(shown.splitlines()) if "of 2,400" in line)
        starts.append(last.index("of 2,400"))
    assert len(set(starts)) == 1
