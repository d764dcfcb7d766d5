"""Calibration finds the temperature, the slopes and the thresholds that made the data, and bears data that mislead."""

import json
import math
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

from mentalglm.analyzer import Analyzer
from mentalglm.calibrate import calibrate_model
from mentalglm.calibrate.fit import best_threshold, fit
from mentalglm.calibration import Calibration, LabelCalibration, load_calibrations, save_calibrations
from mentalglm.decoding.labels import decide, label_probabilities
from mentalglm.errors import UserError
from mentalglm.tasks import load_task
from tests.tiny import SENTENCES, TASKS

SAFETY, CATEGORY, RISK = load_task("emotional_safety"), load_task("risk_category"), load_task("suicide_risk")


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def one_hot(chosen: torch.Tensor, classes: int) -> torch.Tensor:
    return torch.nn.functional.one_hot(chosen, classes).float()


@pytest.mark.parametrize("temperature", [0.3, 1.0, 4.0])
def test_the_temperature_that_made_the_data_is_found(temperature: float) -> None:
    logits = torch.randn(4000, 3, generator=generator()) * 2
    gold = one_hot(torch.multinomial(logits.softmax(dim=1), 1, generator=generator(1))[:, 0], 3)
    calibration = fit(logits * temperature - 40, gold, SAFETY)
    assert calibration.temperature == pytest.approx(temperature, rel=0.1)
    assert calibration.labels == {}


@pytest.mark.parametrize(("a", "b"), [(1.0, 0.0), (0.5, -1.0), (2.0, 1.0)])
def test_the_slopes_that_made_the_data_are_found(a: float, b: float) -> None:
    scores = torch.randn(4000, 6, generator=generator()) * 2
    gold = torch.bernoulli((a * scores + b).sigmoid(), generator=generator(1))
    calibration = fit(scores, gold, CATEGORY)
    assert list(calibration.labels) == CATEGORY.label_names
    for label in calibration.labels.values():
        assert label.a == pytest.approx(a, rel=0.25)
        assert label.b == pytest.approx(b, abs=0.25)


def log_loss(scores: torch.Tensor, gold: torch.Tensor, calibration: Calibration) -> float:
    p = label_probabilities(scores, SAFETY, calibration)
    return float(-(p.log() * gold).sum(dim=1).mean())


def test_calibration_lowers_the_loss_and_changes_no_order() -> None:
    logits = torch.randn(500, 3, generator=generator())
    gold = one_hot(torch.multinomial(logits.softmax(dim=1), 1, generator=generator(1))[:, 0], 3)
    scores = logits * 8
    fitted = fit(scores, gold, SAFETY)
    assert log_loss(scores, gold, fitted) < 0.5 * log_loss(scores, gold, Calibration())
    chosen = [label_probabilities(scores, SAFETY, one).argmax(dim=1) for one in (fitted, Calibration())]
    assert torch.equal(*chosen)


@pytest.mark.parametrize("gap", [1e-4, 0.01, 1.0, 50.0])
@pytest.mark.parametrize("right", [True, False])
def test_scores_that_are_always_right_or_always_wrong_still_give_numbers(gap: float, right: bool) -> None:
    gold = one_hot(torch.randint(0, 3, (40,), generator=generator()), 3)
    scores = gold * (gap if right else -gap) - 30
    calibration = fit(scores, gold, SAFETY)
    probabilities = label_probabilities(scores, SAFETY, calibration)
    assert torch.isfinite(probabilities).all()
    torch.testing.assert_close(probabilities.sum(dim=1), torch.ones(40))


@pytest.mark.parametrize("kind", ["never", "always", "as scored", "against the score"])
def test_labels_without_variety_still_give_numbers(kind: str) -> None:
    scores = torch.randn(40, 6, generator=generator()) * 30 - 40
    gold = {
        "never": torch.zeros(40, 6),
        "always": torch.ones(40, 6),
        "as scored": (scores > -40).float(),
        "against the score": (scores < -40).float(),
    }[kind]
    calibration = fit(scores, gold, CATEGORY)
    probabilities = label_probabilities(scores, CATEGORY, calibration)
    assert torch.isfinite(probabilities).all()
    for column, label in enumerate(calibration.labels.values()):
        assert 0 <= label.threshold <= 1 and label.a >= 0
        if kind == "against the score":
            # It says nothing then, and its probability is how often the label holds.
            assert label.a == 0
            assert probabilities[:, column].tolist() == pytest.approx([float(gold[:, column].mean())] * 40, abs=0.01)


def test_the_best_threshold_lies_in_the_middle_of_the_best_cut() -> None:
    # Cut between 0.6 and 0.4 F1 is 1; the cut is 0.5.
    assert best_threshold(torch.tensor([0.9, 0.6, 0.4, 0.1]), torch.tensor([1.0, 1.0, 0.0, 0.0])) == 0.5
    # The best cut is 0.15; half-way to 0.5 is 0.325.
    assert best_threshold(torch.tensor([0.9, 0.2, 0.1]), torch.tensor([1.0, 1.0, 0.0])) == pytest.approx(0.15)
    # The order of the rows does not matter, and one row is enough.
    assert best_threshold(torch.tensor([0.1, 0.9, 0.2]), torch.tensor([0.0, 1.0, 1.0])) == pytest.approx(0.15)
    assert best_threshold(torch.tensor([0.8]), torch.tensor([1.0])) == pytest.approx(0.4)


def test_the_threshold_of_two_labels_finds_a_rare_positive() -> None:
    positive = torch.arange(400) % 20 == 0
    p = torch.where(positive, 0.44, 0.02) + torch.rand(400, generator=generator()) * 0.05
    scores = torch.stack([p, 1 - p], dim=1).log()
    gold = torch.stack([positive.float(), 1 - positive.float()], dim=1)
    calibration = fit(scores, gold, RISK)
    rows = label_probabilities(scores, RISK, calibration).tolist()
    found = [decide(row, RISK, calibration) == ["高自杀风险"] for row in rows]
    assert found == positive.tolist()
    assert not any(row[0] >= 0.5 for row in rows)  # at an even threshold none would have been found
    assert list(calibration.labels) == ["高自杀风险"]


# Beside the weights.


def test_what_is_saved_is_loaded(tmp_path: Path) -> None:
    known = {"suicide_risk": Calibration(temperature=1.5, labels={"高自杀风险": LabelCalibration(threshold=0.3)})}
    save_calibrations(tmp_path, known)
    assert load_calibrations(tmp_path) == known
    assert "高自杀风险" in (tmp_path / "calibration.json").read_text(encoding="utf-8")
    assert [path.name for path in tmp_path.iterdir()] == ["calibration.json"]


def test_a_model_without_calibration_has_none(tmp_path: Path) -> None:
    assert load_calibrations(tmp_path) == {} == load_calibrations(None)


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{",
        "[]",
        "7",
        '{"suicide_risk": 1}',
        '{"suicide_risk": {"temprature": 2}}',
        '{"suicide_risk": {"temperature": 0}}',
        '{"suicide_risk": {"temperature": NaN}}',
        '{"suicide_risk": {"labels": {"高自杀风险": {"threshold": "x"}}}}',
        b"\xff\xfe\x00",
    ],
)
def test_a_broken_calibration_is_named_in_one_line(tmp_path: Path, content: str | bytes) -> None:
    data = content if isinstance(content, bytes) else content.encode()
    (tmp_path / "calibration.json").write_bytes(data)
    with pytest.raises(UserError, match=r"calibration\.json is broken") as caught:
        load_calibrations(tmp_path)
    assert "\n" not in str(caught.value)


# The command.


@pytest.fixture
def folder(tmp_path: Path, model_folder: Path) -> Path:
    return Path(shutil.copytree(model_folder, tmp_path / "tiny"))


def write_rows(path: Path, task: str, label: Any, count: int = 40, more: Any = None) -> Path:
    rows = (
        {"text": f"{SENTENCES[k % 20]}{k}", "labels": label(k), "task": task, "split": "validation"} | (more or {})
        for k in range(count)
    )
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return path


def calibrated(folder: Path, task: str, data: Path) -> list[str]:
    return list(calibrate_model(str(folder), [task], data))


def risk_of(k: int) -> list[str]:
    return ["高自杀风险" if k % 4 == 0 else "低自杀风险"]


def test_a_model_is_calibrated_and_then_answers_by_it(folder: Path, tmp_path: Path) -> None:
    data = write_rows(tmp_path / "rows.jsonl", "suicide_risk", risk_of)
    said = calibrated(folder, "suicide_risk", data)
    assert said[0] == f"suicide_risk: calibrated on 40 rows, stored in {folder}"
    assert [line.partition(":")[0].strip() for line in said[1:]] == ["on rows left out", "wrong of the surest answers"]
    known = load_calibrations(folder)["suicide_risk"]
    analyzer = Analyzer.load(str(folder), device="cpu")
    scores = analyzer.scores(SENTENCES[:3], "suicide_risk")
    expected = label_probabilities(torch.tensor(scores), RISK, known).tolist()
    for post, row in zip(SENTENCES, expected, strict=False):
        analysis = analyzer.analyze(post, "suicide_risk", labels_only=True)
        assert list(analysis.probabilities.values()) == pytest.approx(row, abs=1e-4)
        assert analysis.labels == decide(row, RISK, known)


def test_one_task_s_calibration_leaves_another_s_alone(folder: Path, tmp_path: Path) -> None:
    save_calibrations(folder, {"suicide_level": Calibration(temperature=3.0)})
    calibrated(folder, "suicide_risk", write_rows(tmp_path / "rows.jsonl", "suicide_risk", risk_of))
    assert load_calibrations(folder)["suicide_level"].temperature == 3.0
    assert set(load_calibrations(folder)) == {"suicide_level", "suicide_risk"}


def test_a_folder_of_records_calibrates_all_that_the_model_was_taught(folder: Path, tmp_path: Path) -> None:
    records = Path(__file__).parents[2] / "instructions" / "open" / "records"
    some = tmp_path / "records"
    some.mkdir()
    for task in TASKS:
        lines = (records / f"{task}.jsonl").read_text(encoding="utf-8").splitlines(keepends=True)
        kept = [line for line in lines if json.loads(line)["split"] == "validation"][:30]
        (some / f"{task}.jsonl").write_text("".join(kept), encoding="utf-8")
    said = calibrated(folder, "all", some)
    named = [line.partition(":")[0] for line in said if not line.startswith(" ")]
    assert named == sorted(TASKS) == list(load_calibrations(folder))


def test_rows_of_training_and_of_other_tasks_are_not_used(folder: Path, tmp_path: Path) -> None:
    for more in ({"split": "train"}, {"split": "test"}, {"task": "suicide_level"}, {"text": "  "}):
        data = write_rows(tmp_path / "rows.jsonl", "suicide_risk", risk_of, more=more)
        with pytest.raises(UserError, match="holds 0 rows"):
            calibrated(folder, "suicide_risk", data)
    few = write_rows(tmp_path / "rows.jsonl", "suicide_risk", risk_of, count=19)
    with pytest.raises(UserError, match="holds 19 rows to calibrate on; at least 20"):
        calibrated(folder, "suicide_risk", few)


def test_labels_of_another_task_are_refused_and_not_learned_from(folder: Path, tmp_path: Path) -> None:
    data = write_rows(tmp_path / "rows.jsonl", "suicide_risk", lambda k: [str(k % 11)])
    with pytest.raises(UserError, match="'0' is not a label of suicide_risk; it has 高自杀风险"):
        calibrated(folder, "suicide_risk", data)
    assert not (folder / "calibration.json").exists()


def test_a_task_the_model_was_not_taught_is_refused(folder: Path, tmp_path: Path) -> None:
    data = write_rows(tmp_path / "rows.jsonl", "therapy_request", lambda k: ["declarative"])
    with pytest.raises(UserError, match="was not taught 'therapy_request'"):
        calibrated(folder, "therapy_request", data)


def test_only_a_folder_can_be_calibrated(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="is not a folder"):
        calibrated(Path("some-group/some-model"), "suicide_risk", tmp_path / "rows.jsonl")


def test_the_defaults_change_nothing() -> None:
    scores = torch.randn(3, 6, generator=generator())
    torch.testing.assert_close(label_probabilities(scores, CATEGORY, Calibration()), scores.sigmoid())
    assert Calibration().threshold("自杀与自伤") == 0.5
    assert math.isclose(Calibration().temperature, 1.0)
