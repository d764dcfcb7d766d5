"""A stated prevalence makes probabilities and thresholds right for a stream unlike the validation rows."""

from pathlib import Path

import pytest
import torch

from mentalglm.calibrate.fit import best_threshold, fit
from mentalglm.calibrate.measures import calibration_error
from mentalglm.calibrate.prevalence import add_prevalence, cell_weights, read_prevalence
from mentalglm.calibration import Calibration, load_calibrations, save_calibrations
from mentalglm.decoding.labels import decide, label_probabilities
from mentalglm.errors import UserError
from mentalglm.tasks import load_task

RISK, SAFETY = load_task("suicide_risk"), load_task("emotional_safety")
LEVEL, CATEGORY = load_task("suicide_level"), load_task("risk_category")
HIGH = "高自杀风险"


def stream(share: float, count: int, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Scores and labels of two labels where the first holds in ``share`` of the rows; it always looks the same."""
    generator = torch.Generator().manual_seed(seed)
    positive = torch.rand(count, generator=generator) < share
    evidence = torch.where(positive, 1.0, -1.0) + torch.randn(count, generator=generator)
    return torch.stack([2 * evidence, torch.zeros(count)], dim=1), torch.stack([positive, ~positive], dim=1).float()


def f1(scores: torch.Tensor, gold: torch.Tensor, calibration: Calibration) -> float:
    rows = label_probabilities(scores, RISK, calibration).tolist()
    found = torch.tensor([decide(row, RISK, calibration) == [HIGH] for row in rows])
    return float(2 * (found * gold[:, 0]).sum() / (found.sum() + gold[:, 0].sum()))


def test_probabilities_and_decisions_fit_the_stated_prevalence() -> None:
    seen, target = stream(0.5, 4000, 0), stream(0.03, 20_000, 1)
    plain, stated = fit(*seen, RISK), fit(*seen, RISK, {HIGH: 0.03})
    errors = [
        calibration_error(label_probabilities(target[0], RISK, one)[:, 0].double().numpy(), target[1][:, 0].numpy() > 0)
        for one in (plain, stated)
    ]
    assert errors[0] > 0.1 and errors[1] < 0.01
    assert f1(*target, stated) > f1(*target, plain) + 0.1
    assert stated.temperature == plain.temperature  # what the model sees of a label has not changed


def test_of_more_labels_the_ones_not_named_share_the_rest() -> None:
    gold = torch.nn.functional.one_hot(torch.tensor([0] * 60 + [1] * 30 + [2] * 10), 3).float()
    calibration = Calibration()
    add_prevalence(calibration, gold, SAFETY, {"不安全": 0.4})
    shares = [calibration.of(name).prevalence or 0 for name in SAFETY.label_names]
    assert shares == pytest.approx([0.4, 0.2, 0.4], abs=0.01) and sum(shares) == pytest.approx(1)
    # Weighted, the rows hold each label as often as stated; what the scores say within a label stays.
    weights = cell_weights(gold, SAFETY, calibration)
    assert (weights * gold).sum(dim=0).tolist() == pytest.approx([40, 20, 40], rel=0.05)
    p = label_probabilities(torch.zeros(1, 3), SAFETY, calibration)[0]
    assert float(p[2] / p[1]) == pytest.approx((0.4 / 0.2) * (30.5 / 10.5), rel=1e-2)


def test_of_many_labels_only_the_named_one_changes() -> None:
    generator = torch.Generator().manual_seed(0)
    scores = torch.randn(2000, 6, generator=generator)
    gold = torch.bernoulli(scores.sigmoid(), generator=generator)
    plain, stated = fit(scores, gold, CATEGORY), fit(scores, gold, CATEGORY, {"自杀与自伤": 0.01})
    column = CATEGORY.label_names.index("自杀与自伤")
    before, after = (label_probabilities(scores, CATEGORY, one) for one in (plain, stated))
    others = [k for k in range(6) if k != column]
    torch.testing.assert_close(before[:, others], after[:, others])
    moved = (after[:, column].logit() - before[:, column].logit()).tolist()
    share = (float(gold[:, column].sum()) + 0.5) / 2001
    expected = float(torch.tensor(0.01).logit() - torch.tensor(share).logit())
    assert moved == pytest.approx([expected] * 2000, abs=1e-3)
    weights = cell_weights(gold, CATEGORY, stated)
    assert float((weights * gold).sum(dim=0)[column] / weights.sum(dim=0)[column]) == pytest.approx(0.01, rel=0.02)
    assert (weights[:, others] == 1).all()


def test_a_label_the_rows_lack_can_be_stated() -> None:
    scores = torch.randn(40, 11, generator=torch.Generator().manual_seed(0))
    gold = torch.nn.functional.one_hot(torch.arange(40) % 3, 11).float()
    calibration = fit(scores, gold, LEVEL, {"10": 0.01})
    assert torch.isfinite(label_probabilities(scores, LEVEL, calibration)).all()
    assert sum(calibration.of(name).prevalence or 0 for name in LEVEL.label_names) == pytest.approx(1)


def test_a_threshold_counts_rows_by_their_weight() -> None:
    p, gold = torch.tensor([0.9, 0.8, 0.3, 0.2]), torch.tensor([1.0, 0.0, 1.0, 0.0])
    assert best_threshold(p, gold) == pytest.approx(0.25)
    assert best_threshold(p, gold, torch.tensor([1.0, 1.0, 0.1, 1.0])) == pytest.approx(0.85)


def test_the_same_prevalence_changes_nothing() -> None:
    scores, gold = stream(0.5, 2000, 3)
    share = (float(gold[:, 0].sum()) + 0.5) / 2001
    plain, stated = fit(scores, gold, RISK), fit(scores, gold, RISK, {HIGH: share})
    torch.testing.assert_close(
        label_probabilities(scores, RISK, plain), label_probabilities(scores, RISK, stated), atol=1e-4, rtol=1e-4
    )


def test_what_was_stated_is_kept_beside_the_model(tmp_path: Path) -> None:
    stated = {"suicide_risk": fit(*stream(0.5, 400, 0), RISK, {HIGH: 0.03}, error_rate=0.1)}
    save_calibrations(tmp_path, stated)
    assert load_calibrations(tmp_path) == stated
    assert load_calibrations(tmp_path)["suicide_risk"].of(HIGH).prevalence == 0.03


# What people write.


def test_a_bare_share_is_the_positive_label_s() -> None:
    assert read_prevalence(["0.02"], RISK) == {HIGH: 0.02}
    assert read_prevalence(["不安全=0.05", " 临界 = 0.1"], SAFETY) == {"不安全": 0.05, "临界": 0.1}
    assert read_prevalence([], SAFETY) == {}
    assert read_prevalence(["自杀与自伤=0.9", "性内容=0.9"], CATEGORY) == {"自杀与自伤": 0.9, "性内容": 0.9}


@pytest.mark.parametrize(
    ("stated", "task", "message"),
    [
        (["0.02"], SAFETY, "emotional_safety has no single positive label; write such as 不安全=0.02"),
        (["高=0.02"], RISK, "'高' is not a label of suicide_risk; it has 高自杀风险"),
        (["2%"], RISK, "--prevalence 2%: give a share above 0 and below 1"),
        (["1"], RISK, "--prevalence 1: give a share"),
        (["nan"], RISK, "--prevalence nan: give a share"),
        (["不安全=0.6", "临界=0.5"], SAFETY, "exclude one another; 1.1 must be less than 1"),
        (["安全=0.6", "不安全=0.2", "临界=0.3"], SAFETY, "exclude one another; 1.1 must be exactly 1"),
    ],
)
def test_a_prevalence_that_cannot_be_is_one_line(stated: list[str], task: object, message: str) -> None:
    with pytest.raises(UserError, match=message) as caught:
        read_prevalence(stated, task)  # type: ignore[arg-type]
    assert "\n" not in str(caught.value)
