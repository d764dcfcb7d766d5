"""Scoring: from stored answers alone, by hand-checked numbers."""

import io
import json
import subprocess
import sys
from pathlib import Path

import pytest
from rich.console import Console

from eval.score import format_interval, score_folder, scores_of, task_scores
from eval.score_table import print_scores
from mentalglm.errors import UserError
from mentalglm.tasks import load_task
from tests.eval.conftest import sample, write_run

HIGH, LOW = "高自杀风险", "低自杀风险"


def value(scores: dict, name: str) -> float | None:
    return scores["metrics"][name]["value"]


def test_a_single_label_task_by_hand(tmp_path: Path) -> None:
    answers = [(HIGH, HIGH, 0.9), (HIGH, LOW, 0.4), (LOW, LOW, 0.1), (LOW, LOW, 0.2), (LOW, HIGH, 0.6)]
    run = [sample([g], [p], probabilities={HIGH: c, LOW: 1 - c}) for g, p, c in answers]
    scores = score_folder(write_run(tmp_path / "run", "suicide_risk", run))
    assert value(scores, "accuracy") == 0.6
    assert value(scores, "f1") == value(scores, "precision") == value(scores, "recall") == 0.5
    assert value(scores, "specificity") == pytest.approx(2 / 3, abs=1e-6)
    assert value(scores, "auroc") == pytest.approx(5 / 6, abs=1e-6)
    assert scores["confusion"] == [[1, 1, 0], [1, 2, 0]]
    assert [(c["label"], c["n"], c["predicted"]) for c in scores["per_class"]] == [(HIGH, 2, 2), (LOW, 3, 3)]
    assert scores["parse_rate"]["value"] == 1.0 and scores["n"] == 5 and scores["answered_only"] is None
    for score in scores["metrics"].values():
        assert score["low"] <= score["value"] <= score["high"]


def test_a_parse_failure_is_wrong_for_every_class(tmp_path: Path) -> None:
    good = [sample([HIGH], [HIGH]), sample([LOW], [LOW])] * 5
    unread = {"parsed": False, "crisis": None}
    for gold in (HIGH, LOW):
        # The labels of an unreadable answer say nothing, not even when they happen to be right.
        scores = score_folder(write_run(tmp_path / gold, "suicide_risk", [*good, sample([gold], [gold], **unread)]))
        assert scores["parse_rate"]["value"] == pytest.approx(10 / 11, abs=1e-6)
        for entry in scores["per_class"]:
            assert entry["f1"]["value"] == pytest.approx(10 / 11, abs=1e-6)
            assert entry["predicted"] == 5
        assert value(scores, "accuracy") == pytest.approx(10 / 11, abs=1e-6)
        assert value(scores, "recall" if gold == HIGH else "specificity") == pytest.approx(5 / 6, abs=1e-6)
        assert [row[-1] for row in scores["confusion"]] == [int(gold == HIGH), int(gold == LOW)]
        assert scores["answered_only"]["accuracy"] == 1.0


def test_an_abstention_is_no_negative_either(tmp_path: Path) -> None:
    abstained = sample([LOW], [], abstained=True, candidates=[HIGH, LOW])
    scores = score_folder(write_run(tmp_path / "run", "suicide_risk", [sample([LOW], [LOW]), abstained]))
    assert value(scores, "specificity") == 0.5 and scores["abstained"] == 1 and scores["parse_rate"]["value"] == 1.0


def test_levels_by_hand(tmp_path: Path) -> None:
    pairs = [("0", "0"), ("10", "8"), ("6", "5"), ("3", "3"), ("4", "7")]
    scores = score_folder(write_run(tmp_path / "run", "suicide_level", [sample([g], [p]) for g, p in pairs]))
    assert value(scores, "mae") == pytest.approx(6 / 5)
    assert value(scores, "accuracy") == 0.4
    assert value(scores, "f1") == 0.5  # level 6 and up
    assert "auroc" not in scores["metrics"]  # no probabilities were given


def test_label_sets_by_hand(tmp_path: Path) -> None:
    a, b, c = load_task("cognitive_distortion").label_names[:3]
    run = [sample([a, b], [a]), sample([], []), sample([c], [b, c]), sample([], [], parsed=False)]
    scores = score_folder(write_run(tmp_path / "run", "cognitive_distortion", run))
    assert value(scores, "micro_f1") == pytest.approx(4 / (4 + 1 + 1 + 12), abs=1e-6)
    assert value(scores, "sample_f1") == pytest.approx((2 / 3 + 1 + 2 / 3 + 0) / 4, abs=1e-6)
    assert value(scores, "exact_match") == 0.25
    assert scores["confusion"] is None


def test_spans_are_scored_as_labels_parents_and_characters(tmp_path: Path) -> None:
    names = load_task("cognitive_pathway").label_names
    first, second = [name for name in names if name.startswith("认知歪曲##")][:2]
    run = [
        sample(
            [first],
            [second],
            gold_evidence=[{"start": 0, "end": 4, "label": first}, {"start": 2, "end": 6, "label": first}],
            evidence=[{"start": 3, "end": 5, "label": second}],
        )
    ]
    scores = score_folder(write_run(tmp_path / "run", "cognitive_pathway", run))
    assert value(scores, "micro_f1") == 0.0 and value(scores, "parent_micro_f1") == 1.0
    assert value(scores, "evidence_precision") == 1.0
    assert value(scores, "evidence_recall") == pytest.approx(2 / 6, abs=1e-6)  # overlapping gold counts once
    assert value(scores, "labelled_evidence_f1") == 0.0
    assert scores["metrics"]["micro_f1"]["low"] is None  # one group has no spread


def test_evidence_that_was_never_annotated_is_not_scored(tmp_path: Path) -> None:
    run = [sample([LOW], [LOW], gold_evidence=[], evidence=[{"start": 0, "end": 3, "label": None}])] * 2
    scores = score_folder(write_run(tmp_path / "run", "suicide_risk", run))
    assert not any(name.startswith("evidence") for name in scores["metrics"])


def test_intervals_are_clustered_by_group(tmp_path: Path) -> None:
    right, wrong = sample([LOW], [LOW]), sample([LOW], [HIGH])
    pairs = [{**(right if i % 4 < 2 else wrong), "group": f"g{i // 2}"} for i in range(80)]
    alone = [{**item, "group": f"g{i}"} for i, item in enumerate(pairs)]
    widths = []
    for name, run in (("pairs", pairs), ("alone", alone)):
        score = score_folder(write_run(tmp_path / name, "suicide_risk", run))["metrics"]["accuracy"]
        widths.append(score["high"] - score["low"])
    assert widths[0] > 1.2 * widths[1]


def test_scoring_needs_no_model_and_repeats_itself(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "run", "suicide_risk", [sample([HIGH], [LOW]), sample([LOW], [LOW])])
    program = (
        "import sys; from pathlib import Path; from eval.score import score_folder; score_folder(Path(sys.argv[1]));"
        "assert not {'torch', 'transformers', 'sklearn', 'mentalglm.analyzer'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program, str(folder)], check=True, cwd=Path(__file__).parents[2])
    first = (folder / "scores.json").read_bytes()
    score_folder(folder)
    assert (folder / "scores.json").read_bytes() == first


def test_stale_scores_are_computed_again(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "run", "suicide_risk", [sample([HIGH], [LOW])])
    assert scores_of(folder)["n"] == 1
    line = json.dumps({"id": "new", "row": 1, "group": "new", **sample([LOW], [LOW])}) + "\n"
    with (folder / "samples.jsonl").open("a", encoding="utf-8") as file:
        file.write(line)
    assert scores_of(folder)["n"] == 2


def write_suite(folder: Path, metrics: list[str]) -> Path:
    """A run of two tasks: each sample says which, and one sample of the second task is not there yet."""
    write_run(folder, "suicide_risk", [])
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    facts = {key: manifest.pop(key) for key in ("task_version", "style", "prompt_hash", "data", "options")}
    del manifest["task"]
    facts["data"]["rows"] = 2
    tasks = {name: {**facts, "metrics": metrics} for name in ("suicide_risk", "cognitive_distortion")}
    (folder / "manifest.json").write_text(json.dumps({**manifest, "tasks": tasks}), encoding="utf-8")
    label = load_task("cognitive_distortion").label_names[0]
    lines = [
        {"task": "cognitive_distortion", **sample([label], [label])},
        {"task": "suicide_risk", **sample([HIGH], [HIGH])},
        {"task": "suicide_risk", **sample([LOW], [HIGH])},
    ]
    with (folder / "samples.jsonl").open("w", encoding="utf-8") as file:
        for i, line in enumerate(lines):
            file.write(json.dumps({"id": f"r{i}", "row": i, "group": f"r{i}", **line}, ensure_ascii=False) + "\n")
    return folder


def test_a_suite_has_scores_by_task(tmp_path: Path) -> None:
    scores = score_folder(write_suite(tmp_path / "run", ["evidence_f1", "macro_f1"]))
    assert list(scores) == ["tasks", "explanation_models", "samples_sha256"] and scores_of(tmp_path / "run") == scores
    risk, distortion = task_scores(scores).values()
    assert (risk["n"], risk["n_expected"], distortion["n"], distortion["n_expected"]) == (2, 2, 1, 2)
    assert value(risk, "accuracy") == 0.5 and value(distortion, "micro_f1") == 1.0
    # The suite's first measure asks for evidence, which was not annotated here: the next one stands for the task.
    assert risk["headline"] == distortion["headline"] == "macro_f1"
    console = Console(width=120, record=True, file=io.StringIO())
    print_scores(console, scores)
    printed = console.export_text()
    assert printed.index("m · 自杀风险 · Suicide risk") < printed.index("m · 认知歪曲 · Cognitive distortions")
    assert printed.count("未完成 unfinished (2)") == 1
    (tmp_path / "one").mkdir()
    one = score_folder(write_run(tmp_path / "one" / "run", "suicide_risk", [sample([HIGH], [HIGH])]))
    assert task_scores(one) == {"suicide_risk": one} and one["headline"] == "f1"


def test_what_screening_and_reading_bring(tmp_path: Path) -> None:
    answers = [(HIGH, HIGH, 0.9), (HIGH, LOW, 0.4), (LOW, LOW, 0.1), (LOW, LOW, 0.2), (LOW, HIGH, 0.6)]
    run = [sample([g], [p], probabilities={HIGH: c, LOW: 1 - c}) for g, p, c in answers]
    scores = score_folder(write_run(tmp_path / "run", "suicide_risk", run))
    at = next(each for each in scores["screening"] if each["prevalence"] == 0.02)
    # Sensitivity 1/2, specificity 2/3: of 20 positives 10 are found, of 980 others a third raises an alarm.
    assert at["alarms"]["value"] == pytest.approx(10 + 980 / 3, abs=1e-4) and at["misses"]["value"] == 10
    assert at["ppv"]["value"] == pytest.approx(10 / (10 + 980 / 3), abs=1e-6)
    assert at["ppv"]["low"] <= at["ppv"]["value"] <= at["ppv"]["high"]
    assert [(each["share"], each["recall"]["value"]) for each in scores["reading"]] == [
        (0.05, 0.125), (0.1, 0.25), (0.2, 0.5), (0.5, 0.75),
    ]  # fmt: skip
    curves = scores["curves"]
    assert curves["risk_coverage"][0] == [0.4, 0.0] and curves["risk_coverage"][-1] == [1.0, 0.4]
    assert sum(rows for _, _, rows in curves["reliability"]) == 5
    assert curves["reading"][0] == [0.0, 0.0] and curves["reading"][-1] == [1.0, 1.0]


def test_the_tables_speak_both_languages(tmp_path: Path) -> None:
    console = Console(width=120, record=True, file=io.StringIO())
    answers = [sample([HIGH], [HIGH]), sample([LOW], [LOW], parsed=False)]
    print_scores(console, score_folder(write_run(tmp_path / "run", "suicide_risk", answers)))
    text = console.export_text()
    for words in ("可解析率 · Parse rate", "0.500", "每千条帖子 · Per 1,000 posts", "阳性预测值", "PPV", "0.5 %"):
        assert words in text


def test_folders_that_cannot_be_scored(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="not a run's folder"):
        score_folder(tmp_path)
    with pytest.raises(UserError, match="no finished sample"):
        score_folder(write_run(tmp_path / "empty", "suicide_risk", []))
    damaged = write_run(tmp_path / "damaged", "suicide_risk", [sample([HIGH], [LOW])])
    (damaged / "samples.jsonl").write_text('{"torn\n{"id": 1}\n')
    with pytest.raises(UserError, match="line 1: damaged"):
        score_folder(damaged)


def test_an_undefined_score_is_a_dash() -> None:
    assert format_interval({"value": None, "low": None, "high": None}) == "–"
    assert format_interval({"value": 0.5, "low": 0.25, "high": 0.75}) == "0.500 [0.250, 0.750]"
