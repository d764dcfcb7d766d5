"""Dialogue sources: every file format read from small invented files, cut, drawn, and forgiving of bad rows."""

import gzip
import hashlib
import json
import lzma
import zipfile
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from instructions.build import build
from instructions.sources import load_source, read_turns
from mentalglm.errors import UserError

USER_POST = "今天 路过河边，看见有人放风筝。"
HELD_POST = "Held 出来的 帖子！"


def dumped(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def turn(role: str, content: str) -> dict[str, Any]:
    return {"role": role, "content": content, "annotation": []}


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    for name in ("smile", "cpsycoun", "emollm", "kdconv", "cpsyexam", "psysuicide"):
        (folder / name).mkdir(parents=True)
    smile = [
        {"id": "1", "dialogue": [turn("counselor", "欢迎"), turn("client", "睡不好"), turn("client", "三天了"),
                                 turn("counselor", "听起来很累")]},
        *({"id": str(k), "dialogue": [turn("client", f"第{k}天"), turn("counselor", "我在听")]} for k in range(2, 12)),
    ]  # fmt: skip
    with lzma.open(folder / "smile/smilechat.jsonl.xz", "wt", encoding="utf-8") as file:
        file.write("\n".join(map(dumped, smile)) + "\n")
    text = "来访者：我和室友吵架了\n\n心理咨询师：发生了什么？\n她动了我的东西\n来访者: 说不清"
    with gzip.open(folder / "cpsycoun/CPsyCounD.jsonl.gz", "wt", encoding="utf-8") as file:
        file.write(dumped({"id": "1", "text": text}) + "\n{broken\n" + dumped({"id": "2"}) + "\n")
    pairs = [{"system": "你是咨询师", "input": "你好", "output": "你好呀"}, {"input": "再见", "output": "再见"}]
    for name in ("data", "aiwei"):
        (folder / f"emollm/{name}.json").write_text(dumped([{"conversation": pairs}]), encoding="utf-8")
    chat = [{"name": "x", "messages": [{"message": "看过那部电影吗"}, {"message": "看过", "attrs": []}]}]
    for name in ("film", "music", "travel"):
        (folder / f"kdconv/{name}_dev.json").write_text(dumped(chat), encoding="utf-8")
    question = {"question": "谁提出了它？", "options": {"A": "甲", "B": "乙", "E": ""}, "answer": "B"}
    with zipfile.ZipFile(folder / "cpsyexam/cpsyexam.zip", "w") as archive:
        archive.writestr("train/a.json", dumped([question | {"explanation": "书上有。"}, question]))
        archive.writestr("test/a.json", dumped([{k: v for k, v in question.items() if k != "answer"}]))
    posts = [{"text": USER_POST, "labels": ["无关"]}, {"text": HELD_POST, "labels": ["无关"]}]
    (folder / "psysuicide/valid.json").write_text(dumped(posts), encoding="utf-8")
    digest = hashlib.sha256("held出来的帖子".encode()).hexdigest()[:16]
    (folder / "heldout_hashes.json").write_text(dumped({"sets": {"x": [digest]}}), encoding="utf-8")
    return folder


def config(folder: Path, text: str) -> Path:
    path = folder / "config.yaml"
    path.write_text("name: small\n" + text, encoding="utf-8")
    return path


def turns(name: str, data: Path) -> list[Any]:
    return [found for _, found in read_turns(load_source(name), data)]


def said(*contents: str) -> list[dict[str, str]]:
    return [{"role": ("user", "assistant")[k % 2], "content": text} for k, text in enumerate(contents)]


def test_neighbours_of_one_role_are_joined_and_the_user_begins(data: Path) -> None:
    assert turns("smile", data)[0] == said("睡不好\n三天了", "听起来很累")


def test_speaker_lines_go_on_and_bad_rows_carry_a_reason(data: Path) -> None:
    good, broken, empty = turns("cpsycoun", data)
    assert good == said("我和室友吵架了", "发生了什么？\n她动了我的东西", "说不清")
    assert broken == empty == "not a row that the reader speaker_lines understands"


def test_the_system_prompt_is_left_out(data: Path) -> None:
    assert turns("emollm", data) == [said("你好", "你好呀", "再见", "再见")] * 2


def test_alternating_messages(data: Path) -> None:
    assert turns("kdconv", data) == [said("看过那部电影吗", "看过")] * 3


def test_exam_questions_come_from_the_train_folder_alone(data: Path) -> None:
    asked = "谁提出了它？\nA. 甲\nB. 乙"
    assert turns("cpsyexam", data) == [said(asked, "答案：B\n解析：书上有。"), said(asked, "答案：B")]


def test_the_shipped_config_builds_and_leaves_out_held_out_posts(data: Path, tmp_path: Path) -> None:
    shipped = Path(__file__).parents[2] / "instructions" / "configs" / "pretrain.yaml"
    rows = build(shipped, data, tmp_path / "out")
    written = pq.read_table(tmp_path / "out" / "train.parquet").to_pylist()
    # Two of emollm's and three of kdconv's dialogues are the same.
    assert len(written) == len(rows.rows) == 11 + 1 + (2 - 1) + (3 - 2) + 2 + 1
    assert {(row["task"], row["split"], row["weight"]) for row in written} == {("dialogue", "train", 1.0)}
    assert [row["messages"] for row in written if row["source"] == "psysuicide"] == [said(USER_POST)]
    bad, held = "not a row that the reader speaker_lines understands", "the post is in a held-out test set"
    same = "a duplicate: the same dialogue"
    assert sorted(reason for _, _, reason in rows.quarantined) == [same, same, same, bad, bad, held]
    assert HELD_POST not in (tmp_path / "out" / "quarantine.jsonl").read_text(encoding="utf-8")
    assert not (tmp_path / "out" / "validation.parquet").exists()


def test_max_rows_draws_the_same_rows_and_another_seed_others(data: Path, tmp_path: Path) -> None:
    def drawn(seed: int) -> list[str]:
        text = f"seed: {seed}\ndialogue: {{sources: [{{name: smile, max_rows: 4}}]}}"
        return [row.id for row in build(config(tmp_path, text), data, tmp_path / "out").rows]

    assert len(drawn(1)) == 4
    assert drawn(1) == drawn(1)
    assert set(drawn(1)) != set(drawn(2))


def test_a_dialogue_is_cut_at_a_turn(data: Path, tmp_path: Path) -> None:
    text = "dialogue: {max_characters: 7, sources: [{name: emollm}]}"
    rows = build(config(tmp_path, text), data, tmp_path / "out")
    # 你好 + 你好呀 + 再见 would fit, but a question without its answer goes too.
    assert [row.messages for row in rows.rows] == [said("你好", "你好呀")]
    assert [reason for _, _, reason in rows.quarantined] == ["a duplicate: the same dialogue"]


def test_a_missing_file_is_named_and_the_rest_goes_on(data: Path, tmp_path: Path) -> None:
    (data / "kdconv" / "music_dev.json").unlink()
    text = "checks: {near_duplicates: null}\ndialogue: {sources: [{name: kdconv}, {name: emollm}]}"
    rows = build(config(tmp_path, text), data, tmp_path / "out")
    assert len(rows.gathered.missing) == 1
    assert rows.gathered.missing[0].startswith("kdconv: kdconv/music_dev.json")
    assert [row.source for row in rows.rows].count("kdconv") == 2  # the files that are there are read
    assert "- kdconv: kdconv/music_dev.json" in (tmp_path / "out" / "README.md").read_text(encoding="utf-8")
    with pytest.raises(UserError, match=r"kdconv/music_dev\.json"):
        build(config(tmp_path, text), data, tmp_path / "strict", strict=True)
    assert not (tmp_path / "strict").exists()


def test_posts_are_not_read_without_the_list_of_held_out_ones(data: Path, tmp_path: Path) -> None:
    (data / "heldout_hashes.json").unlink()
    with pytest.raises(UserError, match=r"no row to write .*heldout_hashes\.json"):
        build(config(tmp_path, "dialogue: {sources: [{name: psysuicide}]}"), data, tmp_path / "out")


@pytest.mark.parametrize("content", ["{oops", '{"a": 1}'])
def test_a_file_broken_as_a_whole_is_one_line(data: Path, tmp_path: Path, content: str) -> None:
    (data / "emollm" / "data.json").write_text(content, encoding="utf-8")
    with pytest.raises(UserError, match=r"emollm/data\.json: .*fetch the file again"):
        build(config(tmp_path, "dialogue: {sources: [{name: emollm}]}"), data, tmp_path / "out")


def test_a_truncated_archive_is_one_line(data: Path, tmp_path: Path) -> None:
    path = data / "smile" / "smilechat.jsonl.xz"
    path.write_bytes(path.read_bytes()[:60])
    with pytest.raises(UserError, match=r"smilechat\.jsonl\.xz: cannot be read"):
        build(config(tmp_path, "dialogue: {sources: [{name: smile}]}"), data, tmp_path / "out")
