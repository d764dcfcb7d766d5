"""A review from records to report: the sample, the workbook as experts get it, what they send back, the statistics."""

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from openpyxl import load_workbook

from instructions.explain.examples import OPEN_CORPUS
from instructions.records import Record, Span
from instructions.review.export import GUIDE, NUMBER, RATINGS, export_review, key_path
from instructions.review.ratings import read_ratings
from instructions.review.report import report
from instructions.review.sample import draw
from instructions.review.statistics import statistics
from mentalglm.agreement import cohen_kappa, icc, krippendorff_alpha
from mentalglm.errors import UserError
from mentalglm.rating.aspects import ASPECTS
from tests.endpoints import ROOT
from tests.instructions.explain.records import read, record, write

WORDS = "文字里说到「没有睡好」，是一般的疲惫，没有求死的念头。"


def explained(task: str, count: int) -> list[Record]:
    lines = read(OPEN_CORPUS / f"{task}.jsonl")[:count]
    return [Record.model_validate(line | {"explanation_by": "llm"}) for line in lines]


def exported(folder: Path, count: int = 20) -> Path:
    rows = [*explained("suicide_risk", 60), *explained("cognitive_distortion", 60)]
    export_review(write(folder / "out.jsonl", rows), folder / "review.xlsx", count, 0, "llm")
    return folder / "review.xlsx"


def rate(book: Path, name: str, scores: Any) -> Path:
    """A copy of the workbook as an expert sends it back; ``scores(row, aspect)`` gives the cell."""
    workbook = load_workbook(book)
    sheet = workbook[RATINGS]
    heads = {cell.value: cell.column for cell in sheet[1]}
    for row in range(2, sheet.max_row + 1):
        number = int(sheet.cell(row, heads[NUMBER]).value)
        for place, aspect in enumerate(ASPECTS):
            sheet.cell(row, heads[aspect.column]).value = scores(number, place)
    path = book.with_name(f"{name}.xlsx")
    workbook.save(path)
    return path


def test_the_sample_is_stratified_and_decided_by_the_seed() -> None:
    rows = [*explained("suicide_risk", 400), *explained("emotional_safety", 100)]
    drawn = draw(rows, 50, seed=1)
    assert drawn == draw(list(reversed(rows)), 50, seed=1) != draw(rows, 50, seed=2)
    tasks = Counter(one.task for one in drawn)
    assert len({one.id for one in drawn}) == 50 and abs(tasks["suicide_risk"] - 40) <= 2
    high = sum(one.labels == ["高自杀风险"] for one in rows[:400]) / 400
    assert abs(sum(one.labels == ["高自杀风险"] for one in drawn) / tasks["suicide_risk"] - high) < 0.05
    assert [one.task for one in drawn] != sorted(one.task for one in drawn)
    assert len(draw(rows, 1000, seed=1)) == 500 and len(draw(rows, 2, seed=1)) == 2
    assert {tuple(one.labels) for one in draw(rows, 5, seed=1)} == {tuple(one.labels) for one in rows}


def test_the_workbook_shows_what_is_rated_and_nothing_else(tmp_path: Path) -> None:
    path = exported(tmp_path)
    book = load_workbook(path)
    sheet = book[RATINGS]
    assert book.sheetnames == [GUIDE, RATINGS] and sheet.max_row == 21 and sheet.freeze_panes == "B2"
    (rule,) = sheet.data_validations.dataValidation
    assert rule.formula1 == '"0,1,2,3"' and str(rule.sqref) == "G2:G21 H2:H21 I2:I21 J2:J21"
    key = json.loads(key_path(path).read_text(encoding="utf-8"))
    cells = [str(cell.value) for page in book for line in page.iter_rows() for cell in line if cell.value is not None]
    assert not any(row["id"] in cell for row in key["rows"] for cell in cells)  # blinded
    assert not any("open-corpus" in cell or "llm" in cell for cell in cells)
    assert key["review"] in cells
    records = {one["id"]: one for one in read(tmp_path / "out.jsonl")}
    for row in key["rows"]:
        assert sheet.cell(row["no"] + 1, 6).value == records[row["id"]]["explanation"]


def test_cells_are_text_and_personal_data_is_masked(tmp_path: Path) -> None:
    text = "=HYPERLINK(1)没有睡好\x07，电话13800138000"
    one = record(text, explanation=WORDS, explanation_by="llm", evidence=[Span(start=13, end=17, label=None)])
    export_review(write(tmp_path / "out.jsonl", [one]), tmp_path / "review.xlsx", 5, 0, "llm")
    sheet = load_workbook(tmp_path / "review.xlsx")[RATINGS]
    shown = sheet["C2"]
    assert shown.data_type == "s" and shown.value == "=HYPERLINK(1)没有睡好 ，电话〔电话〕"
    assert sheet["E2"].value == "「没有睡好」" and sheet["F2"].value == WORDS


def test_what_experts_say_comes_back(tmp_path: Path) -> None:
    path = exported(tmp_path)
    generator = np.random.default_rng(0)
    truth = generator.integers(0, 4, size=(20, 4))
    noisy = np.clip(truth + generator.integers(-1, 2, size=(20, 4)), 0, 3)
    one = rate(path, "review_a", lambda number, aspect: int(truth[number - 1, aspect]))
    other = rate(path, "review_b", lambda number, aspect: f" {noisy[number - 1, aspect]}.0 ")
    ratings = read_ratings([one, other], key_path(path))
    assert ratings.experts == ["review_a", "review_b"] and not ratings.faults
    for place, aspect in enumerate(ASPECTS):
        assert (ratings.scores[aspect.name] == np.stack([truth[:, place], noisy[:, place]], axis=1)).all()
    found = statistics(ratings)
    overall = found["aspects"]["overall"]
    scores = ratings.scores["overall"]
    assert overall["mean"]["value"] == pytest.approx(scores.mean(), abs=1e-4) and overall["mean"]["n"] == 20
    assert overall["mean"]["low"] < overall["mean"]["value"] < overall["mean"]["high"]
    agreement = overall["agreement"]
    pair = agreement["pairs"]["review_a / review_b"]
    columns = [[int(score) for score in column] for column in scores.T]
    expected = {
        "cohen_kappa": cohen_kappa(*columns),
        "cohen_kappa_quadratic": cohen_kappa(*columns, "quadratic", order=[0, 1, 2, 3]),
    }
    assert {name: pair[name]["value"] for name in pair} == {n: round(e.value, 4) for n, e in expected.items()}
    assert agreement["krippendorff_alpha_ordinal"]["value"] == round(krippendorff_alpha(scores, "ordinal").value, 4)
    assert agreement["icc_single"]["value"] == round(icc(scores, "A,1").value, 4)
    assert set(overall["by_task"]) == {"suicide_risk", "cognitive_distortion"}
    page = report(found)
    assert page.count("| 总体 overall |") == 3 and "Fleiss" in page and "nan" not in page


def test_a_sorted_sheet_and_blank_cells_are_fine_and_faults_are_named(tmp_path: Path) -> None:
    path = exported(tmp_path)
    sent = rate(path, "review_a", lambda number, aspect: {1: None, 2: "4", 3: "好", 4: 2.5}.get(number, 3))
    book = load_workbook(sent)
    sheet = book[RATINGS]
    lines = [[cell.value for cell in line] for line in sheet.iter_rows(min_row=2)]
    for number, line in enumerate(reversed(lines), 2):
        for column, value in enumerate(line, 1):
            sheet.cell(number, column).value = value
    sheet.cell(2, 1).value = 19  # 20 is gone, 19 stands twice
    sheet.cell(4, 11).value = "标签有疑问"
    book.save(sent)
    ratings = read_ratings([sent], key_path(path))
    overall = ratings.scores["overall"][:, 0]
    assert [place + 1 for place in np.flatnonzero(np.isnan(overall))] == [1, 2, 3, 4, 20] and overall[18] == 3
    assert ratings.comments == [(18, "review_a")]
    assert sum("is none of 0, 1, 2, 3" in fault for fault in ratings.faults) == 12
    assert sum("stands twice" in fault for fault in ratings.faults) == 1
    assert ratings.faults[-1] == "review_a.xlsx: 1 rows are missing"
    found = statistics(ratings)
    assert found["aspects"]["overall"]["mean"]["n"] == 15 and found["aspects"]["overall"]["agreement"] == {}
    assert "好" not in "".join(ratings.faults) and "Agreement" not in report(found).replace("Agreement says", "")


def test_experts_who_all_say_the_same_agree_by_no_more_than_chance_can_tell(tmp_path: Path) -> None:
    path = exported(tmp_path, 6)
    files = [rate(path, name, lambda *_: 3) for name in ("a", "b", "c")]
    found = statistics(read_ratings(files, key_path(path)))
    agreement = found["aspects"]["overall"]["agreement"]
    assert agreement["fleiss_kappa"]["value"] is None and len(agreement["pairs"]) == 3
    assert "–（n=6）" in report(found)


def test_another_review_or_file_is_refused(tmp_path: Path) -> None:
    path = exported(tmp_path)
    (tmp_path / "other").mkdir()
    other = exported(tmp_path / "other", 10)
    with pytest.raises(UserError, match="of review"):
        read_ratings([other], key_path(path))
    with pytest.raises(UserError, match="not the key"):
        read_ratings([path], write(tmp_path / "x.json", [record()]))
    with pytest.raises(UserError, match="same name"):
        read_ratings([path, tmp_path / "other" / "review.xlsx"], key_path(path))
    (tmp_path / "no.xlsx").write_bytes(b"PK")
    with pytest.raises(UserError):
        read_ratings([tmp_path / "no.xlsx"], key_path(path))


def test_the_commands(tmp_path: Path) -> None:
    code = "from mentalglm.errors import exit_on_user_error; from instructions.review.cli import review_app\n"
    code += "with exit_on_user_error(): review_app()"

    def said(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-c", code, *map(str, arguments)]
        return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, encoding="utf-8", check=False)

    records = write(tmp_path / "out.jsonl", explained("suicide_risk", 30))
    done = said("export", records, "--n", "8", "--out", tmp_path / "review.xlsx")
    assert done.returncode == 0 and "8 explanations" in done.stderr
    files = [rate(tmp_path / "review.xlsx", name, lambda number, aspect: number % 4) for name in ("a", "b")]
    done = said("read", *files)
    assert done.returncode == 0, done.stderr
    found = json.loads((tmp_path / "review.json").read_text(encoding="utf-8"))
    assert found["experts"] == ["a", "b"] and found["aspects"]["overall"]["agreement"]["icc_single"]["value"] == 1.0
    assert (tmp_path / "review.md").read_text(encoding="utf-8").startswith("# 专家评审")
    for arguments, told in [
        (
            ("export", records, "--by", "human", "--out", tmp_path / "r.xlsx"),
            "no record with an explanation by 'human'",
        ),
        (("export", records, "--by", "me"), "is not known"),
        (("export", records, "--out", "r.csv"), "must end in .xlsx"),
        (("read", *files, "--key", tmp_path / "no.json"), "name the key with --key"),
    ]:
        done = said(*arguments)
        assert done.returncode == 2 and told in done.stderr and len(done.stderr.splitlines()) == 1
