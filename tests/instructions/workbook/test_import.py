"""The command from a lab's workbook to a source that a build reads, and what it writes on the way."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml
from openpyxl import load_workbook
from typer.testing import CliRunner, Result

from instructions.records import Record
from instructions.sources import Fault, load_source, read_records_of
from instructions.workbook.adjudication import DECISION, NOTE, PLACE, POST
from instructions.workbook.cli import import_workbook
from mentalglm.agreement import cohen_kappa, fleiss_kappa, krippendorff_alpha, set_alpha
from mentalglm.errors import UserError
from tests.instructions.workbook import books

app = typer.Typer()
app.command()(import_workbook)


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments], catch_exceptions=True)


@pytest.fixture
def import_book(tmp_path: Path) -> Callable[..., tuple[Path, Path]]:
    def first(make: Callable[[Path], Path], *options: str) -> tuple[Path, Path]:
        book = make(tmp_path / "lab.xlsx")
        done = run(book, "--out", tmp_path / "out", *options)
        assert done.exception is None, done.exception
        assert not any(post in done.output for post in books.POSTS)
        return book, tmp_path / "out"

    return first


def measured(out: Path) -> Any:
    return json.loads((out / "agreement.json").read_text(encoding="utf-8"))["tasks"][0]


def records(source: Path, data: Path) -> tuple[list[Record], list[Fault]]:
    found = list(read_records_of(load_source(source), data))
    return [row for row in found if isinstance(row, Record)], [row for row in found if isinstance(row, Fault)]


def decide(path: Path, decision: Callable[[int, dict[str, str]], str | None], backwards: bool = False) -> None:
    """Fills in an adjudication sheet, as a person does."""
    book = load_workbook(path)
    sheet = book.worksheets[1]
    names = [cell.value for cell in sheet[1]]
    rows = [[cell.value for cell in row] for row in sheet.iter_rows(min_row=2)]
    for number, row in enumerate(reversed(rows) if backwards else rows):
        row[names.index(DECISION)] = decision(number, dict(zip(names, row, strict=True)))
        for column, value in enumerate(row, 1):
            sheet.cell(number + 2, column).value = value
    book.save(path)


# The first run.


def test_agreement_equals_the_statistics_on_the_labels(import_book: Any) -> None:
    _, out = import_book(books.two_annotators)
    found = measured(out)
    a, b = ([books.risk(n, other) for n in range(40)] for other in (False, True))
    kappa = cohen_kappa(a, b)
    assert found["measures"]["kappa"] == {"value": kappa.value, "low": kappa.low, "high": kappa.high, "n": 40}
    assert (found["shared"], found["identical"], found["decided"], found["disputed"]) == (40, 34, 1, 5)
    assert [label["label"] for label in found["labels"]] == ["高自杀风险", "低自杀风险"]
    assert found["labels"][0]["marked"] == {"标注员1": 14, "标注员2": sum(label == "高自杀风险" for label in b)}
    # Of two labels each is the other's opposite: both have the kappa of the whole.
    assert found["labels"][0]["kappa"]["value"] == pytest.approx(kappa.value)


def test_agreement_on_lists_of_labels(import_book: Any) -> None:
    _, out = import_book(books.lists_on_two_sheets)
    found = measured(out)
    sets = [[{"读心术", "先知错误"}, set(), {"乱贴标签"}, {"读心术", "放大"}, {"应该式"}][n % 5] for n in range(26)]
    others = [{"读心术"} if labels == {"读心术", "先知错误"} else labels for labels in sets]
    masi = set_alpha(list(zip(sets, others, strict=True)))
    assert found["measures"]["alpha (MASI)"]["value"] == pytest.approx(masi.value)
    assert found["labelled"] == {"甲": 30, "乙": 26} and found["shared"] == 26
    by_label = {label["label"]: label for label in found["labels"]}
    assert by_label["非此即彼"]["kappa"] == {"value": None, "low": None, "high": None, "n": 26}
    ours = krippendorff_alpha([["先知错误" in a, "先知错误" in b] for a, b in zip(sets, others, strict=True)])
    assert by_label["先知错误"]["alpha"]["value"] == pytest.approx(ours.value)


def test_agreement_of_three_on_labels_nobody_knows(import_book: Any) -> None:
    _, out = import_book(books.new_labels, "--task", "mood_of_the_walk")
    words = ["hopeful", "lonely", "angry"]
    raters = [[words[n % 3], words[(n + (n % 6 == 0)) % 3], words[n % 3]] for n in range(36)]
    fleiss = fleiss_kappa([[row.count(word) for word in words] for row in raters])
    assert measured(out)["measures"]["kappa"]["value"] == pytest.approx(fleiss.value)
    draft = yaml.safe_load((out / "tasks/mood_of_the_walk.yaml").read_text(encoding="utf-8"))
    assert draft["kind"] == "single" and set(draft["labels"]) == set(words)


def test_an_ordinal_task_is_measured_by_its_distances(tmp_path: Path) -> None:
    levels = [(n % 11, min(10, n % 11 + n % 2)) for n in range(60)]
    rows = [["帖子", "甲等级", "乙等级"], *([post, *pair] for post, pair in zip(books.POSTS, levels, strict=False))]
    assert run(books.save(tmp_path / "lab.xlsx", {"s": rows}), "--out", tmp_path / "out").exception is None
    found = measured(tmp_path / "out")
    a, b = zip(*levels, strict=True)
    assert found["task"] == "suicide_level"
    assert found["measures"]["kappa, quadratic weights"]["value"] == pytest.approx(
        cohen_kappa(a, b, "quadratic", order=range(11)).value
    )
    assert set(found["measures"]) == {"kappa", "kappa, quadratic weights", "alpha (ordinal)", "ICC(A,1)"}


def test_the_page_is_in_both_languages_and_tells_every_label(import_book: Any) -> None:
    _, out = import_book(books.lists_on_two_sheets)
    page = (out / "agreement.md").read_text(encoding="utf-8")
    assert "标注一致性" in page and "Agreement is not correctness" in page
    assert "| 读心术 | 12 | 11 | 1.00 [1.00, 1.00] |" in page and "| 非此即彼 | 0 | 0 | — | — | 26 |" in page


def test_what_cannot_be_read_is_counted(tmp_path: Path) -> None:
    rows = [
        ["帖子", "甲的标签", "乙的标签"],
        *([post, "安全", "待定" if n == 3 else "安全"] for n, post in enumerate(books.POSTS[:20])),
    ]
    done = run(books.save(tmp_path / "lab.xlsx", {"s": rows}), "--out", tmp_path / "out")
    assert "what does '待定' stand for? (1 cells)" in done.output
    found = measured(tmp_path / "out")
    assert found["unread"] == {"乙: a label that emotional_safety does not have": 1}
    assert found["labelled"] == {"甲": 20, "乙": 19}


# The adjudication sheet.


def test_only_disputed_rows_with_everybodys_answer_and_a_blank_decision(import_book: Any) -> None:
    _, out = import_book(books.two_annotators)
    book = load_workbook(out / "adjudication.xlsx")
    assert book.sheetnames[:2] == ["说明 read me", "suicide_risk"] and book["choices1"].sheet_state == "hidden"
    sheet = book["suicide_risk"]
    rows = [[cell.value for cell in row] for row in sheet.iter_rows()]
    assert rows[0] == [PLACE, POST, "标注员1", "标注员2", DECISION, NOTE]
    expected = [n for n in range(40) if n % 7 == 0 and n != 7]
    assert [row[0] for row in rows[1:]] == [f"标注!{n + 3}" for n in expected]
    assert [row[1] for row in rows[1:]] == [books.POSTS[n] for n in expected]
    assert all(row[2] != row[3] and row[4] is None for row in rows[1:])
    assert sheet.freeze_panes == "C2"
    assert sheet.column_dimensions["B"].width == 64 and sheet["B2"].alignment.wrap_text
    (rule,) = sheet.data_validations.dataValidation
    assert str(rule.sqref) == "E2:E6" and rule.formula1 == "'choices1'!$A$1:$B$1" and rule.errorStyle == "stop"
    assert [cell.value for cell in book["choices1"][1]] == ["高自杀风险", "低自杀风险"]


def test_several_labels_may_be_combined_and_are_suggested(import_book: Any) -> None:
    _, out = import_book(books.lists_on_two_sheets)
    book = load_workbook(out / "adjudication.xlsx")
    (rule,) = book["cognitive_distortion"].data_validations.dataValidation
    assert rule.errorStyle == "warning" and len(rule.formula1) < 255
    first = [cell.value for cell in book["choices1"][1]]
    assert first == ["一月!2", "2", "读心术、先知错误", "读心术"]


def test_posts_are_never_formulas_and_stay_as_they_are(tmp_path: Path) -> None:
    posts = ['=HYPERLINK("http://x","点我")', "@小王 你好", "+1", "-不想说", "普通的一句话", "有\x0b控制符", "一" * 300]
    rows = [["帖子", "甲的标签", "乙的标签"], *([post.replace("\x0b", " "), "安全", "临界"] for post in posts)]
    path = books.save(tmp_path / "lab.xlsx", {"s": rows})
    book = load_workbook(path)
    book["s"]["A2"].data_type = "s"
    book.save(path)
    assert run(path, "--out", tmp_path / "out").exception is None
    sheet = load_workbook(tmp_path / "out/adjudication.xlsx")["emotional_safety"]
    cells = [sheet.cell(row, 2) for row in range(2, 9)]
    assert [cell.value for cell in cells] == [post.replace("\x0b", " ") for post in posts]
    assert all(cell.data_type == "s" for cell in cells)
    assert [cell.quotePrefix for cell in cells] == [True, True, True, True, False, False, False]
    assert sheet.row_dimensions[8].height > 5 * sheet.row_dimensions[6].height


def test_no_dispute_no_sheet(tmp_path: Path) -> None:
    rows = [["帖子", "甲的标签", "乙的标签"], *([post, "安全", "安全"] for post in books.POSTS[:9])]
    run(books.save(tmp_path / "lab.xlsx", {"s": rows}), "--out", tmp_path / "out")
    assert not (tmp_path / "out/adjudication.xlsx").exists()
    assert measured(tmp_path / "out")["measures"]["kappa"]["value"] is None  # one label throughout


# Decisions.


def test_a_filled_sheet_is_taken_in_whatever_its_order(import_book: Any) -> None:
    book, out = import_book(books.two_annotators)
    decide(out / "adjudication.xlsx", lambda n, row: "高自杀风险" if n != 2 else None, backwards=True)
    done = run(book, "--mapping", out / "mapping.yaml", "--adjudicated", out / "adjudication.xlsx")
    assert done.exception is None and "suicide_risk: 4 decisions taken in" in done.output
    assert (measured(out)["decided"], measured(out)["disputed"]) == (5, 1)
    kept, faults = records(out / "table.yaml", out)
    assert len(kept) == 39 and [fault.reason for fault in faults] == ["annotators disagree"]
    by_text = {record.text: record for record in kept}
    assert by_text[books.POSTS[28]].labels == ["高自杀风险"]
    assert by_text[books.POSTS[1]].labels == ["低自杀风险"]
    assert [note.labels for note in by_text[books.POSTS[28]].annotations] == [["低自杀风险"], ["高自杀风险"]]
    assert by_text[books.POSTS[1]].meta == {"点赞数": "3", "id": "2"}


def test_several_labels_none_and_a_labs_own_spelling(import_book: Any) -> None:
    book, out = import_book(books.lists_on_two_sheets)
    written = ["读心术、放大", "无", "应该式陈述", "读心术，先知错误", "读心", None]
    decide(out / "adjudication.xlsx", lambda n, row: written[n])
    done = run(book, "--mapping", out / "mapping.yaml", "--adjudicated", out / "adjudication.xlsx")
    assert done.exception is None
    assert "not used: adjudication.xlsx, sheet cognitive_distortion, row 6: a label that" in done.output
    by_text = {record.text: record.labels for record in records(out / "table.yaml", out)[0]}
    disputed = [n for n in range(26) if n % 5 == 0]
    assert [by_text.get(books.POSTS[n]) for n in disputed] == [
        ["读心术", "放大"],
        [],
        ["应该式"],
        ["读心术", "先知错误"],
        None,
        None,
    ]


def test_a_post_that_changed_since_is_not_decided(import_book: Any) -> None:
    book, out = import_book(books.two_annotators)
    decide(out / "adjudication.xlsx", lambda n, row: "高自杀风险")
    changed = load_workbook(book)
    changed["标注"]["B3"] = "别的话"
    changed.save(book)
    done = run(book, "--mapping", out / "mapping.yaml", "--adjudicated", out / "adjudication.xlsx")
    assert "4 decisions taken in" in done.output and "is another one" in done.output


def test_decisions_are_never_overwritten(import_book: Any) -> None:
    book, out = import_book(books.two_annotators)
    decide(out / "adjudication.xlsx", lambda n, row: "高自杀风险")
    before = (out / "adjudication.xlsx").read_bytes()
    done = run(book, "--mapping", out / "mapping.yaml")
    assert isinstance(done.exception, UserError) and "holds 5 decisions" in str(done.exception)
    assert (out / "adjudication.xlsx").read_bytes() == before
    again = run(book, "--out", out)
    assert isinstance(again.exception, UserError) and "--mapping" in str(again.exception)


# The mapping, mended by hand.


def test_a_mended_mapping_is_followed(import_book: Any) -> None:
    book, out = import_book(books.lists_on_two_sheets)
    mapping = yaml.safe_load((out / "mapping.yaml").read_text(encoding="utf-8"))
    mapping["files"][0]["sheets"] = ["一月"]
    del mapping["tasks"][0]["annotators"]["乙"]
    (out / "mapping.yaml").write_text(yaml.safe_dump(mapping, allow_unicode=True), encoding="utf-8")
    done = run(book, "--mapping", out / "mapping.yaml")
    assert done.exception is None and "agreement needs two annotators" in done.output
    assert measured(out)["posts"] == 15 and measured(out)["measures"] == {}
    assert not (out / "adjudication.xlsx").exists()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"text": "正文"}, "no column '正文' in row 1; columns found: 帖子, 甲的标签"),
        ({"files": ["other.xlsx"]}, "describes other.xlsx, not lab.xlsx"),
        ({"tasks": [{"task": "mood_x", "labels": "甲的标签"}]}, "unknown task 'mood_x'"),
        ({"tasks": []}, "names no task with labels"),
        ({"sead": 1}, "sead"),
    ],
)
def test_a_wrong_mapping_is_one_line(import_book: Any, change: dict[str, Any], said: str) -> None:
    book, out = import_book(books.lists_on_two_sheets)
    mapping = yaml.safe_load((out / "mapping.yaml").read_text(encoding="utf-8")) | change
    (out / "mapping.yaml").write_text(yaml.safe_dump(mapping, allow_unicode=True), encoding="utf-8")
    done = run(book, "--mapping", out / "mapping.yaml")
    assert isinstance(done.exception, UserError) and said in str(done.exception)
    assert "\n" not in str(done.exception)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--adjudicated", "a.xlsx"], "needs the mapping"),
        (["--mapping", "m.yaml", "--task", "stress"], "leave --task out"),
        (["--mapping", "none.yaml"], "none.yaml"),
    ],
)
def test_options_that_do_not_fit(tmp_path: Path, options: list[str], said: str) -> None:
    done = run(books.two_annotators(tmp_path / "lab.xlsx"), *options)
    assert isinstance(done.exception, UserError) and said in str(done.exception)


# What the build reads.


def test_the_build_reads_a_plain_workbook_by_its_mapping(import_book: Any) -> None:
    book, out = import_book(books.two_annotators)
    kept, faults = records(out / "mapping.yaml", book.parent)
    assert len(kept) == 35 and len(faults) == 5
    assert {record.group for record in kept} <= {f"lab:u{n}" for n in range(13)}


def test_the_build_reads_any_other_layout_by_a_table(import_book: Any) -> None:
    _, out = import_book(books.ticks_in_two_header_rows)
    kept, faults = records(out / "table.yaml", out)
    found = measured(out)
    assert (len(kept), len(faults)) == (found["identical"], found["disputed"])
    by_text = {record.text: record for record in kept}
    assert set(by_text[books.POSTS[0]].labels) == {
        "读心术", "应该式", "乱贴标签",
    }  # fmt: skip
    assert by_text[books.POSTS[1]].labels == []


def test_the_build_and_the_statistics_count_blank_rows_of_ticks_alike(tmp_path: Path) -> None:
    head = ["帖子", "甲_读心术", "甲_放大", "乙_读心术", "乙_放大"]
    marks = [["√" if n % 2 else None, None, "√" if n % 2 else None, "√" if n % 9 == 0 else None] for n in range(40)]
    path = books.save(
        tmp_path / "lab.xlsx", {"s": [head, *([p, *m] for p, m in zip(books.POSTS, marks, strict=False))]}
    )
    assert run(path, "--out", tmp_path / "out").exception is None
    found = measured(tmp_path / "out")
    kept, faults = records(tmp_path / "out/mapping.yaml", tmp_path)
    assert (found["shared"], found["identical"], len(kept), len(faults)) == (40, 35, 35, 5)
    assert sum(not record.labels for record in kept) == 17
