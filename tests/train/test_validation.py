"""Macro-F1 while training: the labels inference would find, whatever the batches, the ranks and the wrapping."""

import copy
import json
from pathlib import Path
from typing import Any

import pytest
import torch
from sklearn.metrics import f1_score

from mentalglm.decoding.decoder import Decoder
from mentalglm.models import LoadedModel
from mentalglm.tasks import load_task
from tests.tiny import SENTENCES, STYLE, TASKS, example_messages, tiny_model, tiny_tokenizer
from tests.train.runs import write_instructions
from train import questions, validation
from train.config import TrainConfig
from train.loss import AnswerLoss
from train.validation import Validation


def settings(folder: Path, **more: Any) -> TrainConfig:
    return TrainConfig(output_dir=folder / "out", model="tiny", data=folder, **({"max_seq_length": 512} | more))


def prepared(folder: Path, **more: Any) -> Validation:
    made = Validation.prepare(settings(folder, **more), tiny_tokenizer(), 0, 1)
    assert made is not None
    return made


def write_rows(folder: Path, rows: list[dict[str, Any]]) -> Path:
    import pyarrow
    import pyarrow.parquet

    write_instructions(folder)
    table = [{"source": "invented", "split": "validation", "weight": 1.0} | row for row in rows]
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(table), folder / "validation.parquet")
    return folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = write_instructions(tmp_path_factory.mktemp("data"))
    return write_instructions(made, rows=60, split="validation")


@pytest.fixture(scope="module")
def measured(folder: Path) -> dict[str, float]:
    return prepared(folder).macro_f1(tiny_model(), "cpu")


def test_a_number_for_every_task_and_their_mean(measured: dict[str, float]) -> None:
    of_tasks = [measured[f"macro_f1/{name}"] for name in TASKS]
    assert set(measured) == {"macro_f1", "quadratic_kappa/suicide_level", *(f"macro_f1/{name}" for name in TASKS)}
    assert measured["macro_f1"] == pytest.approx(sum(of_tasks) / len(of_tasks))
    assert all(0 <= value <= 1 for value in of_tasks)


def test_the_labels_are_those_of_inference(measured: dict[str, float]) -> None:
    """The rows ask in the canonical words, so an analysis of the same posts decides the same."""
    task = load_task("emotional_safety")
    numbers = [number for number in range(60) if TASKS[number % len(TASKS)] == task.name]
    gold = [task.label_names[number % len(task.labels)] for number in numbers]
    decoder = Decoder(LoadedModel("tiny", tiny_model(), tiny_tokenizer()))
    scores = decoder.scores([SENTENCES[number % len(SENTENCES)] for number in numbers], task, STYLE, 8)
    found = [task.label_names[row.index(max(row))] for row in scores]
    assert measured["macro_f1/emotional_safety"] == pytest.approx(f1_score(gold, found, average="macro"))


def test_batches_change_nothing(folder: Path, measured: dict[str, float], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(questions, "_LOGITS", 1)
    alone = prepared(folder)
    assert all(len(batch) == 1 for one in alone.asked for batch in one.batches)
    assert alone.macro_f1(tiny_model(), "cpu") == pytest.approx(measured)


def test_batches_hold_no_more_than_a_training_step(folder: Path) -> None:
    made = prepared(folder, per_device_train_batch_size=1)
    for one in made.asked:
        for batch in one.batches:
            assert len(batch) * max(len(one.questions[place].prompt) for place in batch) <= 512
        assert sorted(place for batch in one.batches for place in batch) == list(range(len(one.questions)))


def test_wrapped_adapted_and_half_precise_models(folder: Path, measured: dict[str, float]) -> None:
    from peft import LoraConfig, get_peft_model

    made = prepared(folder)
    assert made.macro_f1(AnswerLoss(copy.deepcopy(tiny_model())), "cpu") == measured
    adapted = get_peft_model(copy.deepcopy(tiny_model()), LoraConfig(target_modules=["q_proj"]))  # B is 0: no change
    assert made.macro_f1(AnswerLoss(adapted), "cpu") == pytest.approx(measured)
    assert set(made.macro_f1(copy.deepcopy(tiny_model()).bfloat16(), "cpu")) == set(measured)


def test_the_model_and_the_randomness_are_left_as_they_were(folder: Path) -> None:
    model = AnswerLoss(copy.deepcopy(tiny_model())).train()
    random, before = torch.get_rng_state(), copy.deepcopy(model.state_dict())
    made = prepared(folder, max_eval_samples=6)
    made.macro_f1(model, "cpu")
    assert model.training and model.model.model.layers[0].training
    assert torch.equal(torch.get_rng_state(), random)
    assert all(torch.equal(before[key], value) for key, value in model.state_dict().items())
    model.eval()
    made.macro_f1(model, "cpu")
    assert not model.training


def test_a_failure_leaves_the_model_in_training(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: Any) -> None:
        raise RuntimeError("out of luck")

    made, model = prepared(folder, max_eval_samples=6), copy.deepcopy(tiny_model()).train()
    monkeypatch.setattr(validation, "label_scores", fails)
    with pytest.raises(RuntimeError):
        made.macro_f1(model, "cpu")
    assert model.training


def test_a_model_whose_numbers_are_broken_scores_nothing(folder: Path) -> None:
    model = copy.deepcopy(tiny_model())
    model.model.norm.weight.data.fill_(float("nan"))
    assert prepared(folder).macro_f1(model, "cpu")["macro_f1"] == 0.0


def test_samples_are_drawn_evenly_over_tasks(tmp_path: Path) -> None:
    many = [(f"a{n}", "suicide_risk", n) for n in range(40)]
    few = [(f"b{n}", "emotional_safety", n) for n in range(4)]
    rows = [
        {"id": name, "task": task, "messages": example_messages(task, SENTENCES[n % 20], n)}
        for name, task, n in many + few
    ]
    write_rows(tmp_path, rows)
    sizes = {one.task.name: len(one.questions) for one in prepared(tmp_path, max_eval_samples=12).asked}
    assert sizes == {"emotional_safety": 4, "suicide_risk": 8}
    again, other = (prepared(tmp_path, max_eval_samples=12, seed=seed) for seed in (0, 1))
    assert again.asked == prepared(tmp_path, max_eval_samples=12).asked != other.asked
    assert len(prepared(tmp_path, max_eval_samples=1)) == 1


def test_only_the_tasks_trained_on(folder: Path) -> None:
    assert [one.task.name for one in prepared(folder, task="suicide_risk").asked] == ["suicide_risk"]
    names = sorted(["suicide_risk", "risk_category"])
    assert [one.task.name for one in prepared(folder, task=names).asked] == names


def test_nothing_to_measure_on(folder: Path, tmp_path: Path) -> None:
    write_instructions(tmp_path)
    for nothing in (
        settings(tmp_path),
        settings(folder, loss_on="all"),
        settings(folder, task="therapy_request"),
    ):
        assert Validation.prepare(nothing, tiny_tokenizer(), 0, 1) is None


def test_the_style_is_the_one_the_answers_are_in(tmp_path: Path) -> None:
    from mentalglm.answer import Answer
    from mentalglm.prompt import build_messages

    task = load_task("stress")
    rows = [
        {
            "id": f"r{n}",
            "task": "stress",
            "messages": build_messages(f"Day {n} at work.", task, "imhi", Answer((task.label_names[n % 2],))),
        }
        for n in range(4)
    ]
    write_rows(tmp_path, rows)
    (tmp_path / "corpus.json").write_text(json.dumps({"style": "grounded", "tasks": ["stress"]}))
    made = prepared(tmp_path)
    assert made.asked[0].style == "imhi"
    assert len(made) == 4 and made.left_out == 0


def test_rows_whose_answer_names_no_label_are_left_out_and_counted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [
        {"id": f"r{n}", "task": "suicide_risk", "messages": example_messages("suicide_risk", SENTENCES[n], n)}
        for n in range(6)
    ]
    rows[0]["messages"] = [rows[0]["messages"][0], {"role": "assistant", "content": "说不好。"}]
    rows[1]["messages"] = rows[1]["messages"][:1]
    write_rows(tmp_path, rows)
    made = prepared(tmp_path)
    assert (len(made), made.left_out) == (4, 1)
    assert capsys.readouterr().err == "validation: 0 rows cut to fit, 1 left out\n"


def long_rows(folder: Path) -> Path:
    """One row in two is about a post that quotes its decisive words far behind the context's end."""
    post = "".join(SENTENCES) * 3
    messages = [example_messages("suicide_risk", post if n % 2 else SENTENCES[n], n) for n in range(6)]
    rows = [{"id": f"r{n}", "task": "suicide_risk", "messages": one} for n, one in enumerate(messages)]
    return write_rows(folder, rows)


def test_overlong_rows_are_cut(tmp_path: Path) -> None:
    made = prepared(long_rows(tmp_path), max_seq_length=128)
    assert (len(made), made.truncated, made.left_out) == (6, 3, 0)
    for row in made.asked[0].questions:
        assert len(row.prompt) < 128
    assert max(len(row.prompt) for row in made.asked[0].questions) > 100
    assert 0 <= made.macro_f1(tiny_model(), "cpu")["macro_f1"] <= 1


def test_overlong_rows_are_dropped_where_that_is_wanted(tmp_path: Path) -> None:
    made = prepared(long_rows(tmp_path), max_seq_length=128, overlong="drop")
    assert (len(made), made.truncated, made.left_out) == (3, 0, 3)
