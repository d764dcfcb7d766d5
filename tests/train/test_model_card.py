"""The card says what made a model and where help is, in counts and names; no text of the corpus stands in it."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from mentalglm.hotlines import disclaimer, load_hotlines
from tests.tiny import SENTENCES, TASKS
from tests.train.runs import write_instructions
from train.config import TrainConfig
from train.describe import describe_run
from train.model_card import merged_card, model_card


@pytest.fixture
def data(tmp_path: Path) -> Path:
    write_instructions(tmp_path / "data", rows=12)
    write_instructions(tmp_path / "data", rows=5, split="validation")
    (tmp_path / "data" / "corpus.sha256").write_text("f00d  train.parquet\n", encoding="utf-8")
    return tmp_path / "data"


def card(data: Path, **settings: Any) -> str:
    config = TrainConfig(output_dir=data.parent / "my-run", data=data, **({"model": "THUDM/glm-4-9b-hf"} | settings))
    return model_card(describe_run(config, TASKS, 42), config.output_dir)


def front_matter(text: str) -> dict[str, Any]:
    parsed = yaml.safe_load(text.split("---\n")[1])
    assert isinstance(parsed, dict)
    return parsed


def test_the_front_matter_is_what_a_hub_reads(data: Path) -> None:
    text = card(data)
    assert text.startswith("---\n")
    said = front_matter(text)
    assert said["base_model"] == "THUDM/glm-4-9b-hf"
    assert said["language"] == ["zh"]
    assert said["library_name"] == "transformers"
    assert {"mental-health", "explainable"} <= set(said["tags"])
    assert "license" not in said and "# license: fill in" in text  # the author knows it; nobody guesses


def test_a_local_base_is_named_without_its_place(data: Path) -> None:
    text = card(data, model="/home/somebody/models/base")
    assert "base_model" not in front_matter(text)
    assert "tuned from `base`" in text
    assert "/home/somebody" not in text


def test_it_says_what_the_model_was_trained_on_and_how(data: Path) -> None:
    text = card(data, learning_rate=3e-4)
    assert "# my-run" in text
    assert "instruction folder `data`, sha256 `f00d`" in text
    assert "- train: 12 rows (invented 12)" in text
    assert "- validation: 5 rows (invented 5)" in text
    assert "learning_rate: 0.0003" in text and "weight_decay" not in text
    assert "42 steps." in text
    assert all(f"`{name}`" in text for name in TASKS)
    assert not any(sentence in text for sentence in SENTENCES)


def test_it_says_where_help_is_and_that_it_is_no_diagnosis(data: Path) -> None:
    text = card(data)
    assert disclaimer("zh") in text and disclaimer("en") in text
    assert all(line.number in text for line in load_hotlines())


def test_scores_come_from_the_log(data: Path) -> None:
    assert "Validation" not in card(data)
    run = data.parent / "my-run"
    run.mkdir()
    scores = {"macro_f1": 0.5, "macro_f1/suicide_risk": 0.25, "loss": 2.0}
    lines = [
        {"step": 10, "loss": 3.0},
        {"step": 10, "evaluation": scores | {"macro_f1": 0.1}},
        {"step": 10, "evaluation": scores},
    ]
    (run / "log.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    text = card(data)
    assert "| step | macro-F1 | suicide_risk |\n|---|---|---|\n| 10 | 0.500 | 0.250 |" in text


def test_an_adapter_is_merged_before_it_becomes_gguf(data: Path) -> None:
    described = describe_run(TrainConfig(output_dir=data.parent / "r", model="embedded", data=data, lora={}), TASKS)
    text = model_card(described, data.parent / "r")
    assert front_matter(text)["library_name"] == "peft"
    assert "python -m train.merge" in text and "convert_hf_to_gguf.py" in text
    merged = merged_card(described | {"merged_from": "model"})
    assert front_matter(merged)["library_name"] == "transformers"
    assert "python -m train.merge" not in merged and "convert_hf_to_gguf.py" in merged
    assert "- train: 12 rows" in merged


def test_an_adapter_from_elsewhere_has_a_card_too() -> None:
    text = merged_card({"merged_from": "theirs", "config": {"unheard": 1}})
    assert "theirs, merged" in text and "12356" in text


def test_a_measurement_without_a_number_is_no_obstacle(data: Path) -> None:
    run = data.parent / "my-run"
    run.mkdir()
    lines = [
        {"step": 1, "evaluation": {"macro_f1": None, "macro_f1/suicide_risk": None, "loss": 1.0}},
        {"step": 2, "evaluation": {"macro_f1": 0.5, "macro_f1/suicide_risk": 0.5, "macro_f1/risk_category": None}},
    ]
    (run / "log.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    text = card(data)
    assert "| 2 | 0.500 | – | 0.500 |" in text
    assert "| 1 |" not in text
