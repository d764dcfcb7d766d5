"""Published formats: what is read, what is left out with a reason, and that no message holds a post."""

from pathlib import Path

import pytest

from mentalglm.errors import UserError
from mentalglm.published import read_published, sniff
from mentalglm.readers import BadRow, LabelledRow
from mentalglm.tasks import load_task
from tests.eval.published_files import HIGH, LOW, chats, hierarchy, questions, ticks


def test_chats_give_the_users_turn_and_the_assistants_label(tmp_path: Path) -> None:
    path = chats(tmp_path / "suicide_train.jsonl", 4)
    assert sniff(path) == "messages"
    rows = list(read_published(path, "messages", load_task("suicide_risk")))
    assert [row.labels for row in rows if isinstance(row, LabelledRow)] == [(HIGH,), (LOW,), (LOW,), (HIGH,)]
    assert isinstance(rows[1], LabelledRow)
    assert rows[1].text == "第1天，照常上班，照常吃饭" and rows[1].id == "suicide_train:1"


def test_columns_of_ticks_give_labels(tmp_path: Path) -> None:
    path = ticks(tmp_path / "train.tsv", 3)
    assert sniff(path) == "ticks"
    rows = list(read_published(path, "ticks", load_task("cognitive_distortion")))
    assert [row.labels for row in rows if isinstance(row, LabelledRow)] == [
        ("非此即彼", "乱贴标签"),
        ("以偏概全", "乱贴标签"),
        ("心理过滤", "乱贴标签"),
    ]


def test_a_hierarchy_gives_children_alone(tmp_path: Path) -> None:
    path = hierarchy(tmp_path / "test.txt", 19)
    assert sniff(path) == "hierarchy"
    rows = list(read_published(path, "hierarchy", load_task("cognitive_pathway")))
    assert [row.labels for row in rows if isinstance(row, LabelledRow)] == [
        (name,) for name in load_task("cognitive_pathway").label_names
    ]


def test_questions_tell_the_task_and_answers_the_label(tmp_path: Path) -> None:
    names = ["wellness_social", "wellness_physical"]
    path = questions(tmp_path / "val.csv", names, 4)
    assert sniff(path) == "imhi"
    tasks = [load_task(name) for name in names]
    rows = [row for row in read_published(path, "imhi", tasks[0], tasks) if isinstance(row, LabelledRow)]
    assert [(row.task, row.labels) for row in rows] == [
        (names[0], (tasks[0].label_names[0],)),
        (names[1], (tasks[1].label_names[0],)),
        (names[0], (tasks[0].label_names[1],)),
        (names[1], (tasks[1].label_names[1],)),
    ]
    assert rows[2].text == "Day 2, dear all" and rows[2].explanation == "It says so."


@pytest.mark.parametrize(
    ("format", "task", "ending", "bad"),
    [
        ("messages", "suicide_risk", "jsonl", '{"messages": [{"role": "user", "content": "秘密"}]}'),
        ("messages", "suicide_risk", "jsonl", '{"messages": "秘密"}'),
        ("messages", "suicide_risk", "jsonl", "秘密"),
        ("messages", "suicide_risk", "jsonl", '{"messages": [{"role": "assistant", "content": "低自杀风险"}]}'),
        ("hierarchy", "cognitive_pathway", "txt", "秘密没有标签"),
        ("hierarchy", "cognitive_pathway", "txt", "秘密\t情绪反应"),
    ],
)
def test_a_bad_row_is_handed_on_and_keeps_the_posts_words(
    tmp_path: Path, format: str, task: str, ending: str, bad: str
) -> None:
    make = chats if format == "messages" else hierarchy
    path = make(tmp_path / f"a.{ending}", 2)
    path.write_text(bad + "\n" + path.read_text(encoding="utf-8"), encoding="utf-8")
    first, *rest = read_published(path, format, load_task(task))  # type: ignore[arg-type]
    assert isinstance(first, BadRow) and "秘密" not in first.message
    assert len(rest) == 2 and all(isinstance(row, LabelledRow) for row in rest)


def test_ticks_and_questions_that_say_nothing(tmp_path: Path) -> None:
    path = ticks(tmp_path / "a.tsv", 2)
    lines = path.read_text(encoding="utf-8").splitlines()
    path.write_text("\n".join([lines[0], "?" + lines[1][1:], lines[2]]), encoding="utf-8")
    first, second = read_published(path, "ticks", load_task("cognitive_distortion"))
    assert isinstance(first, BadRow) and isinstance(second, LabelledRow)
    table = tmp_path / "val.csv"
    question = load_task("stress").styles["imhi"].prompt.replace("{post}", "secret")
    rows = [f'"{question.replace(chr(34), chr(34) * 2)}","I cannot tell."', '"What is it? secret","Yes"']
    table.write_text("query,gpt-3.5-turbo\n" + "\n".join(rows), encoding="utf-8")
    found = list(read_published(table, "imhi", load_task("stress")))
    assert all(isinstance(row, BadRow) and "secret" not in row.message for row in found) and len(found) == 2


def test_files_that_are_not_there_or_empty(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="not found"):
        list(read_published(tmp_path / "a.jsonl", "messages", load_task("suicide_risk")))
    (tmp_path / "a.jsonl").write_text("", encoding="utf-8")
    with pytest.raises(UserError, match="holds no rows"):
        list(read_published(tmp_path / "a.jsonl", "messages", load_task("suicide_risk")))


def test_a_record_file_is_none_of_them(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"text": "一句", "labels": ["低自杀风险"]}\n', encoding="utf-8")
    assert sniff(path) is None
