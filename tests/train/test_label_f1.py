"""The numbers a model is chosen by, against scikit-learn and against what chance allows."""

import math

import pytest
import torch

from mentalglm.tasks import load_task
from train.label_f1 import label_f1

SINGLE, ORDINAL, MULTI = (load_task(name) for name in ("emotional_safety", "suicide_level", "cognitive_distortion"))


def one_hot(codes: torch.Tensor, labels: int) -> torch.Tensor:
    return torch.nn.functional.one_hot(codes, labels).float()


def posts(number: int) -> list[str]:
    return [f"post {place}" for place in range(number)]


def test_single_label_equals_scikit_learn() -> None:
    from sklearn.metrics import f1_score

    generator = torch.Generator().manual_seed(0)
    scores, gold = torch.randn(200, 3, generator=generator), torch.randint(3, (200,), generator=generator)
    found = label_f1(scores, one_hot(gold, 3), posts(200), SINGLE)
    assert found == {"macro_f1": pytest.approx(f1_score(gold, scores.argmax(dim=1), average="macro"))}


def test_ordinal_takes_the_median_and_tells_the_kappa() -> None:
    from sklearn.metrics import cohen_kappa_score, f1_score

    scores = torch.full((3, 11), -50.0)
    scores[0, [0, 4, 5]] = torch.tensor([0.4, 0.3, 0.3]).log()  # the mode is 0, the median 4
    scores[1, 7] = scores[2, 9] = 0.0
    gold, median = torch.tensor([4, 7, 8]), [4, 7, 9]
    found = label_f1(scores, one_hot(gold, 11), posts(3), ORDINAL)
    assert found["macro_f1"] == pytest.approx(f1_score(gold, median, average="macro"))
    kappa = cohen_kappa_score(gold, median, labels=range(11), weights="quadratic")
    assert found["quadratic_kappa"] == pytest.approx(kappa)


def test_multi_label_finds_the_cut_that_every_score_lies_above() -> None:
    """A corpus without label-free posts teaches that every label is likelier than none."""
    generator = torch.Generator().manual_seed(0)
    gold = (torch.rand(200, 12, generator=generator) < 0.3).float()
    scores = 10 + 6 * gold + torch.randn(200, 12, generator=generator)
    assert label_f1(scores, gold, posts(200), MULTI)["macro_f1"] > 0.95


def test_multi_label_scores_that_know_nothing_are_not_flattered() -> None:
    """A threshold of each label's own, chosen on the rows it is judged by, would find more than chance holds."""
    generator = torch.Generator().manual_seed(0)
    gold = (torch.rand(60, 12, generator=generator) < 0.1).float()
    scores = torch.randn(60, 12, generator=generator)
    everything = 2 * 0.1 / 1.1  # the F1 of answering every label always
    assert label_f1(scores, gold, posts(60), MULTI)["macro_f1"] < everything + 0.02


def test_copies_of_a_post_do_not_decide_about_each_other() -> None:
    """Were they parted, each would bring its copy's labels along: the scores repeat, so the fit would be the same."""
    generator = torch.Generator().manual_seed(1)
    gold = (torch.rand(30, 12, generator=generator) < 0.3).float()
    scores = torch.randn(30, 12, generator=generator)
    once = label_f1(scores, gold, posts(30), MULTI)
    twice = label_f1(scores.repeat(2, 1), gold.repeat(2, 1), posts(30) * 2, MULTI)
    assert twice["macro_f1"] == pytest.approx(once["macro_f1"], abs=0.05)


def test_fewer_than_five_posts_are_cut_at_the_score_of_no_label() -> None:
    scores, gold = torch.full((2, 12), -1.0), torch.zeros(2, 12)
    scores[0, 3] = scores[1, 5] = 1.0
    gold[0, 3] = gold[1, 5] = 1
    assert label_f1(scores, gold, posts(2), MULTI)["macro_f1"] == 1.0


@pytest.mark.parametrize("task", [SINGLE, ORDINAL, MULTI], ids=lambda task: task.kind)
def test_scores_that_are_no_numbers_are_wrong(task) -> None:  # type: ignore[no-untyped-def]
    labels = len(task.labels)
    gold = one_hot(torch.arange(60) % labels, labels)
    scores = 20 * gold - 10
    assert label_f1(scores, gold, posts(60), task)["macro_f1"] == 1.0
    scores[0] = float("nan")
    assert label_f1(scores, gold, posts(60), task)["macro_f1"] < 1.0
    scores[:] = float("nan")
    assert label_f1(scores, gold, posts(60), task)["macro_f1"] == 0.0


def test_no_label_anywhere_is_no_number() -> None:
    found = label_f1(torch.full((3, 12), -9.0), torch.zeros(3, 12), posts(3), MULTI)
    assert math.isnan(found["macro_f1"])
