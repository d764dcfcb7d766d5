"""Running: what is kept, what is not, what a kill leaves behind."""

import csv
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

REPOSITORY = Path(__file__).parents[2]


def command(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "eval", *map(str, arguments)]


def evaluate(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command(*arguments), cwd=REPOSITORY, capture_output=True, text=True, check=False)


def samples(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "samples.jsonl").read_text(encoding="utf-8").splitlines()]


def test_only_the_test_split_is_evaluated_and_said_so(records: Path, tmp_path: Path) -> None:
    done = evaluate("run", "--task", "suicide_risk", "--data", records, "--model", "tfidf", "--out", tmp_path / "run")
    assert done.returncode == 0, done.stderr
    assert "split test: 20 of 60 rows" in done.stderr
    assert done.stdout == ""
    kept = samples(tmp_path / "run")
    assert [item["id"] for item in kept] == [f"r{i}" for i in range(40, 60)]
    assert all(item["labels"] == item["gold"] for item in kept)  # the two classes share no clause
    assert kept[0]["group"] == "g20"
    assert set(kept[0]["probabilities"]) == {"高自杀风险", "低自杀风险"}


def test_a_run_keeps_hashes_and_offsets_but_no_words(records: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    evaluate("run", "--task", "suicide_risk", "--data", records, "--model", "majority", "--out", folder)
    written = "".join(path.read_text(encoding="utf-8") for path in folder.iterdir())
    assert "照常" not in written and "安排" not in written
    assert len(samples(folder)[0]["text_sha256"]) == 64
    assert samples(folder)[0]["gold_evidence"] == [{"start": 0, "end": 2, "label": None}]
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    assert len(manifest["data"]["sha256"]) == 64 and manifest["data"]["split"] == "test"
    assert manifest["model"]["name"] == "majority" and manifest["versions"]["python"]


def test_store_text_keeps_the_words(records: Path, tmp_path: Path) -> None:
    arguments = ("run", "--task", "suicide_risk", "--data", records, "--model", "majority")
    evaluate(*arguments, "--store-text", "--out", tmp_path / "run")
    assert "照常" in samples(tmp_path / "run")[1]["text"]


def test_a_killed_run_goes_on_and_ends_as_if_never_killed(records: Path, tmp_path: Path) -> None:
    rows = [json.loads(line) for line in records.read_text(encoding="utf-8").splitlines()]
    test = [{**rows[40 + i % 20], "id": f"t{i}"} for i in range(1200)]
    big = tmp_path / "big.jsonl"
    big.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows[:40] + test), encoding="utf-8")
    arguments = ("run", "--task", "suicide_risk", "--data", big, "--model", "tfidf", "--batch-size", "1")
    folder = tmp_path / "killed"

    process = subprocess.Popen(command(*arguments, "--out", folder), cwd=REPOSITORY, stderr=subprocess.DEVNULL)
    stored = folder / "samples.jsonl"
    while process.poll() is None and not (stored.exists() and stored.stat().st_size > 2000):
        time.sleep(0.001)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert process.returncode == -signal.SIGKILL
    before = stored.read_bytes()
    assert 0 < before.count(b"\n") < 1200
    stored.write_bytes(before + b'{"id": "t1199", "torn')

    again = evaluate(*arguments, "--out", folder)
    assert again.returncode == 0, again.stderr
    assert "resuming" in again.stderr
    assert [item["id"] for item in samples(folder)] == [f"t{i}" for i in range(1200)]
    whole = tmp_path / "whole"
    evaluate(*arguments, "--out", whole)
    assert stored.read_bytes() == (whole / "samples.jsonl").read_bytes()


def test_a_folder_of_another_run_is_refused_in_one_line(records: Path, tmp_path: Path) -> None:
    arguments = ("run", "--task", "suicide_risk", "--data", records, "--out", tmp_path / "run")
    assert evaluate(*arguments, "--model", "majority").returncode == 0
    kept = (tmp_path / "run" / "samples.jsonl").read_bytes()
    for other in (
        ("--model", "tfidf"),
        ("--model", "lexicon", "--split", "all"),
        ("--model", "majority", "--limit", 3),
    ):
        refused = evaluate(*arguments, *other)
        assert refused.returncode == 2
        assert refused.stderr.splitlines()[-1].startswith(f"error: {tmp_path / 'run'} holds another run")
    with records.open("a", encoding="utf-8") as file:
        file.write(json.dumps({"id": "new", "text": "新的一行", "labels": ["低自杀风险"], "split": "test"}) + "\n")
    refused = evaluate(*arguments, "--model", "majority")
    assert refused.returncode == 2 and "sha256" in refused.stderr
    assert (tmp_path / "run" / "samples.jsonl").read_bytes() == kept


def test_tables_and_bad_rows(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    with path.open("w", encoding="gb18030", newline="") as file:
        table = csv.writer(file)
        table.writerow(["正文", "标签", "split"])
        table.writerows(
            [["读得懂", "低自杀风险", "train"], ["照常上班", "低自杀风险", "test"], [" ", "低自杀风险", "test"]]
        )
        table.writerow(["多出一格", "低自杀风险", "test", "多"])
    arguments = ("run", "--task", "suicide_risk", "--data", path, "--model", "majority", "--out", tmp_path / "run")
    done = evaluate(*arguments, "--text-column", "正文", "--label-column", "标签")
    assert done.returncode == 1  # some row could not be read
    assert "row 2: the post is empty" in done.stderr and "row 3:" in done.stderr
    assert [item["row"] for item in samples(tmp_path / "run")] == [1]
    assert json.loads((tmp_path / "run" / "manifest.json").read_text(encoding="utf-8"))["data"]["bad_rows"] == 2


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"labels": ["没有这个"]}, "row 60: the label '没有这个' is none of suicide_risk"),
        ({"labels": ["这里其实是一段被当成标签的文字，不该出现"]}, "the label of 20 characters is none of"),
        ({"labels": ["高自杀风险", "低自杀风险"]}, "2 labels; suicide_risk takes exactly one"),
        ({"id": "r3", "labels": ["低自杀风险"]}, "rows 3 and 60 share an id"),
    ],
)
def test_wrong_gold_is_refused_never_dropped(records: Path, tmp_path: Path, row: dict[str, Any], message: str) -> None:
    with records.open("a", encoding="utf-8") as file:
        file.write(json.dumps({"text": "一行", "split": "test", **row}, ensure_ascii=False) + "\n")
    done = evaluate(
        "run", "--task", "suicide_risk", "--data", records, "--model", "majority", "--out", tmp_path / "run"
    )
    assert done.returncode == 2
    assert done.stderr.startswith("error: ") and done.stderr.count("\n") == 1
    assert message in done.stderr
    assert not (tmp_path / "run").exists()


def test_requests_that_cannot_be_met(records: Path, tmp_path: Path) -> None:
    base = ("run", "--data", records, "--out", tmp_path / "run")
    for more, message in [
        (("--task", "nonsense", "--model", "majority"), "unknown task 'nonsense'"),
        (
            ("--task", "suicide_risk", "--model", "majority", "--split", "dev"),
            "no row of split 'dev' (splits: test, train)",
        ),
        (("--task", "suicide_level", "--model", "majority"), "no row"),
    ]:
        done = evaluate(*base, *more)
        assert done.returncode == 2
        assert message in done.stderr and "Traceback" not in done.stderr
    alone = tmp_path / "alone.jsonl"
    alone.write_text(json.dumps({"text": "一行", "labels": ["低自杀风险"]}), encoding="utf-8")
    done = evaluate("run", "--task", "suicide_risk", "--data", alone, "--model", "tfidf", "--out", tmp_path / "run")
    assert done.returncode == 2 and "split train" in done.stderr


def test_a_limit_draws_the_same_rows_every_time(records: Path, tmp_path: Path) -> None:
    arguments = ("run", "--task", "suicide_risk", "--data", records, "--model", "majority", "--limit", 5)
    for name in ("one", "two"):
        assert evaluate(*arguments, "--out", tmp_path / name).returncode == 0
    ids = [item["id"] for item in samples(tmp_path / "one")]
    assert len(ids) == 5 and ids != [f"r{i}" for i in range(40, 45)]
    assert ids == [item["id"] for item in samples(tmp_path / "two")]


def test_the_built_in_model_runs_along_the_same_path(records: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    done = evaluate("run", "--task", "suicide_risk", "--data", records, "--limit", 3, "--out", folder)
    assert done.returncode == 0, done.stderr
    for item in samples(folder):
        assert item["parsed"] in (True, False)
        assert all(0 <= span["start"] < span["end"] for span in item["evidence"])
    assert len(json.loads((folder / "manifest.json").read_text(encoding="utf-8"))["prompt_hash"]) == 64
    assert evaluate("score", folder).returncode == 0


def test_an_interrupt_is_no_traceback(records: Path, tmp_path: Path) -> None:
    rows = records.read_text(encoding="utf-8").splitlines()
    many = [json.loads(rows[50]) | {"id": f"t{i}"} for i in range(20_000)]
    big = tmp_path / "big.jsonl"
    big.write_text("\n".join([*rows[:40], *map(json.dumps, many)]), encoding="utf-8")
    arguments = ("run", "--task", "suicide_risk", "--data", big, "--model", "tfidf", "--batch-size", "1")
    process = subprocess.Popen(
        command(*arguments, "--out", tmp_path / "run"), cwd=REPOSITORY, stderr=subprocess.PIPE, text=True
    )
    stored = tmp_path / "run" / "samples.jsonl"
    while process.poll() is None and not (stored.exists() and stored.stat().st_size > 2000):
        time.sleep(0.001)
    os.kill(process.pid, signal.SIGINT)
    assert "Traceback" not in process.communicate()[1]
    assert process.returncode == 130
