"""Every measure from sums equals scikit-learn on the rows, and the degenerate ones are defined."""

from typing import Any

import numpy as np
import pytest
from sklearn import metrics as sk

from eval.arrays import Arrays, join, to_arrays
from eval.measure import headline, measure, measure_rows
from eval.sums import positives, shared_edges, to_sums
from mentalglm.tasks import Task, load_task
from tests.eval.conftest import sample

TASKS = ["suicide_risk", "suicide_level", "emotional_safety", "cognitive_distortion", "cognitive_pathway"]


def made(task: Task, rows: int, seed: int = 0, unread: float = 0.0) -> Arrays:
    """Random answers, right more often than not."""
    random = np.random.default_rng(seed)
    lines: list[dict[str, Any]] = []
    for i in range(rows):
        chances = random.random(len(task.labels)).round(3)
        if task.many:
            gold = [name for name, p in zip(task.label_names, chances, strict=True) if random.random() < p * 0.5]
            labels = [name for name, p in zip(task.label_names, chances, strict=True) if p > 0.6]
        else:
            chances = chances / chances.sum()
            gold = [task.label_names[int(random.choice(len(chances), p=chances))]]
            labels = [task.label_names[int(chances.argmax())]]
        probabilities = dict(zip(task.label_names, map(float, chances), strict=True))
        parsed = bool(random.random() >= unread)
        lines.append(
            {"id": f"r{i}", "row": i, "group": f"g{i // 2}"}
            | sample(gold, labels, probabilities=probabilities, parsed=parsed)
        )
    return join([to_arrays(lines, task)], with_evidence=True)


def named(arrays: Arrays, task: Task) -> dict[str, float]:
    return {name: value for (group, name), value in measure_rows(arrays, task).items() if group == "metrics"}


@pytest.mark.parametrize("name", TASKS)
def test_equal_to_scikit_learn(name: str) -> None:
    task = load_task(name)
    rows = made(task, 300)
    gold, said, ours = rows.gold, rows.predicted, named(rows, task)
    expected = {"parse_rate": 1.0}
    for average in ("micro", "macro", "weighted"):
        expected[f"{average}_f1"] = sk.f1_score(gold, said, average=average, zero_division=0)
    if task.many:
        expected["sample_f1"] = sk.f1_score(gold, said, average="samples", zero_division=1)
        expected["exact_match"] = sk.accuracy_score(gold, said)
    else:
        levels = gold.argmax(1), said.argmax(1)
        expected["accuracy"] = sk.accuracy_score(*levels)
        expected["quadratic_kappa"] = sk.cohen_kappa_score(*levels, weights="quadratic")
        expected["mae"] = sk.mean_absolute_error(*levels)
    columns = positives(task)
    if columns and not task.many:
        truth, answer = gold[:, columns].any(1), said[:, columns].any(1)
        chance = rows.chances[:, columns].sum(1)
        expected["f1"] = sk.f1_score(truth, answer)
        expected["precision"] = sk.precision_score(truth, answer)
        expected["recall"] = sk.recall_score(truth, answer)
        expected["specificity"] = sk.recall_score(~truth, ~answer)
        expected["brier"] = sk.brier_score_loss(truth, chance)
    else:
        truth, chance = gold, rows.chances
        expected["brier"] = ((truth - chance) ** 2).mean()
    expected["auroc"] = sk.roc_auc_score(truth, chance, average="macro")
    expected["auprc"] = sk.average_precision_score(truth, chance, average="macro")
    for key, value in ours.items():
        if key in expected:
            assert value == pytest.approx(expected[key]), key
    assert headline(task, ours) in ours and set(ours) & {"auroc"} and set(ours) & {"area_under_risk"}


def test_the_levels_of_a_hierarchy_equal_scikit_learn() -> None:
    task = load_task("cognitive_pathway")
    rows = made(task, 200, seed=4)
    names = [name.split("##")[0] for name in task.label_names]
    upper = [
        np.column_stack([x[:, [n == p for n in names]].any(1) for p in dict.fromkeys(names)])
        for x in (rows.gold, rows.predicted)
    ]
    pooled = [np.hstack(pair) for pair in zip(upper, (rows.gold, rows.predicted), strict=True)]
    ours = named(rows, task)
    for average in ("micro", "macro"):
        assert ours[f"parent_{average}_f1"] == pytest.approx(sk.f1_score(*upper, average=average))
        assert ours[f"pooled_{average}_f1"] == pytest.approx(sk.f1_score(*pooled, average=average))


@pytest.mark.parametrize("name", TASKS)
def test_sums_of_drawn_rows_equal_copied_rows(name: str) -> None:
    """The heart of the fast bootstrap: weights on sums give what copies of rows give, unread answers too."""
    task = load_task(name)
    rows = made(task, 120, seed=1, unread=0.1)
    sums = to_sums(rows, task, shared_edges([rows], task))
    drawn = np.random.default_rng(2).integers(0, len(rows), (3, len(rows)))
    weights = np.stack([np.bincount(draw, minlength=len(rows)) for draw in drawn]).astype(float)
    together = measure(sums.read((sums.matrix.T @ weights.T).T), task)
    for i, draw in enumerate(drawn):
        alone = measure_rows(rows.rows(draw), task)
        assert {key: values[i] for key, values in together.items()} == pytest.approx(alone, nan_ok=True)


def test_many_scores_are_ranked_in_bins_close_to_the_truth() -> None:
    task = load_task("suicide_risk")
    random = np.random.default_rng(0)
    chance = random.random(6000)
    high, low = task.label_names
    lines = [
        {"id": str(i), "row": i, "group": str(i)}
        | sample([high if random.random() < p else low], [high], probabilities={high: float(p), low: float(1 - p)})
        for i, p in enumerate(chance)
    ]
    rows = join([to_arrays(lines, task)], with_evidence=False)
    sums = to_sums(rows, task, shared_edges([rows], task))
    assert max(shape[-1] for _, shape in sums.blocks.values() if shape) <= 1026
    binned = measure(sums.read(np.asarray(sums.matrix.sum(axis=0)).reshape(1, -1)), task)
    for key, value in measure_rows(rows, task).items():
        assert binned[key][0] == pytest.approx(value, abs=2e-4, nan_ok=True), key


def test_what_cannot_be_measured_is_nan_and_the_rest_stays() -> None:
    task = load_task("suicide_risk")
    high, low = task.label_names

    def of(*lines: dict[str, Any]) -> dict[str, float]:
        numbered = [{"id": str(i), "row": i, "group": str(i), **line} for i, line in enumerate(lines)]
        return named(join([to_arrays(numbered, task)], with_evidence=True), task)

    sure = {"probabilities": {high: 0.1, low: 0.9}}
    one_class = of(sample([low], [low], **sure), sample([low], [low], **sure))
    assert one_class["accuracy"] == one_class["macro_f1"] == one_class["specificity"] == 1.0
    assert all(np.isnan(one_class[name]) for name in ("f1", "recall", "precision", "auroc", "auprc"))
    alone = of(sample([high], [low], **sure))
    assert alone["recall"] == alone["f1"] == alone["accuracy"] == 0.0 and np.isnan(alone["specificity"])
    unread = of(sample([high], [], parsed=False, probabilities={}))
    assert unread["parse_rate"] == unread["accuracy"] == unread["f1"] == 0.0
    assert "auroc" not in unread  # there never was a probability
    half = of(sample([high], [high], probabilities={high: 0.9, low: 0.1}), sample([low], [], parsed=False))
    assert half["auroc"] == 0.0 and half["brier"] == pytest.approx((0.01 + 1) / 2) and half["area_under_risk"] == 0.25
