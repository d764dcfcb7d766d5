"""Files as people have them: every encoding, every kind, and the ones to refuse."""

import io
import json
import sys
import time
import tracemalloc
from pathlib import Path

import openpyxl
import pytest

from mentalglm.analyzer import check_text
from mentalglm.errors import UserError
from mentalglm.readers import BadRow, LabelledRow, Row, Span, read_labelled, read_rows

POSTS = ["今天又没睡着，数到天亮。", "他说“随便”，我就真的随便了😀", "平平淡淡的一天"]


def texts(path: Path, column: str | None = None) -> list[str]:
    return [row.text for row in read_rows(path, column) if isinstance(row, Row)]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "gb18030"])
@pytest.mark.parametrize("ending", [".txt", ".csv", ".tsv", ".jsonl"])
def test_every_encoding_and_kind_gives_the_same_posts(tmp_path: Path, encoding: str, ending: str) -> None:
    lines = {
        ".txt": POSTS,
        ".csv": ["id,text", *(f"{i},{post}" for i, post in enumerate(POSTS))],
        ".tsv": ["id\ttext", *(f"{i}\t{post}" for i, post in enumerate(POSTS))],
        ".jsonl": [json.dumps({"text": post}, ensure_ascii=False) for post in POSTS],
    }[ending]
    path = tmp_path / f"posts{ending}"
    path.write_bytes("\n".join(lines).encode(encoding))
    assert texts(path) == POSTS
    assert [row.row for row in read_rows(path)] == [0, 1, 2]


def test_utf16_big_endian_is_read_by_its_mark(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(b"\xfe\xff" + "好\n坏".encode("utf-16-be"))
    assert texts(path) == ["好", "坏"]


def test_chinese_after_a_long_ascii_beginning_is_still_recognised(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    for encoding in ("gb18030", "utf-8"):
        path.write_bytes(b"plain ascii\n" * 20_000 + "最后一行才是中文".encode(encoding))
        assert texts(path)[-1] == "最后一行才是中文"


def test_a_character_cut_by_the_reading_buffer_stays_whole(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    for encoding in ("gb18030", "utf-8"):
        post = "x" + "难" * 100_000
        path.write_bytes(post.encode(encoding))
        assert texts(path) == [post]


def test_txt_lines_end_at_newlines_only_and_blank_lines_are_rows(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes("一\u2028还是一\r\n\r\n二\x85\u2029还是二\r三\n".encode())
    assert texts(path) == ["一\u2028还是一", "", "二\x85\u2029还是二", "三"]


def test_carriage_return_and_newline_are_one_end_across_buffers(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(b"x" * 65_535 + b"\r\n" + b"y")
    assert [len(text) for text in texts(path)] == [65_535, 1]


def test_csv_quotes_hold_newlines_and_commas(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes('作者,正文\r\n甲,"第一行\n第二行, 还有""引号"""\r\n\r\n乙,短\r\n'.encode("gb18030"))
    assert list(read_rows(path, "正文")) == [
        Row(0, '第一行\n第二行, 还有"引号"'),
        Row(1, "短"),
    ]


def test_broken_csv_rows_are_named_and_do_not_stop_the_file(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text('id,text\n1,没有引号,却有逗号\n2\n3,"引号"没有成对\n4,好\n', encoding="utf-8")
    rows = list(read_rows(path))
    assert [type(row) for row in rows] == [BadRow, BadRow, BadRow, Row]
    assert all("逗号" not in row.message and "引号" not in row.message for row in rows if isinstance(row, BadRow))
    assert rows[-1] == Row(3, "好")


@pytest.mark.parametrize("later", [["5,好"], ["5,好", '6,"引号"', '7,"两\n行"'], ['5,"引号"没有成对', "6,好"]])
def test_a_quote_left_open_costs_its_own_line_only(tmp_path: Path, later: list[str]) -> None:
    path = tmp_path / "a.csv"
    path.write_text("\n".join(["id,text", '1,"两\n行"', '2,"秘密', "3,好", "4,好", *later]), encoding="utf-8")
    first, bad, *rest = read_rows(path)
    assert first == Row(0, "两\n行")
    assert isinstance(bad, BadRow) and bad.code == "bad_row" and "秘密" not in bad.message
    assert "line 4: a quote is opened and not closed" in bad.message
    assert [row.row for row in rest] == list(range(2, 4 + len(later)))
    assert [row.row for row in rest if isinstance(row, BadRow)] == ([4] if "没有成对" in later[0] else [])


def test_many_open_quotes_do_not_make_reading_slow(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("id,text\n" + '1","开\n' * 6_000 + "2,好\n" * 9, encoding="utf-8")  # each closes one, opens one
    start = time.perf_counter()
    rows = list(read_rows(path))
    assert time.perf_counter() - start < 20
    assert len(rows) == 6_009 and [type(row) for row in rows] == [BadRow] * 6_000 + [Row] * 9


def test_a_field_longer_than_the_csv_modules_default_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("text\n" + "长" * 200_000, encoding="utf-8")
    assert len(texts(path)[0]) == 200_000


def test_a_missing_column_lists_those_found(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("编号,内容\n1,好\n", encoding="utf-8")
    with pytest.raises(UserError, match="no column 'text'; columns found: 编号, 内容"):
        read_rows(path)
    path.write_text("text,text\n1,好\n", encoding="utf-8")
    with pytest.raises(UserError, match="more than one column 'text'"):
        read_rows(path)


def test_xlsx_numbers_are_posts_gaps_are_rows_and_the_empty_end_is_not(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    sheet = book.active
    for cells in (["id", "text"], [1, "好"], [None, None], [3, 666], [4, 2.5], [5, None]):
        sheet.append(cells)
    sheet["B7"] = "=1/0"
    sheet["B7"].data_type = "e"
    sheet["B7"].value = "#DIV/0!"
    sheet["B30"] = None
    path = tmp_path / "a.xlsx"
    book.save(path)
    rows = list(read_rows(path))
    assert [row.text if isinstance(row, Row) else row.code for row in rows] == ["好", "", "666", "2.5", "", "bad_row"]
    assert rows[0] == Row(0, "好")


def test_jsonl_bad_rows_do_not_stop_the_file_and_show_no_content(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"text":"好","n":1}\n{"text":秘密}\n{"text":5}\n\n["秘密"]\n{"text":"行"}\n')
    rows = list(read_rows(path))
    assert [row.row for row in rows] == [0, 1, 2, 3, 4]
    assert rows[0] == Row(0, "好")
    assert all(isinstance(row, BadRow) and row.code == "bad_row" and "秘密" not in row.message for row in rows[1:4])
    assert rows[4] == Row(4, "行")


def test_conversations_become_one_text(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    turns = [{"role": "user", "content": "你好"}, {"role": "assistant", "content": "在的"}]
    path.write_text(json.dumps({"turns": turns}) + '\n{"turns":"不是列表"}\n{"turns":[{"role":"user"}]}\n')
    good, *bad = read_rows(path)
    assert isinstance(good, Row)
    assert "你好" in good.text and "在的" in good.text
    assert all(isinstance(row, BadRow) for row in bad)


@pytest.mark.parametrize(
    ("content", "expected"),
    [("一\n\n二\n", ["一", "", "二"]), ('\n{"text":"一"}\n{"text":"二"}\n', ["一", "二"])],
)
def test_standard_input_is_lines_or_jsonl(content: str, expected: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content.encode("gb18030"))))
    assert [row.text for row in read_rows("-") if isinstance(row, Row)] == expected


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"PK\x03\x04rest", "zip archive or Excel"),
        (b"\x89PNG\r\n\x1a\n", "PNG image"),
        (b"%PDF-1.7\n", "PDF"),
        (b"abc\0def", "binary"),
        ("Déjà vu, à côté".encode("cp1252"), "neither UTF-8"),
        ("今日はとても悲しい日でした".encode("shift_jis"), "neither UTF-8"),
        ("難過的一天，怎麼辦纔好".encode("big5"), "neither UTF-8"),
        (b"\xff\xc0\xc1" * 100, "neither UTF-8"),
    ],
)
def test_what_is_not_text_is_refused_not_garbled(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(content)
    with pytest.raises(UserError, match=message):
        list(read_rows(path))


DAMAGED = [("utf-8", b"\xe5\xa5"), ("utf-8-sig", b"\xff"), ("gb18030", b"\xff"), ("gb18030", b"\x81"),
           ("utf-16", b"\x00\xd8"), ("utf-8", b"\0")]  # fmt: skip


@pytest.mark.parametrize(("encoding", "damage"), DAMAGED)
@pytest.mark.parametrize("ending", [".txt", ".csv", ".jsonl"])
@pytest.mark.parametrize("before", [30_000, 200])
def test_a_damaged_line_is_a_bad_row_and_the_others_are_read(
    tmp_path: Path, encoding: str, damage: bytes, ending: str, before: int
) -> None:
    if damage == b"\0" and before == 200:
        return  # at a file's start a NUL byte says that it is binary
    head, line = {".txt": ("", "%s"), ".csv": ("id,text\n", '1,"%s"'), ".jsonl": ("\n", '{"text": "%s"}')}[ending]
    good = line % "好好的一行" + "\n"
    unmarked = "utf-16-le" if encoding == "utf-16" else "utf-8" if encoding == "utf-8-sig" else encoding
    start, end = (part.encode(unmarked) for part in (line % "秘密|" + "\n").split("|"))
    path = tmp_path / f"a{ending}"
    mark = {"utf-16": b"\xff\xfe", "utf-8-sig": b"\xef\xbb\xbf"}.get(encoding, b"")
    path.write_bytes(mark + (head + good * before).encode(unmarked) + start + damage + end + good.encode(unmarked) * 2)
    rows = list(read_rows(path))
    assert [row.row for row in rows] == list(range(before + 3))
    assert {row.text for row in rows if isinstance(row, Row)} == {"好好的一行"}
    (bad,) = (row for row in rows if isinstance(row, BadRow))
    assert (bad.row, bad.code) == (before, "bad_row")
    assert f"line {before + 1 + bool(head)} " in bad.message and "秘密" not in bad.message


def test_a_file_cut_within_a_character_loses_its_last_line_only(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    for encoding in ("utf-8", "gb18030", "utf-16"):
        path.write_bytes(("好好的一行\n" * 30_000 + "好").encode(encoding)[:-1])
        rows = list(read_rows(path))
        assert len(rows) == 30_001 and [row.row for row in rows if isinstance(row, BadRow)] == [30_000]


def test_half_a_surrogate_pair_is_left_to_check_text(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"text":"\\udcff累","labels":[]}\n{"text":"好","labels":[]}\n')
    half, good = read_rows(path)
    assert half == Row(0, "\udcff累") and good == Row(1, "好")
    with pytest.raises(UserError) as refused:
        check_text(half.text)
    labelled, _ = read_labelled(path)  # no one checks these
    assert isinstance(labelled, BadRow) and labelled.code == refused.value.code == "invalid_text"


def test_a_column_of_a_text_file_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.txt"
    path.write_text("好\n")
    with pytest.raises(UserError, match=r"a text file has no columns; .*'正文'"):
        read_rows(path, "正文")
    for content, refused in (("好\n", True), ('{"正文":"好"}\n', False)):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content.encode())))
        if refused:
            with pytest.raises(UserError, match="standard input: a text file has no columns"):
                read_rows("-", "正文")
        else:
            assert list(read_rows("-", "正文")) == [Row(0, "好")]


@pytest.mark.parametrize(
    ("name", "content"),
    [("a.txt", ""), ("a.csv", ""), ("a.csv", "id,text,labels\n"), ("a.tsv", "text\tlabels"), ("a.jsonl", "\n \n")],
)
def test_a_file_without_rows_is_refused(tmp_path: Path, name: str, content: str) -> None:
    path = tmp_path / name
    path.write_text(content)
    with pytest.raises(UserError, match=f"{name} holds no rows; "):
        read_rows(path)
    if name != "a.txt":
        with pytest.raises(UserError, match=f"{name} holds no rows; "):
            read_labelled(path)


def test_empty_workbooks_and_empty_standard_input_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    book = openpyxl.Workbook()
    book.save(tmp_path / "a.xlsx")
    book.active.append(["text"])
    book.save(tmp_path / "b.xlsx")
    for path in (tmp_path / "a.xlsx", tmp_path / "b.xlsx"):
        with pytest.raises(UserError, match="holds no rows; "):
            read_rows(path)
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"")))
    with pytest.raises(UserError, match="standard input holds no rows; "):
        read_rows("-")


def test_paths_that_cannot_be_read_are_one_line_at_once(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="not found; check the path"):
        read_rows(tmp_path / "none.txt")
    with pytest.raises(UserError, match="is a folder"):
        read_rows(tmp_path)
    (tmp_path / "a.docx").write_text("x")
    with pytest.raises(UserError, match=r"\.docx are not read; use \.txt, \.csv, \.tsv, \.xlsx, \.jsonl"):
        read_rows(tmp_path / "a.docx")
    (tmp_path / "a.xlsx").write_bytes(b"no workbook")
    with pytest.raises(UserError, match="no Excel workbook"):
        read_rows(tmp_path / "a.xlsx")


def test_labelled_records_keep_what_an_evaluation_needs(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    record = {
        "id": "r1", "group": "g1", "split": "test", "task": "t", "license": "CC-BY-4.0", "text": "好累",
        "labels": ["甲"], "evidence": [{"start": 0, "end": 2, "label": None}], "explanation": "因为", "meta": {"x": 1},
    }  # fmt: skip
    lines = [record, {"text": "无", "labels": []}, {"text": "数", "labels": [7]}, {"text": "缺"}]
    lines.append({**record, "evidence": [{"start": 0, "end": 9, "label": None}]})
    path.write_text("\n".join(map(json.dumps, lines)))
    first, empty, number, missing, outside = read_labelled(path)
    assert first == LabelledRow(
        0, "r1", "好累", ("甲",), "g1", "test", "t", "CC-BY-4.0", evidence=(Span(0, 2, None),), explanation="因为"
    )
    assert isinstance(empty, LabelledRow) and empty.labels == () and empty.id == empty.group == "row-1"
    assert isinstance(number, LabelledRow) and number.labels == ("7",)
    assert isinstance(missing, BadRow) and isinstance(outside, BadRow)


def test_labelled_tables_split_their_labels(tmp_path: Path) -> None:
    path = tmp_path / "a.tsv"
    path.write_bytes("正文\t标签\tgroup\n一\t甲、乙\tg\n二\t丙; 丁|戊\tg\n三\t\t\n".encode("utf-16"))
    rows = [row for row in read_labelled(path, "正文", "标签") if isinstance(row, LabelledRow)]
    assert [row.labels for row in rows] == [("甲", "乙"), ("丙", "丁", "戊"), ()]
    assert [row.group for row in rows] == ["g", "g", "row-2"]
    with pytest.raises(UserError, match="no column 'labels'"):
        read_labelled(path, "正文")


def test_memory_stays_flat_however_long_the_file(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    peaks = []
    for rows in (10_000, 40_000):
        path.write_text("text\n" + "平常的一天，什么也没发生\n" * rows, encoding="gb18030")
        tracemalloc.start()
        assert sum(1 for _ in read_rows(path)) == rows
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.1 * peaks[0]
