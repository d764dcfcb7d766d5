"""Results as JSON lines, CSV and text: complete, on their own line, and harmless to what reads them."""

import csv
import io
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mentalglm.analysis import Analysis, ErrorInfo, Evidence, RowError
from mentalglm.result_tables import Layout, neutral_cell
from mentalglm.tasks import load_task
from mentalglm.writers import WRITERS, json_line, printable

BAD = RowError(row=3, task="suicide_risk", error=ErrorInfo(code="empty_text", message="the text is empty; give a post"))


def analysis(task: str = "suicide_risk", text: str = "不想活了", **more: Any) -> Analysis:
    names = load_task(task).label_names
    given: dict[str, Any] = {
        "task": task,
        "text": text,
        "labels": [names[0]],
        "probabilities": {name: round(1 / len(names), 6) for name in names},
        "evidence": [Evidence(text=text[:1], start=0, end=1, label=names[0] if load_task(task).many else None)],
        "explanation": "因为这样说。",
        "crisis": "urgent" if task == "suicide_risk" else "none",
        "model": "tiny",
        "prompt_hash": "h",
    }
    return Analysis(**given | more)


def write(kind: str, *rows: tuple[int | None, list[Any]], lang: str = "zh") -> str:
    file = io.StringIO(newline="")
    writer = WRITERS[kind](file, Layout(lang))
    for number, results in rows:
        writer.write(number, results)
    return file.getvalue()


def cells(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text, newline="")))


# JSON.


def test_every_line_is_one_result() -> None:
    first, second = analysis(), analysis("cognitive_distortion", labels=[], evidence=[], explanation=None)
    lines = write("json", (0, [first, second]), (3, [BAD])).splitlines()
    assert [json.loads(line) for line in lines] == [
        {"row": 0, **first.model_dump()},
        {"row": 0, **second.model_dump()},
        BAD.model_dump(),
    ]
    assert all(next(iter(json.loads(line))) == "row" for line in lines)


def test_a_single_post_has_no_row() -> None:
    line = write("json", (None, [analysis()]))
    assert json.loads(line) == analysis().model_dump()
    assert Analysis.model_validate_json(line) == analysis()


@settings(max_examples=100, deadline=None, derandomize=True)
@given(st.text(st.characters(exclude_categories=["Cs"]) | st.sampled_from('\n\r\x0b\x0c\x1c\x85\u2028\u2029"\\')))
def test_a_line_is_one_line_whatever_splits_it(text: str) -> None:
    line = json_line({"text": text, text: 1})
    assert len(line.splitlines()) == 1 and "\n" not in line
    assert json.loads(line)["text"] == text


def test_chinese_stays_readable_and_line_separators_are_escaped() -> None:
    assert json_line({"a": "累\u2028\u2029\u0085"}) == '{"a": "累\\u2028\\u2029\\u0085"}'


# CSV.


def test_a_table_has_one_line_per_row_and_task() -> None:
    many = analysis("cognitive_distortion", labels=["读心术", "放大"], evidence=[
        Evidence(text="不", start=0, end=1, label="读心术"), Evidence(text="活", start=2, end=3, label="放大"),
    ])  # fmt: skip
    rows = cells(write("csv", (0, [analysis(), many]), (3, [BAD])))
    assert [(row["row"], row["task"]) for row in rows] == [
        ("0", "suicide_risk"),
        ("0", "cognitive_distortion"),
        ("3", "suicide_risk"),
    ]
    assert rows[0]["labels"] == "高自杀风险" and rows[0]["probability"] == "0.500" and rows[0]["crisis"] == "urgent"
    assert rows[0]["evidence"] == "不" and rows[0]["explanation"] == "因为这样说。" and rows[0]["parsed"] == "true"
    assert rows[1]["labels"] == "读心术、放大" and rows[1]["probability"] == "0.083、0.083"
    assert rows[1]["evidence"] == "读心术：不；放大：活"
    assert rows[2]["error"] == BAD.error.message
    assert {rows[2][name] for name in ("text", "labels", "evidence", "crisis", "parsed")} == {""}


@pytest.mark.parametrize("sign", list("=+-@＝＋－＠\t\r\n"))
def test_no_cell_is_taken_for_a_formula(sign: str) -> None:
    text = f'{sign}HYPERLINK("http://x")'
    row = cells(write("csv", (0, [analysis(text=text, explanation=f"{sign}1+1")])))[0]
    assert row["text"] == "'" + text
    assert row["evidence"] == "'" + sign
    assert row["explanation"] == f"'{sign}1+1"


def test_what_is_no_formula_is_left_alone() -> None:
    for text in ("累", "1=1", " =1", "a@b", "", "'=1"):
        assert neutral_cell(text) == text


@pytest.mark.parametrize("text", ["a,b", 'a"b""c', "a\nb\r\nc\rd", "累；、，", "\x00\x1b", "\u2028", "a\tb", '"'])
def test_a_post_of_any_make_is_one_cell(text: str) -> None:
    rows = cells(write("csv", (0, [analysis(text=text)]), (1, [analysis()])))
    assert [row["text"] for row in rows] == [text, "不想活了"]


def test_an_unread_answer_says_so_in_the_table() -> None:
    nothing = dict.fromkeys(load_task("suicide_risk").label_names)
    unread = analysis(labels=[], probabilities=nothing, evidence=[], explanation=None, parsed=False, crisis=None)
    row = cells(write("csv", (0, [unread])))[0]
    assert (row["parsed"], row["crisis"], row["labels"], row["probability"]) == ("false", "", "", "")


# Text.


def test_people_read_what_a_label_means_and_why() -> None:
    text = write("text", (None, [analysis()]))
    display = load_task("suicide_risk").label("高自杀风险").display
    assert display is not None and display.zh in text
    for words in ("不想活了", "自杀风险", "0.50", "依据", "「不」", "因为这样说。"):
        assert words in text
    english = write("text", (7, [analysis(conflicts=["a ≠ b"])]), lang="en")
    for words in ("row 7", "Suicide risk", display.en, "evidence", "reason", "conflict", "a ≠ b"):
        assert words in english


def test_an_unread_answer_is_never_shown_as_no_risk() -> None:
    unread = analysis(labels=[], evidence=[], explanation=None, parsed=False, crisis=None)
    assert "不等于“没有风险”" in write("text", (0, [unread])) and "未见" not in write("text", (0, [unread]))
    assert "could not be read" in write("text", (0, [unread]), lang="en")


def test_no_label_is_shown_as_none_found() -> None:
    text = write("text", (0, [analysis("cognitive_distortion", labels=[], evidence=[])]))
    assert "未见" in text and "依据  无" in text


def test_evidence_without_an_explanation_is_shown_too() -> None:
    assert "「不」" in write("text", (0, [analysis(explanation=None)]))
    assert "依据" not in write("text", (0, [analysis(explanation=None, evidence=[])]))


def test_a_row_error_is_shown_in_its_row() -> None:
    assert "第 3 行" in write("text", (3, [BAD])) and "the text is empty" in write("text", (3, [BAD]))


@pytest.mark.parametrize(
    "text", ["\x1b[2J\x1b[31m红", "a\rb", "a\x07b", "a\nb", "\u202e反", "\x9b31m", "a\u2028b", "\x00", "a\u200bb"]
)
def test_a_post_cannot_move_the_terminal_s_cursor(text: str) -> None:
    shown = write("text", (0, [analysis(text=text, explanation=f"因{text}。")]))
    assert not {character for character in shown if not character.isprintable()} - {"\n"}
    assert len(printable(text)) == len(text)


def test_a_post_is_no_markup() -> None:
    shown = write("text", (0, [analysis(text="[bold red]累[/] :smile: [link=http://x]y", explanation="[b]x[/b]")]))
    assert "[bold red]累[/] :smile: [link=http://x]y" in shown and "[b]x[/b]" in shown
