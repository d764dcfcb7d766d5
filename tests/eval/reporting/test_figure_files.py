"""Figures for a paper: every kind is written, the same twice, and what is undefined or absent breaks nothing."""

import json
from pathlib import Path
from typing import Any

import pytest

from eval.reporting.drawn import curves_of
from eval.reporting.explanation_rows import explanations_of
from eval.reporting.figure_files import write_figures
from eval.reporting.figure_style import COLOURS, Words, colour_of, dashes_of, marker_of
from eval.reporting.plot_confusion import plot_confusion
from eval.reporting.plot_curves import plot_curve
from eval.reporting.plot_explanations import plot_explanations
from eval.reporting.plot_scores import plot_labels, plot_scores
from eval.reporting.runs import Answers, Run, read_runs
from eval.reporting.sections import Section, section
from eval.score import score_folder
from mentalglm.errors import UserError
from mentalglm.plot_fonts import chinese_font
from mentalglm.tasks import load_task
from tests.eval.conftest import sample, write_run
from tests.eval.reporting.test_parts import score, with_explanations
from tests.eval.reporting.test_report import HIGH, LOW, RUN
from tests.needs import need_chinese_font

RISK = load_task("suicide_risk")


def sections_of(*folders: Path) -> list[Section]:
    runs = read_runs(list(folders))
    return [
        section(load_task(name), [run[name] for run in runs if name in run], None, False)
        for name in dict.fromkeys(name for run in runs for name in run)
    ]


def with_chances(answers: list[dict[str, Any]]) -> list[dict[str, Any]]:
    sure = [0.9 - 0.05 * i for i in range(len(answers))]
    return [
        {**line, "probabilities": {HIGH: p, LOW: 1 - p}, "candidates": [HIGH, LOW]}
        for line, p in zip(answers, sure, strict=True)
    ]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    values = {"chrf": 0.31, "advice": None, "explanation_length": 38.2}
    return with_explanations(
        write_run(tmp_path_factory.mktemp("run") / "a", "suicide_risk", with_chances(RUN), "$a_b$ \\x"),
        explanations={name: score(value) for name, value in values.items()},
        template={"chrf": score(0.27)},
    )


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_every_kind_is_written_and_the_same_twice(folder: Path, tmp_path: Path, lang: str) -> None:
    made = write_figures(sections_of(folder), tmp_path / "1", lang)
    kinds = ["scores", "per_class", "confusion", "reliability", "risk_coverage", "reading", "explanations"]
    assert [path.name for path in made] == [f"suicide_risk-{kind}" for kind in kinds]
    write_figures(sections_of(folder), tmp_path / "2", lang)
    for path in (tmp_path / "1").iterdir():
        content = path.read_bytes()
        assert content == (tmp_path / "2" / path.name).read_bytes(), path.name
        assert content.startswith(b"%PDF" if path.suffix == ".pdf" else b"\x89PNG")
        assert b"CreationDate" not in content and b"Matplotlib" not in content
        assert b"/Subtype /Image" not in content  # vectors alone
    assert len(list((tmp_path / "1").iterdir())) == 2 * len(kinds)


def test_what_is_drawn_is_what_is_stored(folder: Path) -> None:
    run = read_runs([folder])[0]["suicide_risk"]
    words = Words("en", chinese_font())
    f1 = run.scores["metrics"]["f1"]
    drawn = [tuple(line.get_xdata()) for line in plot_scores(RISK, [run], words).axes[0].lines]
    assert (f1["value"],) in drawn and (f1["low"], f1["high"]) in drawn
    lengths = [bar.get_width() for bar in plot_labels(RISK, [run], words).axes[0].patches]
    assert lengths == [entry["f1"]["value"] for entry in run.scores["per_class"]]
    numbers = [text.get_text() for text in plot_confusion(RISK, [run], words).axes[0].texts]
    assert numbers == [str(n) for row in run.scores["confusion"] for n in row if n]
    for curve in curves_of([run]):
        points = run.scores["curves"][curve.key]
        lines = [list(line.get_xydata().tolist()) for line in plot_curve(RISK, curve, words).axes[0].lines]
        assert [[p[0], p[1]] for p in points] in lines


def test_what_is_no_share_has_its_own_axis(folder: Path) -> None:
    runs = [read_runs([folder])[0]["suicide_risk"]]
    found = explanations_of(runs)
    assert found
    shares, length = plot_explanations(RISK, found, Words("en", None)).axes
    assert tuple(shares.get_xlim()) == (0, 1) and length.get_xlim()[0] == 0 and length.get_xlim()[1] > 38.25
    assert [label.get_text() for label in length.get_yticklabels()] == ["Length of explanations (characters)"]
    assert any(text.get_text() == "–" for text in shares.texts)  # measured, but undefined
    hollow = [line for line in shares.lines if line.get_markerfacecolor() == "white"]
    assert [line.get_xdata()[0] for line in hollow] == [0.27]


@pytest.mark.filterwarnings("error:Glyph")
def test_no_glyph_is_missing(tmp_path: Path) -> None:
    need_chinese_font()
    names = load_task("cognitive_pathway").label_names
    run = write_run(tmp_path / "a", "cognitive_pathway", [sample([name], [names[0]]) for name in names], "模型")
    write_figures(sections_of(run), tmp_path / "f", "zh")


@pytest.mark.filterwarnings("error:Glyph")
def test_without_a_chinese_font_all_is_english_and_said_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("eval.reporting.figure_style.chinese_font", lambda text: None)
    answers = [sample(["安全"], ["安全"]), sample(["临界"], [], parsed=False)] * 3
    run = write_run(tmp_path / "a", "emotional_safety", answers, "模型")
    made = write_figures(sections_of(run), tmp_path / "f", "zh")
    assert len(made) >= 3
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and "figures are in English" in said
    words = Words("zh", None)
    task = load_task("emotional_safety")
    assert words.label(task, "安全") == "No words of risk found" and words.say(task.title) == "Emotional safety"
    assert words.label(load_task("cognitive_pathway"), "驳斥##有效驳斥") == "Rebuttal: effective"
    assert words.run(read_runs([run])[0]["emotional_safety"]) == "run 1"


def test_long_labels_are_numbered() -> None:
    task = load_task("emotional_safety")
    run = Run("m", 0, Path(), task.name, {}, {"confusion": [[3, 1, 0, 0], [0, 2, 0, 0], [0, 0, 1, 1]]}, Answers(Path()))
    (axes,) = plot_confusion(task, [run], Words("en", None)).axes
    assert [label.get_text() for label in axes.get_xticklabels()] == ["1", "2", "3", "no answer"]
    assert [label.get_text()[-3:] for label in axes.get_yticklabels()] == ["  1", "  2", "  3"]


def test_english_labels_need_no_chinese_font(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("eval.reporting.figure_style.chinese_font", lambda text: None)
    names = load_task("stress").label_names
    run = write_run(tmp_path / "a", "stress", [sample([name], [name]) for name in names])
    write_figures(sections_of(run), tmp_path / "f", "en")
    assert capsys.readouterr().err == ""


def test_runs_without_probabilities_have_no_curves(tmp_path: Path) -> None:
    made = write_figures(sections_of(write_run(tmp_path / "a", "suicide_risk", RUN)), tmp_path / "f", "en")
    assert {path.name.split("-")[1] for path in made} == {"scores", "per_class", "confusion"}


@pytest.mark.parametrize(
    "answers",
    [[sample([LOW], [LOW])], [sample([HIGH], [], parsed=False)] * 2, with_chances([sample([LOW], [LOW])])],
    ids=["one label", "no answer", "one row with chances"],
)
def test_what_is_hardly_a_run_is_drawn_too(tmp_path: Path, answers: list[dict[str, Any]]) -> None:
    run = write_run(tmp_path / "a", "suicide_risk", answers)
    assert len(write_figures(sections_of(run), tmp_path / "f", "en")) >= 3


def test_scores_that_are_none_throughout(tmp_path: Path) -> None:
    run = write_run(tmp_path / "a", "suicide_risk", RUN)
    nothing = {"value": None, "low": None, "high": None, "bca": [None, None]}
    scores = score_folder(run)
    scores["metrics"] = dict.fromkeys(scores["metrics"], nothing)
    scores["per_class"] = [{**entry, "f1": nothing} for entry in scores["per_class"]]
    scores |= {
        "explanations": {"advice": nothing},
        "curves": {"risk_coverage": [[0.5, 0.2], [1.0, None]], "reading": [[0.5, None]]},
    }
    (run / "scores.json").write_text(json.dumps(scores), encoding="utf-8")
    assert len(write_figures(sections_of(run), tmp_path / "f", "en")) == 5


def test_nine_runs_are_told_apart(tmp_path: Path) -> None:
    folders = [write_run(tmp_path / f"run-{i}", "suicide_risk", RUN) for i in range(9)]
    (section,) = sections_of(*folders)
    looks = {(colour_of(run), marker_of(run), dashes_of(run)) for run in section.runs}
    assert len(looks) == 9 and len({colour_of(run) for run in section.runs}) == len(COLOURS)
    matrices = plot_confusion(RISK, section.runs, Words("en", chinese_font()))
    assert len([axes for axes in matrices.axes if axes.axison]) == 9
    assert matrices.get_figwidth() <= 6.9


def test_a_folder_that_cannot_be_written(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="name another folder with --tables"):
        write_figures(sections_of(folder), tmp_path / "file" / "f", "en")
