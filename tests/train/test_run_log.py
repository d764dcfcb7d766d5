"""The log of a run: every line readable, a resumed run in the same file, the last word counts."""

import json
import time
from pathlib import Path
from typing import Any

import pytest

from tests.tiny import tiny_model
from train.config import TrainConfig
from train.model_shape import model_shape
from train.read_log import read_log
from train.run_log import RunLog


def config_of(folder: Path, **settings: Any) -> TrainConfig:
    return TrainConfig(**{"output_dir": folder, "model": "tiny", "data": folder, "logging_steps": 1, **settings})


def log_of(config: TrainConfig, first_step: int = 0, total_steps: int = 10) -> RunLog:
    return RunLog(config, first_step, total_steps, 1, model_shape(tiny_model()), "cpu")


def take(log: RunLog, step: int, loss: float = 1.0, grad_norm: float | None = 0.5) -> None:
    log.step(step, loss, learning_rate=1e-3, grad_norm=grad_norm, tokens=1000, scored_tokens=100)


def scalars(folder: Path) -> dict[str, list[tuple[int, float]]]:
    """What a TensorBoard would show."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(folder / "tensorboard"))
    events.Reload()
    return {tag: [(event.step, event.value) for event in events.Scalars(tag)] for tag in events.Tags()["scalars"]}


def test_a_line_tells_all_there_is_to_know(tmp_path: Path) -> None:
    with log_of(config_of(tmp_path, num_train_epochs=2)) as log:
        take(log, 1, loss=2.5)
    [line] = read_log(tmp_path).steps.values()
    assert line["step"] == 1
    assert line["loss"] == 2.5
    assert line["epoch"] == 0.2
    assert line["learning_rate"] == 1e-3
    assert line["grad_norm"] == 0.5
    assert (line["tokens"], line["scored_tokens"]) == (1000, 100)
    assert line["mfu"] is None
    assert line["memory_gib"] > 0.05
    assert line["seconds"] >= 0
    assert line["tokens_per_second"] > 0


def test_lines_come_every_few_steps_and_at_the_end(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with log_of(config_of(tmp_path, logging_steps=4)) as log:
        for step in range(1, 11):
            take(log, step)
    assert list(read_log(tmp_path).steps) == [4, 8, 10]
    assert [line.split()[1] for line in capsys.readouterr().err.splitlines()] == ["4/10", "8/10", "10/10"]


def test_speed_leaves_out_what_is_not_training(tmp_path: Path) -> None:
    with log_of(config_of(tmp_path)) as log:
        for step in range(1, 4):
            time.sleep(0.02)
            take(log, step)
            time.sleep(0.2)  # a checkpoint
            log.rest()
    course = read_log(tmp_path).steps
    assert 1000 / 0.1 < course[3]["tokens_per_second"] <= 1000 / 0.02


def test_time_left_follows_the_pace_of_the_last_steps(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    now = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    with log_of(config_of(tmp_path, logging_steps=500, report_to=[]), total_steps=1500) as log:
        for step in range(1, 1001):
            now[0] += 10.0 if step <= 500 else 1.0  # slow at first, as long as a cache is cold
            take(log, step)
    first, second = capsys.readouterr().err.splitlines()
    assert first.endswith("2 h 47 min left")  # 1,000 steps at 10 s
    assert second.endswith("8 min left")  # 500 steps at 1 s


def test_a_resumed_run_goes_on_in_the_same_log_and_its_word_counts(tmp_path: Path) -> None:
    with log_of(config_of(tmp_path)) as log:
        for step in (1, 2, 3):
            take(log, step, loss=float(step))
    with (tmp_path / "log.jsonl").open("a", encoding="utf-8") as file:
        file.write('{"step": 4, "lo')  # killed while it wrote
    with log_of(config_of(tmp_path), first_step=2) as log:
        for step in (3, 4):
            take(log, step, loss=10.0 + step)
    losses = {step: line["loss"] for step, line in read_log(tmp_path).steps.items()}
    assert losses == {1: 1.0, 2: 2.0, 3: 13.0, 4: 14.0}
    assert scalars(tmp_path)["train/loss"] == [(1, 1.0), (2, 2.0), (3, 13.0), (4, 14.0)]


def test_a_run_from_the_start_puts_an_old_log_aside(tmp_path: Path) -> None:
    for loss in (1.0, 2.0):
        with log_of(config_of(tmp_path)) as log:
            take(log, 1, loss)
    assert [line["loss"] for line in read_log(tmp_path).steps.values()] == [2.0]
    assert (tmp_path / "log.old.jsonl").is_file()
    assert scalars(tmp_path)["train/loss"] == [(1, 2.0)]


def test_evaluations_stand_beside_the_steps(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with log_of(config_of(tmp_path)) as log:
        take(log, 1)
        log.evaluation(1, {"macro_f1": 0.5, "macro_f1/suicide_risk": 0.5, "loss": 2.0})
        take(log, 2)
        log.evaluation(2, {"macro_f1": 0.4, "macro_f1/suicide_risk": 0.4, "loss": 1.5})
        take(log, 3)
    course = read_log(tmp_path)
    assert list(course.steps) == [1, 2, 3]
    assert course.evaluations[2]["macro_f1/suicide_risk"] == 0.4
    assert "macro-F1 0.400 (best 0.500 at 1)" in capsys.readouterr().err.splitlines()[-1]
    assert scalars(tmp_path)["validation/macro_f1"] == [(1, 0.5), (2, pytest.approx(0.4))]


def test_a_resumed_run_knows_its_best(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with log_of(config_of(tmp_path)) as log:
        for step, score in ((1, 0.5), (2, 0.4), (3, 0.9)):
            take(log, step)
            log.evaluation(step, {"macro_f1": score})
    with log_of(config_of(tmp_path), first_step=2) as log:  # step 3 is taken again
        take(log, 3)
    assert "macro-F1 0.400 (best 0.500 at 1)" in capsys.readouterr().err.splitlines()[-1]


def test_a_number_that_is_none_is_null_and_the_line_stays_json(tmp_path: Path) -> None:
    with log_of(config_of(tmp_path)) as log:
        take(log, 1, grad_norm=float("nan"))
        log.evaluation(1, {"macro_f1": float("nan")})
    lines = (tmp_path / "log.jsonl").read_text(encoding="utf-8").splitlines()
    step, evaluation = (json.loads(line, parse_constant=lambda name: pytest.fail(name)) for line in lines)
    assert step["grad_norm"] is None
    assert evaluation["evaluation"] == {"macro_f1": None}


def test_mfu_is_the_share_of_all_devices_peak(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from train import run_log
    from train.flops import step_flops

    shape, now = model_shape(tiny_model()), [0.0]
    monkeypatch.setattr(run_log, "peak_flops", lambda device: 1e9)
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    with RunLog(config_of(tmp_path), 0, 10, 2, shape, "cpu") as log:
        now[0] = 0.5
        log.step(1, 1.0, 1e-3, None, tokens=1000, scored_tokens=100, pairs=5000)
    expected = step_flops(shape, 1000, 100, 5000) / 0.5 / 2e9
    assert read_log(tmp_path).steps[1]["mfu"] == pytest.approx(expected, abs=1e-4)
