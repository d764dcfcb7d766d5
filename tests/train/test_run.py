"""Training, end to end, on a real (tiny) GLM: one command makes a model; what it tells; how it takes mistakes."""

import json
import math
import os
import shutil
import signal
import weakref
from pathlib import Path
from typing import Any

import pytest

from mentalglm.models import load_model
from tests.tiny import SENTENCES, TASKS
from tests.train.runs import (
    config_in,
    losses,
    ran,
    run_alone,
    run_here,
    weights,
    write_config,
    write_instructions,
)


@pytest.mark.slow
def test_one_command_makes_a_model_that_knows_its_lessons(place: Path, tmp_path: Path) -> None:
    data = write_instructions(tmp_path / "data", rows=12)
    write_instructions(tmp_path / "data", rows=4, split="validation")
    new_model = {
        "tokenizer_data": [str(data)],
        "vocab_size": 800,
        "hidden_size": 32,
        "num_hidden_layers": 2,
        "intermediate_size": 64,
        "max_position_embeddings": 256,
    }
    config = write_config(tmp_path, "run", data=data, new_model=new_model, num_train_epochs=30, max_seq_length=256)
    done = run_alone(config, "max_steps=24", "show_sample=true")
    assert done.returncode == 0, done.stderr
    course = losses(tmp_path / "run")
    assert len(course) == 24
    assert all(math.isfinite(loss) for loss in course)
    assert course[-1] < course[0] / 2
    assert "12 examples" in done.stderr
    assert "24 steps" in done.stderr
    assert "[。]" in done.stderr  # the sample, scored tokens in brackets
    assert "validation: macro_f1" in done.stderr
    loaded = load_model(str(tmp_path / "run" / "model"))
    assert loaded.manifest.tasks == sorted(TASKS)
    assert loaded.model.config.vocab_size == len(loaded.tokenizer)


def test_bf16_trains_and_saves(place: Path) -> None:
    run = ran(place, "bf16", dtype="bf16", save_dtype="bf16", num_train_epochs=3)
    assert losses(run)[-1] < losses(run)[0]
    assert {str(values.dtype) for values in weights(run).values()} == {"torch.bfloat16"}


def test_dry_run_prints_the_plan_and_writes_nothing(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_here(config_in(place, "dry"), "dry_run=true") == 0
    told = capsys.readouterr().err
    assert "24 examples" in told
    assert "4 steps" in told
    assert not (place / "dry").exists()


def test_posts_are_not_shown_unless_asked_for(place: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert run_here(config_in(place, "silent", show_sample=False, max_steps=1)) == 0
    told = capfd.readouterr()
    assert not any(post in told.out + told.err for post in SENTENCES)
    assert not any(post in (place / "silent" / "log.jsonl").read_text("utf-8") for post in SENTENCES)


def test_the_log_says_how_the_run_went(uninterrupted: Path) -> None:
    lines = [json.loads(line) for line in (uninterrupted / "log.jsonl").read_text("utf-8").splitlines()]
    for line in lines:
        assert line["scored_tokens"] < line["tokens"]
        assert line["grad_norm"] > 0
        assert line["memory_gib"] > 0
        assert line["mfu"] is None  # a CPU's peak is not known
    assert lines[0]["learning_rate"] == pytest.approx(0.01)
    assert 0.001 <= lines[-1]["learning_rate"] < 0.0011


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"data": "absent"}, "absent holds no train.parquet"),
        ({"model": "./absent"}, "model folder './absent' not found"),
        ({"per_device_train_batch_size": 99}, "24 examples fill less than one step of 99 packs"),
        ({"max_seq_length": 16}, "no row fits into max_seq_length=16"),
        ({"resume": "absent"}, "resume: absent is no checkpoint"),
        ({"resume": "."}, "is no checkpoint"),
        ({"learning_rate": 1e30, "num_train_epochs": 3}, "lower learning_rate"),
    ],
)
def test_a_users_mistake_is_one_line_and_exit_code_2(
    place: Path, settings: dict[str, Any], expected: str, capfd: pytest.CaptureFixture[str]
) -> None:
    assert run_here(config_in(place, "mistake", **settings)) == 2
    told = capfd.readouterr().err
    shutil.rmtree(place / "mistake", ignore_errors=True)
    [line] = [line for line in told.splitlines() if line.startswith("error: ")]
    assert expected in line
    assert "Traceback" not in told


def test_a_wrong_validation_split_is_told_before_the_work_not_after(
    place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = write_instructions(tmp_path / "data", rows=12)
    rows = [{"id": "v", "messages": [{"role": "user", "content": "你好"}], "task": "suicide_risk", "weight": 1.0}]
    import pyarrow.parquet

    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), data / "validation.parquet")
    assert run_here(config_in(place, "wrong-validation", data=data)) == 2
    assert "row v has no scored token" in capsys.readouterr().err
    assert not (place / "wrong-validation").exists()


@pytest.mark.slow
def test_a_wrong_setting_is_all_that_the_command_prints(place: Path) -> None:
    done = run_alone(config_in(place, "wrong"), "max_step=2")
    assert done.returncode == 2
    assert done.stdout == ""
    [line] = done.stderr.splitlines()
    assert line.startswith("error: ")
    assert line.endswith("unknown setting 'max_step'; did you mean 'max_steps'?")


def test_running_here_leaves_this_process_as_it_was(place: Path) -> None:
    before, handler = dict(os.environ), signal.getsignal(signal.SIGTERM)
    run_here(config_in(place, "harmless", max_steps=1))
    assert (dict(os.environ), signal.getsignal(signal.SIGTERM)) == (before, handler)


def test_measurements_asked_for_need_something_to_measure_on(
    place: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    config = config_in(place, "unmeasured", eval_steps=2, early_stopping_patience=1)
    assert run_here(config) == 2
    assert "has no validation.parquet; build one" in capsys.readouterr().err
    data = write_instructions(tmp_path / "data")
    write_instructions(data, rows=1, split="validation")
    assert run_here(config, f"data={data}", "task=risk_category") == 2
    assert "no validation.parquet with rows of risk_category" in capsys.readouterr().err


def test_a_run_without_a_better_measurement_stops_early_and_keeps_the_best_model(
    place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = write_instructions(tmp_path / "data")
    write_instructions(data, rows=12, split="validation")
    # At a rate of almost nothing no measurement is better than the first.
    settings: dict[str, Any] = {"data": data, "learning_rate": 1e-12, "eval_steps": 1, "early_stopping_patience": 2}
    run = ran(place, "early", num_train_epochs=20, **settings)
    assert len(losses(run)) == 3
    assert "as it was after step 1" in capsys.readouterr().err
    assert json.loads((run / "model" / "mentalglm.json").read_text("utf-8"))["steps"] == 1
    assert (run / "macro_f1.png").is_file() and (run / "loss.png").is_file()


def test_weights_of_zero_are_a_diagnosis(place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    import pyarrow
    import pyarrow.parquet

    path = write_instructions(tmp_path / "data") / "train.parquet"
    rows = [row | {"weight": 0.0} for row in pyarrow.parquet.read_table(path).to_pylist()]
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), path)
    assert run_here(config_in(place, "weightless", data=path.parent)) == 2
    assert "the rows' weights are all 0" in capsys.readouterr().err


def test_the_engine_is_gone_before_the_merge_asks_for_memory(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    from train import engine, run

    alive: list[int] = []
    parameters: list[weakref.ref[torch.nn.Parameter]] = []

    def watched(*arguments: Any) -> Any:
        started = engine.start_engine(*arguments)
        parameters.extend(weakref.ref(parameter) for parameter in started.module.parameters())
        return started

    def room(*_: Any) -> str:
        alive.append(sum(parameter() is not None for parameter in parameters))
        return "cpu"

    monkeypatch.setattr(run, "start_engine", watched)
    monkeypatch.setattr(run, "device_with_room", room)
    made = ran(place, "merged", lora={"r": 4}, merge=True, max_steps=1)
    assert parameters
    assert alive == [0]
    assert (made / "merged" / "merge_report.md").is_file()
