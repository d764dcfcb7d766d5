"""What a proposal guesses, and what it leaves as a TODO."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from instructions.sources.source import source_from
from instructions.workbook.mapping_text import mapping_text
from instructions.workbook.people import annotators
from instructions.workbook.propose import Proposal, propose
from instructions.workbook.sheets import read_sheets
from tests.instructions.workbook import books


def proposed(path: Path, task: str | None = None) -> Proposal:
    proposals, _ = propose(path, read_sheets(path)[0], task)
    assert len(proposals) == 1
    # Whatever is proposed fits the schema, and is read back from its text as it is.
    source_from(proposals[0].source, "here")
    assert yaml.safe_load(mapping_text(proposals[0], ["a heading"])) == proposals[0].source
    return proposals[0]


def tasks(path: Path, task: str | None = None) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = proposed(path, task).source["tasks"]
    return found


def table(path: Path, header: list[str], *columns: list[Any]) -> Path:
    posts = books.POSTS[: len(columns[0])]
    return books.save(path, {"s": [["帖子", *header], *zip(posts, *columns, strict=True)]})


def test_annotators_adjudication_and_everything_around(tmp_path: Path) -> None:
    source = proposed(books.two_annotators(tmp_path / "lab.xlsx")).source
    assert source["files"] == [{"path": "lab.xlsx", "sheets": ["标注"], "header_row": 2}]
    assert (source["text"], source["id"], source["group"], source["meta"]) == ("微博内容", "序号", "用户ID", ["点赞数"])
    assert source["tasks"] == [
        {"task": "suicide_risk", "labels": "裁定", "annotators": {"标注员1": "标注员1", "标注员2": "标注员2"}}
    ]


def test_the_codebook_is_no_data(tmp_path: Path) -> None:
    path = books.two_annotators(tmp_path / "lab.xlsx")
    _, notes = propose(path, read_sheets(path)[0])
    assert any("'标签说明'" in note and "left out" in note for note in notes)


def test_lists_of_labels_on_two_sheets(tmp_path: Path) -> None:
    source = proposed(books.lists_on_two_sheets(tmp_path / "lab.xlsx")).source
    assert source["files"][0]["sheets"] == ["一月", "二月"]
    assert source["explanation"] == "理由" and source["explanation_by"] == "human"
    assert source["tasks"] == [
        {
            "task": "cognitive_distortion",
            "annotators": {"甲": "甲的标签", "乙": "乙的标签"},
            "map": {"无": [], "应该式陈述": "应该式"},
        }
    ]


def test_ticks_of_two_people(tmp_path: Path) -> None:
    proposal = proposed(books.ticks_in_two_header_rows(tmp_path / "lab.xlsx"))
    (rows,) = proposal.source["tasks"]
    assert rows["task"] == "cognitive_distortion" and "labels" not in rows
    assert rows["annotators"]["李四"] == {"李四/读心术": "读心术", "李四/乱贴标签": "乱贴标签", "李四/应该式": "应该式"}
    # 张三 leaves rows blank and writes no 0: what that means is a guess, and said to be one.
    assert rows["map"] == {"": []} and any("without any tick" in todo for todo in proposal.todos)


def test_ticks_with_0_need_no_such_guess(tmp_path: Path) -> None:
    (rows,) = tasks(table(tmp_path / "a.xlsx", ["读心术", "放大"], [1, 0, 1, 0], [0, 0, 1, 1]))
    assert rows == {"task": "cognitive_distortion", "ticks": {"读心术": "读心术", "放大": "放大"}}


def test_ticks_beside_an_adjudicated_list(tmp_path: Path) -> None:
    (rows,) = tasks(
        table(
            tmp_path / "a.xlsx",
            ["甲_读心术", "甲_放大", "乙_读心术", "乙_放大", "最终标签"],
            ["√", "×", "√", "√"], ["×", "√", "×", "√"], ["√", "×", "×", "√"], ["×", "√", "×", "√"],
            ["读心术", "放大", "读心术", "读心术、放大"],
        )
    )  # fmt: skip
    assert rows["labels"] == "最终标签" and list(rows["annotators"]) == ["甲", "乙"]
    assert rows["annotators"]["乙"] == {"乙_读心术": "读心术", "乙_放大": "放大"}


def test_a_column_that_says_none_is_no_label(tmp_path: Path) -> None:
    (rows,) = tasks(
        table(
            tmp_path / "a.xlsx", ["读心术", "放大", "无歪曲"], ["√", "", "", ""], ["", "√", "", ""], ["", "", "√", "√"]
        )
    )
    assert rows["ticks"] == {"读心术": "读心术", "放大": "放大"} and rows["map"] == {"": []}


def test_two_tasks_in_one_sheet(tmp_path: Path) -> None:
    risk = ["高自杀风险", "低自杀风险"] * 3
    found = tasks(
        table(
            tmp_path / "a.xlsx",
            ["甲_自杀风险", "乙_自杀风险", "甲_等级", "乙_等级"],
            risk,
            risk[::-1],
            [7, 2, 8, 1, 6, 0],
            [7, 2, 9, 1, 6, 2],
        )
    )
    assert [rows["task"] for rows in found] == ["suicide_risk", "suicide_level"]
    assert [rows["annotators"] for rows in found] == [
        {"甲": "甲_自杀风险", "乙": "乙_自杀风险"},
        {"甲": "甲_等级", "乙": "乙_等级"},
    ]


def test_abbreviations_are_guessed_where_the_task_is_named(tmp_path: Path) -> None:
    columns = ["高", "低", "低", "高"], ["高", "高", "低", "不确定"]
    proposal = proposed(table(tmp_path / "自杀风险.xlsx", ["标注员A", "标注员B"], *columns))
    (rows,) = proposal.source["tasks"]
    assert rows["task"] == "suicide_risk"
    assert rows["map"] == {"高": "高自杀风险", "低": "低自杀风险", "不确定": "TODO"}
    assert any("不确定" in todo for todo in proposal.todos)


def test_the_same_abbreviations_alone_are_a_new_task(tmp_path: Path) -> None:
    columns = ["高", "低", "低", "高"], ["高", "高", "低", "低"]
    proposal = proposed(table(tmp_path / "a.xlsx", ["标注员A", "标注员B"], *columns))
    assert proposal.source["tasks"][0]["task"] == "new_task"
    assert proposal.new_tasks[0]["kind"] == "single" and set(proposal.new_tasks[0]["labels"]) == {"高", "低"}
    named = tasks(table(tmp_path / "a.xlsx", ["标注员A", "标注员B"], *columns), "suicide_risk")
    assert named[0]["map"] == {"高": "高自杀风险", "低": "低自杀风险"}


def test_yes_and_no_answer_many_questions(tmp_path: Path) -> None:
    rows = [
        ["text", "Rater 1", "Rater 2"],
        *([f"I am writing line {n}", "yes" if n % 2 else "no", "yes"] for n in range(8)),
    ]
    path = books.save(tmp_path / "a.xlsx", {"s": rows})
    assert tasks(path)[0]["task"] == "new_task"
    assert tasks(path, "stress")[0] == {"task": "stress", "annotators": {"Rater1": "Rater 1", "Rater2": "Rater 2"}}


def test_a_new_scale_of_numbers_is_ordinal(tmp_path: Path) -> None:
    proposal = proposed(
        table(tmp_path / "a.xlsx", ["标注员1评分", "标注员2评分"], [11, 12, 13, 11], [12, 12, 13, 11]), "calm"
    )
    (task,) = proposal.new_tasks
    assert (task["name"], task["kind"], task["language"]) == ("calm", "ordinal", "zh")
    assert task["labels"] == {"11": "TODO", "12": "TODO", "13": "TODO"}


def test_ages_and_counts_are_no_labels(tmp_path: Path) -> None:
    source = proposed(
        table(tmp_path / "a.xlsx", ["标签", "年龄", "转发"], ["安全", "临界", "安全"], [10, 9, 10], [1, 0, 1])
    ).source
    assert [rows["task"] for rows in source["tasks"]] == ["emotional_safety"]
    assert source["meta"] == ["年龄", "转发"]


def test_no_labels_no_proposal(tmp_path: Path) -> None:
    path = table(tmp_path / "a.xlsx", ["转发"], [1, 5, 9])
    proposals, notes = propose(path, read_sheets(path)[0])
    assert proposals == [] and "no column of labels" in notes[0]


@pytest.mark.parametrize(
    ("columns", "about", "names"),
    [
        (["标注张三", "标注张四"], (), ["张三", "张四"]),
        (["标注员1：风险等级", "标注员2：风险等级"], (), ["标注员1", "标注员2"]),
        (["甲_自杀风险", "乙_自杀风险"], ("自杀风险",), ["甲", "乙"]),
        (["Annotator A label", "Annotator B label"], (), ["Annotator A", "Annotator B"]),
        (["王医生/等级", "李医生/等级"], (), ["王", "李"]),
        (["标签", "标签2"], (), ["标签", "标签2"]),
    ],
)
def test_names_of_annotators(columns: list[str], about: tuple[str, ...], names: list[str]) -> None:
    assert list(annotators(columns, about).values()) == names
