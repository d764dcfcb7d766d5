"""What score, compare and slice say of explanations, from stored words alone."""

import json
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from eval.compare import compare_folders
from eval.explanations.blocks import BLOCKS
from eval.explanations.model_scores import keep_bart_scores, keep_bert_scores
from eval.explanations.overlap import bleu_row, chrf, chrf_row
from eval.explanations.wording import LACKING, LOWER_IS_BETTER, MEASURES, NEUTRAL
from eval.score import score_folder
from eval.score_table import print_scores
from tests.eval.conftest import sample, write_run
from tests.eval.explanations.tiny_models import write_encoder, write_writer

HIGH, LOW = "高自杀风险", "低自杀风险"
PAIRS = [("他说想死", "她说想死"), ("难过，睡不着", "失眠，难过"), ("好累", "好累"), ("", "什么都没有"), (None, "想死")]


def explained(pairs: list[tuple[str | None, str | None]]) -> list[dict[str, Any]]:
    return [sample([LOW], [LOW], explanation=said, gold_explanation=wanted) for said, wanted in pairs]


def write(folder: Path, pairs: list[tuple[str | None, str | None]] = PAIRS, **data: Any) -> Path:
    return write_run(folder, "suicide_risk", explained(pairs), **data)


def value(scores: dict[str, Any], name: str) -> float | None:
    found: float | None = scores["explanations"][name]["value"]
    return found


def test_an_explanation_that_was_not_written_is_an_empty_one(tmp_path: Path) -> None:
    scores = score_folder(write(tmp_path / "run"))
    assert (scores["n_explained"], scores["n_referred"]) == (3, 5)
    assert value(scores, "explained") == 0.6
    assert value(scores, "rouge1_chars") == pytest.approx((3 / 4 + 4 / 9 + 1 + 0 + 0) / 5, abs=1e-6)
    rows = [chrf_row(said or "", wanted) for said, wanted in PAIRS]
    assert value(scores, "chrf") == pytest.approx(chrf(sum_of(rows))[0], abs=1e-6)
    for name, score in scores["explanations"].items():
        assert score["low"] <= score["value"] <= score["high"], name
    lacking = scores["not_measured"]
    assert lacking["bert_score"] == "bert_score" and lacking["bart_score"] == "bart_score"
    assert "bleu_13a" not in lacking  # is of English tasks


def sum_of(rows: list[list[float]]) -> Any:
    import numpy as np

    return np.array(rows, float).sum(0, keepdims=True)


def test_words_that_may_not_be_kept_are_not_judged(tmp_path: Path) -> None:
    scores = score_folder(write(tmp_path / "run", [(None, None), (None, None)]))
    assert scores["explanations"] == {} and (scores["n_explained"], scores["n_referred"]) == (0, 0)
    assert scores["not_measured"]["chrf"] == scores["not_measured"]["bert_score"] == "gold_explanation"
    no_reference = score_folder(write(tmp_path / "other", [("他说想死", None), ("", "")]))
    assert set(no_reference["explanations"]) == {"explained"} and value(no_reference, "explained") == 1.0


def test_one_explanation_has_a_score_and_no_interval(tmp_path: Path) -> None:
    score = score_folder(write(tmp_path / "run", [("好累", "好累")]))["explanations"]["bleu_zh"]
    assert score == {"value": 1.0, "low": None, "high": None, "bca": [None, None]}
    assert bleu_row("好累", "好累", "zh") == [2, 1, 0, 0, 2, 1, 0, 0, 2, 2]


def test_a_run_of_labels_alone_judges_no_explanation(tmp_path: Path) -> None:
    folder = write(tmp_path / "run", [(None, "想死")])
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    manifest["options"]["labels_only"] = True
    (folder / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    scores = score_folder(folder)
    assert scores["explanations"] == {} and scores["not_measured"] == {"explanations": "labels_only"}


def test_a_model_judges_each_pair_once(tmp_path: Path) -> None:
    folder, encoder = write(tmp_path / "run"), str(write_encoder(tmp_path / "encoder"))
    assert keep_bert_scores(folder, encoder, "cpu") == len(PAIRS)
    assert keep_bert_scores(folder, encoder, "cpu") == 0
    scores = score_folder(folder)
    assert 0.2 < value(scores, "bert_score_f1") < 0.6  # two of five are empty
    assert scores["explanation_models"]["bert_score"]["pairs"] == 5 and "bert_score" not in scores["not_measured"]
    assert scores["not_measured"]["bert_score_rescaled"] == "baseline"
    assert keep_bart_scores(folder, str(write_writer(tmp_path / "writer")), "cpu") == 5
    assert value(score_folder(folder), "bart_score_f") < 0
    with (folder / "samples.jsonl").open("a", encoding="utf-8") as file:
        more = {"id": "r9", "row": 9, "group": "r9", **explained([("没有", "什么都没有")])[0]}
        file.write(json.dumps(more, ensure_ascii=False) + "\n")
    assert score_folder(folder)["not_measured"]["bert_score"] == "bert_score"  # half a run's mean is none
    assert keep_bert_scores(folder, encoder, "cpu") == 1
    assert keep_bert_scores(folder, encoder, "cpu", 1) == 6  # another layer, other scores


def test_runs_are_compared_by_explanations_too(tmp_path: Path) -> None:
    better = [(wanted, wanted) for _, wanted in PAIRS]
    write(tmp_path / "first")
    second = write(tmp_path / "second", better)
    keep_bert_scores(second, str(write_encoder(tmp_path / "encoder")), "cpu")
    metrics = compare_folders([tmp_path / "first", second], tested=["chrf"], permutations=200)["comparisons"][0][
        "tasks"
    ]["suicide_risk"]["metrics"]
    assert metrics["chrf"]["second"] == 1.0 and metrics["chrf"]["difference"] > 0 and 0 < metrics["chrf"]["p"] <= 1
    assert "bert_score_f1" not in metrics  # one run has it alone


def test_the_table_names_what_is_missing(tmp_path: Path) -> None:
    console = Console(record=True, width=160)
    print_scores(console, score_folder(write(tmp_path / "run")))
    text = console.export_text()
    assert "chrF（按字）" in text and "--bart-score MODEL was not given" in text


def test_every_measure_and_lack_has_words_in_both_languages() -> None:
    names = [name for block in BLOCKS for name in block.names]
    assert set(names) <= set(MEASURES) and set(LOWER_IS_BETTER) | set(NEUTRAL) <= set(names)
    assert {block.needs for block in BLOCKS} | {"labels_only"} <= set(LACKING)
    assert len({block.name for block in BLOCKS}) == len(BLOCKS)
    own = [name for block in BLOCKS if block.group == "explanations" for name in block.names]
    assert len(set(own)) == len(own)
