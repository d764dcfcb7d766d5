"""A rating sheet shows posts and explanations, and nothing that tells whose they are."""

import json
import stat
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from openpyxl import load_workbook

from eval.experts.key import fingerprint
from eval.experts.workbook import EXPLANATION, FILLED, GUIDE, NUMBER, RATER, RATINGS, REVIEW
from mentalglm.rating.aspects import ANCHORS, ASPECTS
from tests.eval.commands import evaluate, refusal
from tests.eval.conftest import sample, write_run
from tests.eval.experts.books import explained_run, key_of, post, posts_file


def two(folder: Path, **more: Any) -> list[Path]:
    return [explained_run(folder / "run-a", "a", **more), explained_run(folder / "run-b", "b", **more)]


def lines(path: Path) -> list[dict[str, Any]]:
    sheet = load_workbook(path)[RATINGS]
    head = [cell.value for cell in sheet[1]]
    return [dict(zip(head, [cell.value for cell in row], strict=True)) for row in sheet.iter_rows(min_row=2)]


def test_every_source_explains_the_same_posts_blind_and_shuffled(tmp_path: Path) -> None:
    out = tmp_path / "sheets" / "ratings.xlsx"
    done = evaluate("sheet", *two(tmp_path), "--out", out, "--n", 8, "--gold")
    sheets = [out.with_name(f"ratings-{rater}.xlsx") for rater in (1, 2)]
    assert done.stdout.splitlines() == list(map(str, sheets))
    key = key_of(out.with_name("ratings.key.json"))
    assert Counter(row["source"] for row in key["rows"]) == {"a": 8, "b": 8, "gold": 8}
    assert len({row["id"] for row in key["rows"]}) == 8
    assert len({row["group"] for row in key["rows"]}) == 8  # twenty posts of ten authors: one of each
    assert key["posts"] == {"suicide_risk": {"shared": 20, "explained": 20, "drawn": 8}}
    shown = [lines(path) for path in sheets]
    first, second = ([row[NUMBER] for row in each] for each in shown)
    assert first == list(range(1, 25)) == sorted(second) != second
    assert [row["source"] for row in key["rows"]] != sorted(row["source"] for row in key["rows"])
    by_number = {row["no"]: row for row in key["rows"]}
    for row in shown[1]:
        about = by_number[row[NUMBER]]
        place = int(about["id"][1:])
        assert row["帖子 post"] == post(place)
        assert row[EXPLANATION].startswith(f"{'参考' if about['source'] == 'gold' else '解释'}{place}：")
        assert fingerprint(row[EXPLANATION]) == about["explanation"]
        assert row["依据 evidence"] == (f"「{post(place)[4:8] if about['source'] == 'gold' else post(place)[:3]}」")
    for path in sheets:
        cells = [str(cell.value) for page in load_workbook(path) for line in page.iter_rows() for cell in line]
        assert not {"a", "b", "gold", "run-a", "run-b", "m"} & set(cells)
        assert not any(row["id"] == cell or "run-" in cell for row in key["rows"] for cell in cells)


def test_the_key_and_the_sheets_are_the_owners_alone_and_the_key_holds_no_words(tmp_path: Path) -> None:
    evaluate("sheet", *two(tmp_path), "--out", tmp_path / "ratings.xlsx", "--raters", 1)
    for name in ("ratings.xlsx", "ratings.key.json"):
        assert stat.S_IMODE((tmp_path / name).stat().st_mode) == 0o600
    text = (tmp_path / "ratings.key.json").read_text(encoding="utf-8")
    assert "照常" not in text and "求死" not in text


def test_the_sheet_can_be_filled_in(tmp_path: Path) -> None:
    evaluate("sheet", *two(tmp_path), "--out", tmp_path / "ratings.xlsx", "--n", 5, "--raters", 1)
    book = load_workbook(tmp_path / "ratings.xlsx")
    sheet, guide = book[RATINGS], book[GUIDE]
    assert book.sheetnames == [GUIDE, RATINGS] and book.active.title == GUIDE
    (rule,) = sheet.data_validations.dataValidation
    assert rule.formula1 == '"0,1,2,3"' and str(rule.sqref) == "G2:G11 H2:H11 I2:I11 J2:J11"
    assert rule.showErrorMessage and rule.errorStyle in (None, "stop")
    assert [str(cells.sqref) for cells in sheet.conditional_formatting] == ["G2:J11"]
    assert sheet.freeze_panes == "B2" and sheet.auto_filter.ref == "A1:K11" and sheet.print_title_rows == "$1:$1"
    widths = [sheet.column_dimensions[letter].width for letter in "ABCDEFGHIJK"]
    assert sum(widths) < 240 and min(widths) >= 7
    assert all(sheet.row_dimensions[row].height >= 16 for row in range(1, 12))
    assert all(sheet.cell(2, column).alignment.wrap_text for column in range(2, 7))
    said = [[cell.value for cell in row] for row in guide.iter_rows()]
    words = "\n".join(str(cell) for row in said for cell in row if cell)
    assert all(text in words for aspect in ASPECTS for text in (aspect.zh[1], aspect.en[1]))
    assert all(text in words for _, zh, en in ANCHORS for text in (zh, en))
    noted = {row[0]: row[1] for row in said}
    assert noted[FILLED] == "=COUNTA('评分 ratings'!G2:J11)&\" / 40\"" and noted[RATER] is None
    assert noted[REVIEW] == key_of(tmp_path / "ratings.key.json")["review"]


def test_the_same_seed_draws_the_same_and_nothing_is_overwritten(tmp_path: Path) -> None:
    runs = two(tmp_path)
    for name, seed in (("x", 0), ("y", 0), ("z", 1)):
        evaluate("sheet", *runs, "--out", tmp_path / f"{name}.xlsx", "--n", 6, "--seed", seed)
    x, y, z = (key_of(tmp_path / f"{name}.key.json") for name in "xyz")
    assert x["rows"] == y["rows"] != z["rows"] and x["review"] == y["review"] != z["review"]
    before = (tmp_path / "x-1.xlsx").read_bytes()
    assert "may hold ratings" in refusal("sheet", *runs, "--out", tmp_path / "x.xlsx")
    assert (tmp_path / "x-1.xlsx").read_bytes() == before


def test_posts_are_read_again_where_the_run_kept_none(tmp_path: Path) -> None:
    runs = two(tmp_path, keep=False)
    asked = ["sheet", *runs, "--out", tmp_path / "ratings.xlsx", "--n", 3, "--raters", 1]
    assert "suicide_risk.jsonl, with --data FILE" in refusal(*asked)
    assert "the hash of the file that was run" in refusal(*asked, "--data", posts_file(tmp_path / "other", 19))
    assert "holds no suicide_risk.jsonl" in refusal(*asked, "--data", tmp_path / "run-a")
    assert "not found" in refusal(*asked, "--data", tmp_path / "no.jsonl")
    evaluate(*asked, "--data", tmp_path)  # the file lies in data/
    assert {row["帖子 post"] for row in lines(tmp_path / "ratings.xlsx")} <= {post(place) for place in range(20)}
    written = [path for path in tmp_path.rglob("*") if path.is_file() and path.parent.name != "data"]
    holding = [path.name for path in written if "照常上班" in path.read_text(encoding="utf-8", errors="ignore")]
    assert "samples.jsonl" not in holding and "ratings.key.json" not in holding


def test_personal_data_is_masked_and_cells_are_text(tmp_path: Path) -> None:
    words = {"text": "=1+1，打13800138000", "explanation": "=2+2 没有求死的话"}
    said = sample(["低自杀风险"], ["低自杀风险"], text_sha256="0", **words)
    run = write_run(tmp_path / "run", "suicide_risk", [said])
    evaluate("sheet", run, "--out", tmp_path / "ratings.xlsx", "--raters", 1)
    sheet = load_workbook(tmp_path / "ratings.xlsx")[RATINGS]
    assert sheet["C2"].data_type == "s" and sheet["C2"].value == "=1+1，打〔电话〕"
    assert sheet["F2"].data_type == "s" and sheet["F2"].value == "=2+2 没有求死的话"


def test_a_post_that_one_run_does_not_explain_is_not_drawn(tmp_path: Path) -> None:
    runs = two(tmp_path)
    path = runs[1] / "samples.jsonl"
    said = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    for line in said[:15]:
        line["explanation"] = " "
    path.write_text("".join(json.dumps(line, ensure_ascii=False) + "\n" for line in said), encoding="utf-8")
    evaluate("sheet", *runs, "--out", tmp_path / "ratings.xlsx")
    key = key_of(tmp_path / "ratings.key.json")
    assert key["posts"]["suicide_risk"] == {"shared": 20, "explained": 5, "drawn": 5}
    assert {row["id"] for row in key["rows"]} == {f"r{place}" for place in range(15, 20)}


def test_what_cannot_be_rated_is_refused(tmp_path: Path) -> None:
    one = explained_run(tmp_path / "run", "a")
    asked = ["--out", tmp_path / "ratings.xlsx"]
    assert "must end in .xlsx" in refusal("sheet", one, "--out", tmp_path / "r.csv")
    assert "is named twice" in refusal("sheet", one, one, *asked)
    assert "tasks in all of them: suicide_risk" in refusal("sheet", one, "--task", "emotional_safety", *asked)
    silent = write_run(tmp_path / "silent", "suicide_risk", [sample(["低自杀风险"], ["低自杀风险"], text_sha256="0")])
    assert "--store-text alone" in refusal("sheet", silent, *asked)
    manifest = json.loads((silent / "manifest.json").read_text(encoding="utf-8"))
    manifest["options"]["labels_only"] = True
    (silent / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    assert "--labels-only" in refusal("sheet", silent, *asked)
    assert "share no post" in refusal("sheet", one, silent, *asked)
    other = write_run(tmp_path / "other", "emotional_safety", [sample(["安全"], ["安全"], text_sha256="0")])
    assert "tasks in all of them: none" in refusal("sheet", one, other, *asked)


@pytest.mark.parametrize("words", ["一 行\n又一行", "一行\r\n又 一行", "一行_x000D_\n又一行"])
def test_a_fingerprint_outlives_a_spreadsheet_program(words: str) -> None:
    assert fingerprint(words) == fingerprint("一行又一行") != fingerprint("一行又二行")
