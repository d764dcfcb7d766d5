"""The evaluate.Metric modules, loaded by path with no network, alone and combined."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from sacrebleu.metrics import BLEU, CHRF
from sklearn import metrics as sk

from tests.eval.explanations.tiny_models import write_writer

# evaluate brings torch and the hub's client along.
pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
GOLD, SAID, UNREAD = [0, 1, 1, 0, 1, 0], [0, 1, 0, 1, 1, 0], [0, 1, -1, -1, 1, 0]
CHANCE = [0.1, 0.9, 0.4, 0.6, 0.8, 0.3]
SETS = [[1, 0, 0], [1, 1, 0], [0, 0, 0]], [[1, 0, 0], [0, 1, 1], [0, 0, 0]]

WRITTEN, WANTED = ["她说难过，睡不着", "好累", ""], ["她失眠，难过", "好累", "什么都没有"]

PROGRAM = """
import json, sys
import evaluate
def load(name, config=None):
    return evaluate.load(f"eval/metrics/{name}", config)
d = json.loads(sys.argv[1])
codes = {"references": d["gold"], "predictions": d["said"]}
unread = {"references": d["gold"], "predictions": d["unread"]}
chances = {"references": d["gold"], "predictions": d["chance"]}
sets = {"references": d["sets"][0], "predictions": d["sets"][1]}
labels = 22
TEXTS = ("bleu_zh", "chrf_zh", "rouge_zh_words", "rouge_zh_chars")
row = lambda *on: [int(i in on) for i in range(labels)]
print(json.dumps({
    "combined": evaluate.combine(["eval/metrics/accuracy", "eval/metrics/f1"]).compute(**codes),
    "with_configs": evaluate.combine(
        [load("accuracy"), load("f1", "suicide_risk"), load("ordinal", "suicide_level"), load("screening")]
    ).compute(**unread),
    "ordinal": load("ordinal").compute(references=[0, 4, 2, 3], predictions=[1, 4, 2, 0]),
    "multilabel": load("multilabel").compute(**sets),
    "unread_sets": load("multilabel").compute(references=[[1, 0], [0, 0]], predictions=[[1, 0], [-1, -1]]),
    "probabilities": load("probabilities").compute(**chances),
    "by_steps": (lambda m: (m.add_batch(**{k: v[:3] for k, v in chances.items()}),
                            m.add_batch(**{k: v[3:] for k, v in chances.items()}), m.compute())[-1])(load("reading")),
    "abstention": load("abstention").compute(references=[1, 0, 0], predictions=[.9, .2, float("-inf")]),
    "texts": evaluate.combine([f"eval/metrics/{n}" for n in TEXTS]).compute(**d["texts"]),
    "by_models": [
        evaluate.load(f"eval/metrics/{n}", model=m).compute(**d["texts"])
        for n, m in (("bert_score_local", "embedded"), ("bart_score", d["writer"]))
    ],
    "hierarchy": load("hierarchical_f1", "cognitive_pathway").compute(
        references=[row(0), row(1)], predictions=[row(1), row(1)]),
}))
"""


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the modules say in a process that has no hub and an empty cache."""
    writer = str(write_writer(tmp_path_factory.mktemp("models") / "writer"))
    data = {"gold": GOLD, "said": SAID, "unread": UNREAD, "chance": CHANCE, "sets": SETS, "writer": writer}
    data["texts"] = {"predictions": WRITTEN, "references": WANTED}
    home = {"HF_HOME": str(tmp_path_factory.mktemp("hf")), "HF_HUB_OFFLINE": "1", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, json.dumps(data)], cwd=ROOT, env={**os.environ, **home}, capture_output=True
    )
    assert done.returncode == 0, done.stderr.decode()[-2000:]
    result: dict[str, Any] = json.loads(done.stdout.decode().splitlines()[-1])
    return result


def test_labels_equal_scikit_learn(found: dict[str, Any]) -> None:
    both = found["combined"]
    assert both["accuracy"] == pytest.approx(sk.accuracy_score(GOLD, SAID))
    assert both["binary_f1"] == pytest.approx(sk.f1_score(GOLD, SAID))
    for average in ("micro", "macro", "weighted"):
        assert both[f"{average}_f1"] == pytest.approx(sk.f1_score(GOLD, SAID, average=average))
    assert list(both["f1_by_class"].values()) == pytest.approx(sk.f1_score(GOLD, SAID, average=None).tolist())
    assert both["parse_rate"] == 1.0


def test_unread_answers_err_on_both_sides(found: dict[str, Any]) -> None:
    scores = found["with_configs"]
    assert scores["parse_rate"] == pytest.approx(4 / 6) and scores["accuracy"] == pytest.approx(4 / 6)
    assert set(scores["f1_by_class"]) == {"高自杀风险", "低自杀风险"}
    assert scores["binary_f1"] == scores["f1_by_class"]["高自杀风险"] == pytest.approx(4 / 6)
    assert scores["sensitivity"] == scores["specificity"] == pytest.approx(2 / 3)
    assert scores["at_prevalence"]["0.01"]["misses"] == pytest.approx(10 / 3)
    assert scores["mae"] == pytest.approx((9 + 10) / 6)  # of 0 … 10, 10 is the farthest from 0 and from 1
    assert found["unread_sets"] == {
        "micro_f1": 0.5, "macro_f1": pytest.approx(1 / 3), "sample_f1": 0.5, "exact_match": 0.5, "parse_rate": 0.5,
    }  # fmt: skip


def test_levels_sets_and_probabilities_equal_scikit_learn(found: dict[str, Any]) -> None:
    levels = [0, 4, 2, 3], [1, 4, 2, 0]
    assert found["ordinal"]["mae"] == 1.0
    assert found["ordinal"]["quadratic_kappa"] == pytest.approx(sk.cohen_kappa_score(*levels, weights="quadratic"))
    for average in ("micro", "macro"):
        expected = sk.f1_score(*SETS, average=average)
        assert found["multilabel"][f"{average}_f1"] == pytest.approx(expected)
    assert found["multilabel"]["sample_f1"] == pytest.approx(sk.f1_score(*SETS, average="samples", zero_division=1))
    assert found["probabilities"]["auroc"] == pytest.approx(sk.roc_auc_score(GOLD, CHANCE))
    assert found["probabilities"]["auprc"] == pytest.approx(sk.average_precision_score(GOLD, CHANCE))
    assert found["probabilities"]["brier"] == pytest.approx(sk.brier_score_loss(GOLD, CHANCE))


def test_curves_and_levels_by_hand(found: dict[str, Any]) -> None:
    assert found["by_steps"]["recall_when_reading"]["0.5"] == pytest.approx(2 / 3)  # .9 and .8 of the first three
    assert found["abstention"]["area_under_risk"] == pytest.approx((0 + 1 / 2 + 2 / 3) / 3)
    hierarchy = found["hierarchy"]
    assert hierarchy["level_1_micro_f1"] == 1.0 and hierarchy["level_2_micro_f1"] == 0.5
    assert hierarchy["pooled_micro_f1"] == 0.75


def test_texts_equal_sacrebleu_and_hand_counts(found: dict[str, Any]) -> None:
    texts = found["texts"]
    assert texts["bleu_zh"] == pytest.approx(BLEU(tokenize="zh").corpus_score(WRITTEN, [WANTED]).score / 100)
    assert texts["chrf"] == pytest.approx(CHRF().corpus_score(WRITTEN, [WANTED]).score / 100)
    # 她说难过睡不着 and 她失眠难过 share 她, 难, 过; the empty one shares nothing.
    assert texts["rouge1_chars"] == texts["rougeL_chars"] == pytest.approx((6 / 12 + 1 + 0) / 3)
    assert 0 < texts["rougeL_words"] < 1


def test_models_of_texts_say_which_they_are(found: dict[str, Any]) -> None:
    by_states, by_likelihood = found["by_models"]
    assert 1 / 3 < by_states["bert_score_f1"] < 2 / 3  # one is the same, one is empty
    assert by_states["bert_score_by"]["model"] == "embedded" and by_likelihood["bart_score_f"] < 0
    assert len(by_likelihood["bart_score_by"]["weights_sha256"]) == 64
