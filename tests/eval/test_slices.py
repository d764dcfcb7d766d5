"""Slices of the posts: by columns of the file and by the text's own properties, gaps with intervals."""

import io
import json
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from eval.arrays import Arrays, to_arrays
from eval.data import file_hash
from eval.slices import kept_slices, print_slices, slice_folder
from mentalglm.errors import UserError
from mentalglm.tasks import load_task
from tests.eval.commands import evaluate, samples
from tests.eval.conftest import sample, write_run

HIGH, LOW = "高自杀风险", "低自杀风险"


@pytest.fixture
def made(tmp_path: Path) -> tuple[Path, Path]:
    """A run that is right on weibo and right on half of zhihu, and the file it answered."""
    data = tmp_path / "posts.jsonl"
    lines, answers = [], []
    for i in range(80):
        gold, weibo = (HIGH if i % 2 else LOW), i < 40
        meta = {"platform": "weibo" if weibo else "zhihu", "when": f"20{10 + i % 10}-03-0{1 + i % 9}", "note": f"n{i}"}
        text = ("今天天气很好，出门走走。" if i % 4 else "a good day for a walk ") * (1 + i % 9)
        group = f"g{i % 20}" if i < 60 else f"h{i}"
        split = "train" if i >= 60 and i % 2 else "test"
        lines.append({"id": f"r{i}", "group": group, "text": text, "labels": [gold], "split": split, "meta": meta})
        said = gold if weibo or i % 4 < 2 else (LOW if gold == HIGH else HIGH)
        answers.append({**sample([gold], [said]), "group": group})
    data.write_text("".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines), encoding="utf-8")
    return write_run(tmp_path / "run", "suicide_risk", answers, sha256=file_hash(data)), data


def slices(result: dict[str, Any], column: str) -> dict[str, Any]:
    return {each["value"]: each for each in result["columns"][column]["slices"]}


def test_gaps_by_a_meta_column(made: tuple[Path, Path]) -> None:
    folder, data = made
    result = slice_folder(folder, ["platform"], data, shown=["accuracy", "f1"])
    found = slices(result, "platform")
    assert found["weibo"]["n"] == found["zhihu"]["n"] == 40
    assert found["weibo"]["metrics"]["accuracy"]["value"] == 1.0
    assert found["zhihu"]["metrics"]["accuracy"]["value"] == 0.5
    gap = found["weibo"]["metrics"]["accuracy"]["gap"]
    assert gap["value"] == 0.5 and 0.3 < gap["low"] < 0.5 < gap["high"] < 0.7 and 0.1 < gap["detectable"] < 0.4
    assert found["zhihu"]["metrics"]["accuracy"]["gap"]["value"] == -0.5
    assert result["columns"]["platform"]["spread"]["accuracy"]["value"] == 0.5
    assert json.loads((folder / "slices.json").read_text(encoding="utf-8")) == result


def test_numbers_and_dates_become_parts_of_equal_size(made: tuple[Path, Path]) -> None:
    folder, data = made
    result = slice_folder(folder, ["length", "when"], data, parts=2)
    lengths = slices(result, "length")
    assert len(lengths) == 2 and sum(each["n"] for each in lengths.values()) == 80
    early, late = slices(result, "when")
    assert early.startswith("1: 2010-03-01 … 2014") and late.startswith("2: 2015") and late.endswith("2019-03-08")


def test_what_the_text_and_the_training_rows_give(made: tuple[Path, Path]) -> None:
    folder, data = made
    result = slice_folder(folder, ["language", "seen_group"], data)
    assert {name: each["n"] for name, each in slices(result, "language").items()} == {"zh": 60, "other": 20}
    assert {name: each["n"] for name, each in slices(result, "seen_group").items()} == {"no": 70, "yes": 10}


def test_what_cannot_divide_posts(made: tuple[Path, Path], tmp_path: Path) -> None:
    folder, data = made
    with pytest.raises(UserError, match=r"no column 'sex'; there are .*platform.*length"):
        slice_folder(folder, ["sex"], data)
    with pytest.raises(UserError, match="'note' has 80 different values") as error:
        slice_folder(folder, ["note"], data)
    assert "n1" not in str(error.value).replace("'note'", "")  # a column may hold the posts themselves
    with pytest.raises(UserError, match="'text' holds values of more than 40"):
        slice_folder(folder, ["text"], data)
    with pytest.raises(UserError, match="not scored by 'mae'"):
        slice_folder(folder, ["platform"], data, shown=["mae"])
    with pytest.raises(UserError, match="holds no task 'suicide_level'"):
        slice_folder(folder, ["platform"], data, task="suicide_level")
    other = tmp_path / "other.jsonl"
    other.write_text(data.read_text(encoding="utf-8") + "\n", encoding="utf-8")
    with pytest.raises(UserError, match="hash differs"):
        slice_folder(folder, ["platform"], other)


def test_one_slice_alone_has_no_gap(made: tuple[Path, Path]) -> None:
    folder, data = made
    only = slice_folder(folder, ["split"], data, parts=2)["columns"]["split"]["slices"]
    assert {each["value"] for each in only} == {"test", "train"}
    text = data.read_text(encoding="utf-8")
    data.write_text(text.replace('"split": "train"', '"split": "test"'), encoding="utf-8")
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["data"]["sha256"] = file_hash(data)
    (folder / "manifest.json").write_text(json.dumps(manifest))
    score = slice_folder(folder, ["split"], data)["columns"]["split"]["slices"][0]["metrics"]["f1"]
    assert score["value"] is not None and score["gap"]["value"] is None


def test_the_table_speaks_both_languages(made: tuple[Path, Path]) -> None:
    console = Console(width=160, record=True, file=io.StringIO())
    print_slices(console, slice_folder(made[0], ["platform"], made[1]))
    text = console.export_text()
    assert all(words in text for words in ("weibo", "与其余帖子之差", "gap to the others", "fewer than 30"))


def test_length_and_language_need_no_file_where_the_run_keeps_them(records: Path, tmp_path: Path) -> None:
    out = tmp_path / "kept"
    evaluate("run", "--task", "suicide_risk", "--data", records, "--model", "majority", "--out", out)
    posts = [json.loads(line) for line in records.read_text(encoding="utf-8").splitlines()][40:]
    assert [line["length"] for line in samples(out)] == [len(post["text"]) for post in posts]
    assert {line["language"] for line in samples(out)} == {"zh"}
    assert not any(post["text"] in (out / "samples.jsonl").read_text(encoding="utf-8") for post in posts)
    by_file = slice_folder(out, ["length", "language"], records)
    assert slice_folder(out, ["length", "language"]) == by_file
    evaluate("slice", out, "--by", "length")
    with pytest.raises(UserError, match=r"--by group needs --data.*; the run itself keeps length and language"):
        slice_folder(out, ["group"])


def test_an_older_run_needs_the_file(made: tuple[Path, Path]) -> None:
    with pytest.raises(UserError, match=r"--by length needs --data, the file of posts that the run answered$"):
        slice_folder(made[0], ["length"])
    assert slice_folder(made[0], ["length"], made[1])["columns"]["length"]["slices"]


def test_runs_are_cut_at_the_same_places() -> None:
    def arrays(lengths: list[int | None]) -> Arrays:
        kept = []
        for i, n in enumerate(lengths):
            beside = {} if n is None else {"length": n, "language": "zh"}
            kept.append({**sample([LOW], [LOW]), "id": str(i), "row": i, "group": str(i), **beside})
        return to_arrays(kept, load_task("suicide_risk"))

    found = kept_slices([arrays(list(range(1, 13))), arrays([1, 12]), arrays([None])], parts=2)
    assert list(found) == ["length"]  # all posts are Chinese
    first, second, third = found["length"]
    assert set(first.values()) == set(second.values()) == {"1: 1 … 6", "2: 7 … 12"} and third == {}
