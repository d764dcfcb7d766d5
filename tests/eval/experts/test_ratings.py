"""What raters send back becomes means, agreement and comparisons; a mistake costs its cell and is named."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from openpyxl import load_workbook

from eval.experts.ratings import read_ratings
from eval.experts.workbook import GUIDE, RATER, RATINGS
from mentalglm.agreement import cohen_kappa, fleiss_kappa, icc, krippendorff_alpha
from mentalglm.rating.aspects import ASPECTS
from tests.eval.commands import evaluate, refusal
from tests.eval.experts.books import explained_run, filled, key_of

NAMES = [aspect.name for aspect in ASPECTS]


def drawn(folder: Path, *more: object) -> tuple[Path, dict[str, Any]]:
    runs = [explained_run(folder / f"run-{model}", model) for model in "ab"]
    evaluate("sheet", *runs, "--out", folder / "ratings.xlsx", "--n", 10, *more)
    return folder / "ratings.key.json", key_of(folder / "ratings.key.json")


def results(folder: Path) -> dict[str, Any]:
    return key_of(folder / "ratings.json")


def test_a_round_trip(tmp_path: Path) -> None:
    key_file, key = drawn(tmp_path, "--gold")
    source = {row["no"]: row["source"] for row in key["rows"]}
    level = {"a": 1, "b": 2, "gold": 3}
    one = filled(tmp_path / "ratings-1.xlsx", "一号", lambda number, _: level[source[number]])
    other = filled(
        tmp_path / "ratings-2.xlsx", "b2", lambda number, place: max(level[source[number]] - (place == 3), 0)
    )
    done = evaluate("ratings", one, other, "--key", key_file)
    assert done.exit_code == 0 and "一号" in done.stdout
    found = results(tmp_path)
    assert found["raters"]["b2"] == {"filled": 120, "cells": 120, "comments": 0} and found["rows"] == 30
    sources = found["aspects"]["overall"]["sources"]
    assert [sources[name]["value"] for name in ("a", "b", "gold")] == [0.5, 1.5, 2.5]
    assert sources["a"]["by_rater"]["b2"]["value"] == 0 and sources["a"]["share_of_0"] == 0.5
    assert sources["a"]["by_task"]["suicide_risk"]["n"] == 10
    pairs = found["aspects"]["reliability"]["comparisons"]
    assert [(each["first"], each["second"]) for each in pairs] == [("a", "b"), ("a", "gold"), ("b", "gold")]
    assert pairs[1]["difference"]["value"] == 2 and pairs[1]["wilcoxon"]["effect"] == 1
    assert found["tests"]["wilcoxon"] == 12
    p, holm = pairs[1]["wilcoxon"]["p"], pairs[1]["wilcoxon"]["p_holm"]
    assert p == pytest.approx(2 / 2**10, abs=1e-6) and holm == pytest.approx(
        12 * p
    )  # every sign the same; twelve equal tests


def test_agreement_is_that_of_the_library(tmp_path: Path) -> None:
    key_file, key = drawn(tmp_path)
    truth = np.random.default_rng(0).integers(0, 4, size=(20, 4))
    noisy = np.clip(truth + np.random.default_rng(1).integers(-1, 2, size=(20, 4)), 0, 3)
    one = filled(tmp_path / "ratings-1.xlsx", "x", lambda number, place: int(truth[number - 1, place]))
    other = filled(tmp_path / "ratings-2.xlsx", "y", lambda number, place: int(noisy[number - 1, place]))
    ratings = read_ratings([one, other], key)
    evaluate("ratings", one, other, "--key", key_file, "--out", tmp_path / "out.json")
    found = key_of(tmp_path / "out.json")
    groups = [row["group"] for row in key["rows"]]
    for place, name in enumerate(NAMES):
        scores = np.stack([truth[:, place], noisy[:, place]], axis=1).astype(float)
        assert (ratings.scores[name] == scores).all()
        said = found["aspects"][name]["agreement"]
        counts = np.stack([(scores == score).sum(axis=1) for score in range(4)], axis=1)
        expected = {
            "krippendorff_alpha_ordinal": krippendorff_alpha(scores, "ordinal", groups=groups),
            "fleiss_kappa": fleiss_kappa(counts, groups=groups),
            "icc_single": icc(scores, "A,1", groups=groups),
            "icc_mean_of_experts": icc(scores, "A,k", groups=groups),
        }
        for measure, estimate in expected.items():
            ends = [said[measure][end] for end in ("value", "low", "high")]
            assert ends == pytest.approx([estimate.value, estimate.low, estimate.high], abs=6e-5)
        kappa = cohen_kappa(*scores.astype(int).T.tolist(), "quadratic", order=[0, 1, 2, 3])
        assert said["pairs"]["x / y"]["cohen_kappa_quadratic"]["value"] == pytest.approx(kappa.value, abs=6e-5)


def test_what_people_and_programs_write_is_understood_and_mistakes_are_named(tmp_path: Path) -> None:
    key_file, _ = drawn(tmp_path, "--raters", 1)
    given = {1: "3", 2: "２", 3: 2.0, 4: " 1 ", 5: None, 6: "4", 7: "3分", 8: 2.5, 9: "很好很好很好很好很好很好很好"}
    sent = filled(tmp_path / "ratings.xlsx", "sent", lambda number, place: given.get(number, 3) if place == 1 else 3)
    book = load_workbook(sent)
    sheet = book[RATINGS]
    sheet["K3"] = "标签有疑问"
    sheet["A20"].value = 1  # a number that stands twice, so that another is missing
    sheet["F19"].value = "别处的解释"
    book[GUIDE].cell(_row_of(book[GUIDE], RATER), 2).value = "专家甲"
    book.save(sent)
    done = evaluate("ratings", sent, "--key", key_file)
    assert done.exit_code == 1
    found = results(tmp_path)
    assert found["mistakes"] == [
        "sent.xlsx, H7: '4' is none of 0, 1, 2, 3 (reliability)",
        "sent.xlsx, H8: '3分' is none of 0, 1, 2, 3 (reliability)",
        "sent.xlsx, H9: '2.5' is none of 0, 1, 2, 3 (reliability)",
        "sent.xlsx, H10: a text of 14 characters is none of 0, 1, 2, 3 (reliability)",
        "sent.xlsx, F19: the explanation is not that of number 18; sort whole rows, not one column; row left out",
        "sent.xlsx, A20: '1' stands twice; row left out",
        "sent.xlsx: 1 of 20 rows are missing",
    ]
    assert all(mistake in done.stderr for mistake in found["mistakes"]) and "很好很好" not in done.stderr
    assert found["raters"] == {"专家甲": {"filled": 4 * 18 - 5, "cells": 80, "comments": 1}}
    assert found["aspects"]["reliability"]["agreement"] == {}
    assert "one_rater" in found["aspects"]["reliability"]["mixed_model"]["notes"]


def _row_of(sheet: Any, name: str) -> int:
    return next(row[0].row for row in sheet.iter_rows() if row[0].value == name)


def test_sorted_rows_and_an_added_column_do_no_harm(tmp_path: Path) -> None:
    _, key = drawn(tmp_path, "--raters", 1)
    sent = filled(tmp_path / "ratings.xlsx", "sent", lambda number, place: (number + place) % 4)
    before = read_ratings([sent], key).scores
    book = load_workbook(sent)
    sheet = book[RATINGS]
    rows = [[cell.value for cell in row] for row in sheet.iter_rows(min_row=2)]
    for place, row in enumerate(sorted(rows, key=lambda row: str(row[5])), 2):
        for column, value in enumerate(row, 1):
            sheet.cell(place, column).value = value
    sheet.insert_cols(3)
    sheet["C1"] = "我的笔记"
    book.save(sent)
    after = read_ratings([sent], key)
    assert not after.mistakes and all((before[name] == after.scores[name]).all() for name in NAMES)


def test_raters_who_filled_little_are_compared_on_what_both_rated(tmp_path: Path) -> None:
    key_file, key = drawn(tmp_path)
    source = {row["no"]: row["source"] for row in key["rows"]}
    # The strict rater rates a alone: a mean of means would call b better by strictness.
    one = filled(tmp_path / "ratings-1.xlsx", "mild", lambda *_: 3)
    other = filled(tmp_path / "ratings-2.xlsx", "strict", lambda number, _: 0 if source[number] == "a" else None)
    evaluate("ratings", one, other, "--key", key_file)
    (pair,) = results(tmp_path)["aspects"]["overall"]["comparisons"]
    assert pair["difference"]["value"] == 0 and pair["wilcoxon"]["p"] == 1
    assert results(tmp_path)["aspects"]["overall"]["sources"]["a"]["value"] == 1.5


def test_equal_ratings_say_nothing_and_the_table_is_whole(tmp_path: Path) -> None:
    key_file, _ = drawn(tmp_path)
    files = [filled(tmp_path / f"ratings-{rater}.xlsx", f"e{rater}", lambda *_: 2) for rater in (1, 2)]
    done = evaluate("ratings", *files, "--key", key_file)
    found = results(tmp_path)["aspects"]["overall"]
    assert found["agreement"]["fleiss_kappa"]["value"] is None
    assert found["mixed_model"] == {"sd": None, "n": 40, "notes": ["all_equal"]}
    assert found["comparisons"][0]["mixed_model"] is None and found["comparisons"][0]["wilcoxon"]["p"] == 1
    assert "nan" not in done.stdout and "all ratings are equal" in done.stdout


def test_what_is_no_sheet_of_the_key_is_refused(tmp_path: Path) -> None:
    key_file, _ = drawn(tmp_path)
    blank = tmp_path / "ratings-1.xlsx"
    assert "no rating in ratings-1.xlsx" in refusal("ratings", blank, "--key", key_file)
    assert "not the key" in refusal("ratings", blank, "--key", tmp_path / "run-a" / "manifest.json")
    assert "--key" in refusal("ratings", blank, "--key", tmp_path / "no.json")
    other = tmp_path / "other"
    other.mkdir()
    drawn(other, "--seed", 1)
    assert "name its own key" in refusal("ratings", other / "ratings-1.xlsx", "--key", key_file)
    assert "not found" in refusal("ratings", tmp_path / "no.xlsx", "--key", key_file)
    broken = tmp_path / "broken.xlsx"
    broken.write_bytes(b"PK")
    assert "no Excel workbook" in refusal("ratings", broken, "--key", key_file)
    book = load_workbook(blank)
    del book[RATINGS]
    book.save(tmp_path / "half.xlsx")
    assert RATINGS in refusal("ratings", tmp_path / "half.xlsx", "--key", key_file)
    (other / "ratings-1.xlsx").write_bytes(blank.read_bytes())
    assert "both of rater 'ratings-1'" in refusal("ratings", blank, other / "ratings-1.xlsx", "--key", key_file)


def test_the_result_is_json_that_any_reader_takes(tmp_path: Path) -> None:
    key_file, _ = drawn(tmp_path)
    sent = filled(tmp_path / "ratings-1.xlsx", "one", lambda number, _: 2 if number == 1 else None)
    evaluate("ratings", sent, "--key", key_file)
    text = (tmp_path / "ratings.json").read_text(encoding="utf-8")
    json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
    assert "照常" not in text
