"""What calibrate says of itself is measured on rows left out, and is right where it can be computed by hand."""

import numpy as np
import pytest
import torch

from mentalglm.calibrate.fit import fit
from mentalglm.calibrate.measures import calibration_error, selective_risk
from mentalglm.calibrate.report import lines, measure
from mentalglm.tasks import load_task

RISK, SAFETY, LEVEL = load_task("suicide_risk"), load_task("emotional_safety"), load_task("suicide_level")
CATEGORY = load_task("risk_category")


def test_calibration_error_by_hand() -> None:
    p, right = np.array([0.9, 0.9, 0.6, 0.6]), np.array([True, True, True, False])
    assert calibration_error(p, right, bins=2) == pytest.approx((0.1 + 0.1) / 2)
    assert calibration_error(p, right, bins=1) == pytest.approx(0.0)
    assert calibration_error(p, right, np.array([1.0, 1.0, 1.0, 3.0]), bins=2) == pytest.approx((0.2 + 1.4) / 6)
    assert calibration_error(np.array([0.5]), np.array([True])) == pytest.approx(0.5)


def test_selective_risk_by_hand() -> None:
    sure, right = np.array([0.9, 0.8, 0.7, 0.6]), np.array([True, False, True, False])
    assert selective_risk(sure, right) == pytest.approx({1.0: 0.5, 0.75: 1 / 3, 0.5: 0.5})
    assert selective_risk(sure, right, np.array([7.0, 1.0, 1.0, 1.0]), (0.7,)) == {0.7: 0.0}


def drawn(count: int, width: int, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    scores = torch.randn(count, width, generator=generator)
    chosen = torch.multinomial(scores.softmax(dim=1), 1, generator=generator)[:, 0]
    return scores * 6, torch.nn.functional.one_hot(chosen, width).float()


@pytest.mark.parametrize(("task", "width"), [(RISK, 2), (SAFETY, 3), (LEVEL, 11), (CATEGORY, 6)])
def test_too_sharp_a_model_is_calibrated_on_rows_it_has_not_seen(task: object, width: int) -> None:
    scores, gold = drawn(600, width)
    worth = measure(scores, gold, [str(k) for k in range(600)], task, error_rate=0.1)  # type: ignore[arg-type]
    assert worth is not None and worth.abstention is not None
    assert worth.after < 0.6 * worth.before
    assert worth.risk[0.5] <= worth.risk[0.75] <= worth.risk[1.0]
    found = worth.abstention
    assert found.coverage >= 0.9 - 3 * (0.09 / 600) ** 0.5
    assert found.wrong <= 1 - found.coverage + 1e-9 and found.wrong <= found.decided
    assert 0 < found.abstained <= 1


def test_groups_are_left_out_whole() -> None:
    scores, gold = drawn(100, 3)
    worth = measure(scores, gold, ["a"] * 50 + ["b"] * 50, SAFETY)
    assert worth is None  # two groups cannot be parted in five
    groups = [str(k // 2) for k in range(100)]
    assert measure(scores, gold, groups, SAFETY) is not None


def test_rows_are_weighted_to_the_stated_prevalence() -> None:
    generator = torch.Generator().manual_seed(0)
    positive = torch.rand(2000, generator=generator) < 0.5
    evidence = torch.where(positive, 1.0, -1.0) + torch.randn(2000, generator=generator)
    scores = torch.stack([2 * evidence, torch.zeros(2000)], dim=1)
    gold = torch.stack([positive, ~positive], dim=1).float()
    groups = [str(k) for k in range(2000)]
    even = measure(scores, gold, groups, RISK)
    rare = measure(scores, gold, groups, RISK, {"高自杀风险": 0.02})
    assert even is not None and rare is not None
    assert rare.after < 0.03
    assert rare.risk[1.0] < 0.5 * even.risk[1.0]  # where positives are rare, few answers are wrong


def test_lines_name_what_has_no_guarantee() -> None:
    scores, gold = drawn(200, 3)
    gold[:, 2] = 0
    gold[gold.sum(dim=1) == 0, 0] = 1
    worth = measure(scores, gold, [str(k) for k in range(200)], SAFETY, error_rate=0.1)
    said = lines(worth, gold, SAFETY, 0.1)
    assert "coverage 0." in said[2] and "abstains on" in said[3]
    assert said[4] == "  fewer than 9 rows, so no such guarantee: 不安全"
    assert lines(None, gold[:, :], SAFETY, None) == ["  too few rows to leave some out and judge by them"]


def test_four_fifths_may_be_too_few_where_all_are_enough() -> None:
    scores, gold = drawn(22, 2)
    assert fit(scores, gold, RISK, error_rate=0.05).error_rate == 0.05
    assert measure(scores, gold, [str(k) for k in range(22)], RISK, error_rate=0.05) is None
