"""Building from people's own files: one YAML and no Python for a new task, what is absent, what comes out."""

import csv
import json
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import yaml

from instructions.build import build
from mentalglm.answer import parse_answer
from mentalglm.errors import UserError
from mentalglm.tasks import load_task

ROOT = Path(__file__).parents[2]

# All that a researcher with a table of her own writes.
OWN = """
name: campus
tasks:
  - name: exam_worry
    kind: single
    language: zh
    question: 这个帖子里的考试焦虑有多强？
    labels:
      没有: 没有提到为考试担心
      轻微: 提到担心，仍能照常生活
      强烈: 担心到影响睡眠、饮食或学习
sources:
  - source:
      name: campus-2025
      reader: table
      files: [campus.csv]
      licence: CC-BY-4.0
      language: zh
      text: 正文
      group: 学号
      explanation: 说明
      explanation_by: human
      evidence: 依据
      tasks:
        - {task: exam_worry, labels: 焦虑, map: {无: 没有, 轻: 轻微, 重: 强烈}}
mixture: {validation: 0.2}
"""
LEVELS = ("无", "轻", "重")


def campus(folder: Path, rows: int = 60) -> None:
    with (folder / "campus.csv").open("w", encoding="gb18030", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["学号", "正文", "焦虑", "依据", "说明"])
        for n in range(rows):
            # Posts with nothing in common, so that none is a near duplicate.
            post = "".join(map(chr, random.Random(n).sample(range(0x4E00, 0x9FA5), 28))) + "，后天考试"
            why = "文中写到后天考试，语气里的担心与标签相符，没有写到别的困扰。" if n % 2 else ""
            writer.writerow([f"s{n // 2}", post, LEVELS[n % 3], "后天考试", why])


def rows_of(out: Path) -> list[dict[str, Any]]:
    files = [out / f"{split}.parquet" for split in ("train", "validation")]
    return [row for file in files if file.is_file() for row in pq.read_table(file).to_pylist()]


@pytest.fixture
def own(tmp_path: Path) -> Path:
    campus(tmp_path)
    (tmp_path / "campus.yaml").write_text(OWN, encoding="utf-8")
    return tmp_path / "campus.yaml"


def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "instructions", *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, encoding="utf-8", check=False)


def test_a_new_task_on_a_new_table_takes_one_yaml_and_no_python(own: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    done = run("build", own, "--data", tmp_path, "--out", out)
    assert done.returncode == 0, done.stderr
    assert "campus" not in load_task.__module__ and not (ROOT / "mentalglm/tasks/exam_worry.yaml").exists()
    from mentalglm.tasks import load_task_file

    task = load_task_file(out / "tasks" / "exam_worry.yaml")
    rows = rows_of(out)
    assert len(rows) == 60
    counted = dict.fromkeys(task.label_names, 0)
    for row in rows:
        answer = parse_answer(row["messages"][1]["content"], task, "grounded")
        assert answer is not None and answer.evidence is not None
        assert [quote.text for quote in answer.evidence] == ["后天考试"]
        counted[answer.labels[0]] += 1
    assert counted == {"没有": 20, "轻微": 20, "强烈": 20}
    told = json.loads((out / "corpus.json").read_text(encoding="utf-8"))
    assert told == {"style": "grounded", "tasks": ["exam_worry"]}
    # Two rows of one student are never divided.
    splits: dict[int, set[str]] = {}
    for row in rows:
        splits.setdefault(int(row["id"].split(":")[2]) // 2, set()).add(row["split"])
    assert {len(found) for found in splits.values()} == {1}
    assert {"train", "validation"} == {split for found in splits.values() for split in found}


def test_a_task_that_is_not_defined_is_one_line(own: Path, tmp_path: Path) -> None:
    text = own.read_text(encoding="utf-8").replace("  - name: exam_worry", "  - name: exam_fear")
    own.write_text(text, encoding="utf-8")
    done = run("build", own, "--data", tmp_path, "--out", tmp_path / "out")
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1 and "exam_worry" in done.stderr


def test_it_loads_with_datasets_from_disk(own: Path, tmp_path: Path) -> None:
    from datasets import load_from_disk

    build(own, tmp_path, tmp_path / "out")
    loaded = load_from_disk(str(tmp_path / "out" / "dataset"))
    assert {split: len(rows) for split, rows in loaded.items()} == {
        split: pq.read_metadata(tmp_path / "out" / f"{split}.parquet").num_rows for split in ("train", "validation")
    }
    first = loaded["train"][0]
    assert first["messages"][0]["role"] == "user" and first["messages"][1]["role"] == "assistant"


def test_stages_are_instruction_folders_of_their_own(own: Path, tmp_path: Path) -> None:
    stages = {"stages": [{"name": "first", "languages": ["en"]}, {"name": "second", "languages": ["zh"]}]}
    own.write_text(own.read_text(encoding="utf-8") + yaml.safe_dump(stages), encoding="utf-8")
    with (tmp_path / "english.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([["text", "label"], *[[f"Nothing but number {n} today", "no"] for n in range(9)]])
    config = yaml.safe_load(own.read_text(encoding="utf-8"))
    english = {"name": "english", "reader": "table", "files": ["english.csv"], "language": "en"}
    config["sources"].append({"source": english | {"tasks": [{"task": "stress", "labels": "label"}]}})
    config["checks"] = {"near_duplicates": None}
    own.write_text(yaml.safe_dump(config, allow_unicode=True, sort_keys=False), encoding="utf-8")
    out = tmp_path / "out"
    build(own, tmp_path, out)
    assert len(rows_of(out)) == 69
    assert {row["task"] for row in rows_of(out / "first")} == {"stress"}
    assert {row["task"] for row in rows_of(out / "second")} == {"exam_worry"}
    info = json.loads((out / "dataset_info.json").read_text(encoding="utf-8"))
    assert all((out / entry["file_name"]).is_file() for entry in info.values())
    assert {"campus_train", "campus_first_train", "campus_second_validation"} <= set(info)
    told = [json.loads((folder / "corpus.json").read_text(encoding="utf-8")) for folder in (out, out / "first")]
    assert told == [
        {"style": "grounded", "tasks": ["exam_worry", "stress"]},
        {"style": "grounded", "tasks": ["stress"]},
    ]


def test_what_is_absent_or_changed_is_said_and_strict_stops(own: Path, tmp_path: Path) -> None:
    config = yaml.safe_load(own.read_text(encoding="utf-8"))
    source = config["sources"][0]["source"]
    source["files"] = [{"path": "campus.csv", "sha256": "0" * 64}, "later.csv"]
    source["url"] = "https://example.org/campus"
    own.write_text(yaml.safe_dump(config, allow_unicode=True, sort_keys=False), encoding="utf-8")
    done = run("build", own, "--data", tmp_path, "--out", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    assert "missing, left out: campus-2025: later.csv (published at https://example.org/campus)" in done.stderr
    assert "changed since the source was described: campus-2025: campus.csv" in done.stderr
    stopped = run("build", own, "--data", tmp_path, "--out", tmp_path / "strict", "--strict")
    assert stopped.returncode == 2 and len(stopped.stderr.splitlines()) == 1
    assert "later.csv" in stopped.stderr and not (tmp_path / "strict").exists()


def test_a_held_out_list_that_is_not_there_stops_the_build(own: Path, tmp_path: Path) -> None:
    own.write_text(own.read_text(encoding="utf-8") + "checks: {heldout: [lists.json]}\n", encoding="utf-8")
    with pytest.raises(UserError, match=r"lists\.json"):
        build(own, tmp_path, tmp_path / "out")


def test_personal_data_is_masked_and_evidence_moves_with_the_words(own: Path, tmp_path: Path) -> None:
    with (tmp_path / "campus.csv").open("a", encoding="gb18030", newline="") as file:
        csv.writer(file).writerow(["s99", "打我电话13912345678吧，后天考试我真的很怕，睡不着", "重", "真的很怕", ""])
    build(own, tmp_path, tmp_path / "out")
    row = next(row for row in rows_of(tmp_path / "out") if "很怕" in row["messages"][0]["content"])
    assert "13912345678" not in json.dumps(row, ensure_ascii=False)
    assert "〔电话〕" in row["messages"][0]["content"]
    assert "「真的很怕」" in row["messages"][1]["content"]
    assert "| campus-2025 | phone | 1 |" in (tmp_path / "out" / "README.md").read_text(encoding="utf-8")


def test_an_unsound_explanation_is_left_out_and_the_row_kept(own: Path, tmp_path: Path) -> None:
    with (tmp_path / "campus.csv").open("a", encoding="gb18030", newline="") as file:
        post = "明天又要考试了，翻来覆去睡不着，心里很慌"
        csv.writer(file).writerow(["s98", post, "重", "睡不着", "文中写到睡不着，担心已影响作息，建议尽快就医。"])
    built = build(own, tmp_path, tmp_path / "out")
    row = next(row for row in rows_of(tmp_path / "out") if "很慌" in row["messages"][0]["content"])
    assert row["messages"][1]["content"].endswith("依据：「睡不着」。")
    assert [why for _, _, why in built.screened.without] == ["the explanation gives advice"]
    lines = [json.loads(line) for line in (tmp_path / "out/quarantine.jsonl").open(encoding="utf-8")]
    assert [line["kept"] for line in lines] == ["without explanation"]


def test_records_can_be_written_and_read_again(own: Path, tmp_path: Path) -> None:
    build(own, tmp_path, tmp_path / "out", records_to=tmp_path / "made" / "records.jsonl")
    config = {"name": "again", "records": {"files": ["made/records.jsonl"]}}
    config["tasks"] = yaml.safe_load(own.read_text(encoding="utf-8"))["tasks"]
    (tmp_path / "again.yaml").write_text(yaml.safe_dump(config, allow_unicode=True, sort_keys=False), encoding="utf-8")
    again = build(tmp_path / "again.yaml", tmp_path, tmp_path / "again")
    assert {(row["id"], row["split"]) for row in rows_of(tmp_path / "again")} == {
        (row["id"], row["split"]) for row in rows_of(tmp_path / "out")
    }
    assert again.quarantined == []


@pytest.mark.slow
def test_one_process_or_two_and_twice_give_the_same_hash(own: Path, tmp_path: Path) -> None:
    campus(tmp_path, rows=5000)
    hashes = {build(own, tmp_path, tmp_path / "out", processes=count).digest for count in (1, 2, 2)}
    assert len(hashes) == 1


def changed(own: Path, **changes: Any) -> dict[str, Any]:
    """Writes the config again with changes, and returns it."""
    config: dict[str, Any] = yaml.safe_load(own.read_text(encoding="utf-8")) | changes
    own.write_text(yaml.safe_dump(config, allow_unicode=True, sort_keys=False), encoding="utf-8")
    return config


def test_test_rows_of_a_source_are_held_out_of_the_whole_build(own: Path, tmp_path: Path) -> None:
    config = changed(own)
    first = config["sources"][0]["source"]
    second = first | {"name": "tested", "splits": "file", "files": [{"path": "tested.csv", "split": "test"}]}
    lines = (tmp_path / "campus.csv").read_bytes().splitlines(keepends=True)
    (tmp_path / "tested.csv").write_bytes(b"".join(lines[:11]))
    changed(own, sources=[*config["sources"], {"source": second}])
    built = build(own, tmp_path, tmp_path / "out")
    assert len(built.rows) == len(rows_of(tmp_path / "out")) == 50
    assert [why for _, _, why in built.quarantined] == ["the post is in a held-out test set"] * 10
    assert {row.split for row in built.rows} <= {"train", "validation"}


def test_posts_of_a_held_out_source_count_whatever_their_labels(own: Path, tmp_path: Path) -> None:
    config = changed(own)
    source = config["sources"][0]["source"]
    lines = (tmp_path / "campus.csv").read_bytes().splitlines(keepends=True)
    (tmp_path / "tested.csv").write_bytes(b"".join(lines[:11]).replace("无".encode("gb18030"), "？".encode("gb18030")))
    held = source | {"name": "tested", "files": ["tested.csv"]}
    absent = source | {"name": "absent", "files": ["absent.csv"]}
    changed(own, checks={"heldout_sources": [{"source": held}, {"source": absent}]})
    built = build(own, tmp_path, tmp_path / "out")
    assert len(built.rows) == 50
    assert built.gathered.missing == ["held out: absent: absent.csv"]
    with pytest.raises(UserError, match="absent"):
        build(own, tmp_path, tmp_path / "strict", strict=True)


def test_rows_read_again_do_not_say_that_there_is_no_evidence(own: Path, tmp_path: Path) -> None:
    config = changed(own)
    del config["sources"][0]["source"]["evidence"]
    changed(own, **config)
    build(own, tmp_path, tmp_path / "out", records_to=tmp_path / "records.jsonl")
    again = {"name": "again", "records": {"files": ["records.jsonl"]}, "tasks": config["tasks"]}
    changed(own, **again, sources=[])
    for folder in (tmp_path / "out", tmp_path / "again"):
        if folder.name == "again":
            build(own, tmp_path, folder)
        assert not any("依据：" in row["messages"][1]["content"] for row in rows_of(folder))


NO_TASKS = {"name": "x", "reader": "lines", "files": ["campus.csv"], "language": "zh"}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"stages": [{"name": "a", "languages": ["zh"]}, {"name": "a", "languages": ["en"]}]}, "the name 'a' is taken"),
        ({"stages": [{"name": "dataset", "languages": ["zh"]}]}, "the name 'dataset' is taken"),
        ({"checks": {"near_duplicates": 0.3}}, "near_duplicates"),
        (
            {"sources": [{"source": {"name": "x", "reader": "lines", "files": ["campus.csv"], "language": "zh"}}]},
            "no tasks",
        ),
        ({"sources": [{"source": {"name": "x", "reader": "lines"}}]}, "campus: sources.0: "),
    ],
)
def test_mistakes_are_one_line_that_says_where(own: Path, tmp_path: Path, changes: dict[str, Any], said: str) -> None:
    changed(own, **changes)
    done = run("build", own, "--data", tmp_path, "--out", tmp_path / "out")
    assert done.returncode == 2 and len(done.stderr.splitlines()) == 1, done.stderr
    assert said in done.stderr


def test_a_source_twice_a_key_twice_no_folder_and_broken_yaml_are_one_line(own: Path, tmp_path: Path) -> None:
    config = changed(own)
    changed(own, sources=config["sources"] * 2)
    with pytest.raises(UserError, match="'campus-2025' stands twice"):
        build(own, tmp_path, tmp_path / "out")
    with pytest.raises(UserError, match="no such folder"):
        build(own, tmp_path / "nowhere", tmp_path / "out")
    own.write_text(own.read_text(encoding="utf-8") + "name: again\n", encoding="utf-8")
    with pytest.raises(UserError, match="the key 'name' stands twice"):
        build(own, tmp_path, tmp_path / "out")
    own.write_text("name: [\n", encoding="utf-8")
    with pytest.raises(UserError, match=r"not valid YAML: .*\(line 2\)"):
        build(own, tmp_path, tmp_path / "out")


def test_a_stage_of_an_earlier_build_is_gone(own: Path, tmp_path: Path) -> None:
    changed(own, stages=[{"name": "first", "languages": ["zh"]}])
    build(own, tmp_path, tmp_path / "out")
    assert (tmp_path / "out" / "first" / "train.parquet").is_file()
    changed(own, stages=[])
    build(own, tmp_path, tmp_path / "out")
    assert not (tmp_path / "out" / "first").exists()


def test_dialogue_is_masked_and_told_apart(tmp_path: Path) -> None:
    talk = [{"role": "user", "content": "打我13912345678"}, {"role": "assistant", "content": "好"}]
    lines = [{"messages": talk}, {"messages": talk}]
    (tmp_path / "talk.jsonl").write_text("\n".join(map(json.dumps, lines)), encoding="utf-8")
    source = {"name": "talk", "reader": "messages", "files": ["talk.jsonl"], "language": "zh"}
    config = {"name": "talk", "dialogue": {"sources": [{"source": source}]}}
    (tmp_path / "talk.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")
    built = build(tmp_path / "talk.yaml", tmp_path, tmp_path / "out")
    assert [row.messages[0]["content"] for row in built.rows] == ["打我〔电话〕"]
    assert [why for _, _, why in built.quarantined] == ["a duplicate: the same dialogue"]


@pytest.mark.slow
def test_a_killed_build_is_not_mistaken_for_a_whole_one(own: Path, tmp_path: Path) -> None:
    from train.data import read_instructions

    out = tmp_path / "out"
    digest = build(own, tmp_path, out).digest
    campus(tmp_path, rows=3000)
    command = [sys.executable, "-m", "instructions", "build", str(own), "--data", str(tmp_path), "--out", str(out)]
    for delay in (0.5, 1.5, 3.0):
        child = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.DEVNULL)
        time.sleep(delay)
        child.send_signal(signal.SIGKILL)
        child.wait()
        for split in ("train", "validation"):
            pq.read_table(out / f"{split}.parquet")  # every file is whole
        if (out / "corpus.sha256").read_text(encoding="utf-8").strip() != digest:
            continue
        if not (out / ".unfinished").exists():
            assert len(rows_of(out)) == 60  # the last build, untouched
        else:
            with pytest.raises(UserError, match="interrupted"):
                read_instructions(out, "train")
    assert run("build", own, "--data", tmp_path, "--out", out).returncode == 0
    assert (out / "corpus.sha256").read_text(encoding="utf-8").strip() != digest
    assert len(rows_of(out)) == 3000


def test_what_is_held_out_of_the_records_is_held_out_of_the_dialogue_too(tmp_path: Path) -> None:
    from tests.instructions.made import POSTS, record

    records = [record(POSTS[0], id="a"), record(POSTS[1], id="b", split="test")]
    (tmp_path / "records.jsonl").write_text("\n".join(one.model_dump_json() for one in records), encoding="utf-8")
    talk = [{"messages": [{"role": "user", "content": post}]} for post in (POSTS[1], POSTS[2])]
    (tmp_path / "talk.jsonl").write_text("\n".join(map(json.dumps, talk)), encoding="utf-8")
    source = {"name": "talk", "reader": "messages", "files": ["talk.jsonl"], "language": "zh"}
    config = {"name": "both", "records": {"files": ["records.jsonl"]}, "dialogue": {"sources": [{"source": source}]}}
    (tmp_path / "both.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")
    built = build(tmp_path / "both.yaml", tmp_path, tmp_path / "out")
    assert {row.messages[0]["content"] for row in built.rows if row.task == "dialogue"} == {POSTS[2]}
