"""A suite from data folder to report: what is run, what is left out and said so, what the manifest tells."""

import fcntl
import hashlib
import json
from pathlib import Path

import pytest
import yaml

from eval.data import hold_out, load_entry
from eval.folder import task_manifests
from eval.same_post import post_key
from eval.suite import load_suite
from mentalglm.readers import LabelledRow
from mentalglm.tasks import load_task
from tests.eval.commands import evaluate, manifest, refusal, samples
from tests.eval.published_files import chats, downstream, hierarchy, questions
from tests.tiny import save_tiny


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return downstream(tmp_path / "data")


def test_a_suite_is_run_scored_and_reported(data: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    done = evaluate("run", "downstream", "--data", data, "--model", "tfidf", "--out", out)
    assert done.exit_code == 0
    assert "cognitive_pathway is left out: its files are not there" in done.stderr
    assert "are held out instead" in done.stderr
    kept = samples(out)
    assert [item["task"] for item in kept] == ["suicide_risk"] * 12 + ["cognitive_distortion"] * (len(kept) - 12)
    assert [item["id"] for item in kept[:2]] == ["suicide_val:0", "suicide_val:1"]
    scores = json.loads((out / "scores.json").read_text(encoding="utf-8"))["tasks"]
    assert list(scores) == ["suicide_risk", "cognitive_distortion"] and scores["suicide_risk"]["n"] == 12
    page = (out / "report.html").read_text(encoding="utf-8")
    assert "全部任务" in page and "认知歪曲" in page and "stands in for it" in page
    assert "照常" not in page and "样子" not in page


def test_the_manifest_tells_all(data: Path, tmp_path: Path) -> None:
    evaluate("run", "downstream", "--data", data, "--model", "majority", "--out", tmp_path / "run")
    told = manifest(tmp_path / "run")
    assert told["suite"]["name"] == "downstream" and told["suite"]["version"] == 1
    assert len(told["suite"]["sha256"]) == 64
    assert told["absent"] == {"cognitive_pathway": "no_files"}
    assert {"python", "mentalglm", "numpy"} <= set(told["versions"]) and told["hardware"]["cpus"]
    facts = task_manifests(told)
    risk, distortion = facts["suicide_risk"], facts["cognitive_distortion"]
    test_file = data / "sos-hl-1k" / "suicide_val.jsonl"
    assert risk["data"]["sha256"] == hashlib.sha256(test_file.read_bytes()).hexdigest()
    assert risk["data"]["split"] == "test" and risk["data"]["held_out"] is None and risk["data"]["train_rows"] == 30
    assert distortion["data"]["split"] == "held_out" and distortion["data"]["held_out"] == 0.2
    assert risk["setting"] == "baseline" and risk["seeds"] == {"limit": 0, "held_out": 0, "shots": 0}
    assert risk["task_version"] == load_task("suicide_risk").version


def test_samples_carry_hashes_of_document_prompt_and_target(tmp_path: Path) -> None:
    data = tmp_path / "suicide_risk.jsonl"
    rows = [{"id": str(i), "text": "同一句", "labels": [label]} for i, label in enumerate(["高自杀风险", "低自杀风险"])]
    data.write_text("\n".join(json.dumps(row, ensure_ascii=False) for row in rows), encoding="utf-8")
    evaluate("run", "--task", "suicide_risk", "--data", data, "--labels-only", "--out", tmp_path / "run")
    one, two = samples(tmp_path / "run")
    assert one["text_sha256"] == hashlib.sha256("同一句".encode()).hexdigest() == two["text_sha256"]
    prompt = [
        {"role": "user", "content": load_task("suicide_risk").styles["grounded"].prompt.replace("{post}", "同一句")}
    ]
    assert one["prompt_sha256"] == hashlib.sha256(json.dumps(prompt, ensure_ascii=False).encode()).hexdigest()
    assert one["target_sha256"] != two["target_sha256"]
    told = manifest(tmp_path / "run")
    assert told["setting"] == "fine-tuned" and told["model"]["quantization"] is None
    assert told["model"]["revision"] is None and len(told["model"]["weights_sha256"]) == 64


def test_held_out_posts_are_the_same_whatever_the_order_and_never_on_both_sides() -> None:
    texts = [f"第{i % 40}句！" if i < 40 else f"第{i % 40}句" for i in range(80)]  # every post twice, signs aside
    rows = [LabelledRow(i, str(i), text, ("低自杀风险",), str(i)) for i, text in enumerate(texts)]
    kept, held = hold_out(rows, 0.3, 0)
    assert 0 < len(held) < 40 and len(kept) + len(held) == 80
    assert not {post_key(row.text) for row in kept} & {post_key(row.text) for row in held}
    again = hold_out(rows[::-1], 0.3, 0)[1]
    assert {row.id for row in again} == {row.id for row in held}
    assert {row.id for row in hold_out(rows, 0.3, 1)[1]} != {row.id for row in held}


def test_a_split_of_an_entry_can_be_named(data: Path) -> None:
    suite = load_suite("downstream")
    entry = suite.tasks[0]
    named = load_entry(entry, data, suite.settings_of(entry), "train")
    assert named is not None and named.split == "train" and len(named.samples) == 30
    assert load_entry(entry, data, suite.settings_of(entry), "validation") is None
    assert load_entry(suite.tasks[2], data, suite.settings_of(suite.tasks[2])) is None
    hierarchy(data / "cp" / "test.txt", 19)
    found = load_entry(suite.tasks[2], data, suite.settings_of(suite.tasks[2]))
    assert found is not None and len(found.samples) == 19


def test_a_task_the_model_was_not_taught_is_left_out_and_all_of_them_refused(tmp_path: Path) -> None:
    questions(tmp_path / "imhi" / "instruction_data" / "DR" / "val.csv", ["depression"], 6)
    said = refusal("run", "imhi", "--data", tmp_path, "--out", tmp_path / "run")
    assert "no task can be asked" in said and "depression: the model was not taught it" in said
    assert not (tmp_path / "run").exists()


def test_imhi_files_are_read_as_published(tmp_path: Path) -> None:
    questions(tmp_path / "imhi" / "instruction_data" / "DR" / "train.csv", ["depression"], 8)
    questions(tmp_path / "test_data" / "test_instruction" / "DR.csv", ["depression"], 6)
    done = evaluate("run", "imhi", "--data", tmp_path, "--model", "majority", "--out", tmp_path / "run")
    assert "loneliness is left out: its files are not there" in done.stderr
    assert len(samples(tmp_path / "run")) == 6
    assert manifest(tmp_path / "run")["tasks"]["depression"]["data"]["split"] == "test"


def test_a_published_file_can_be_run_by_itself(tmp_path: Path) -> None:
    path = chats(tmp_path / "suicide_val.jsonl", 6)
    evaluate("run", "--task", "suicide_risk", "--data", path, "--labels-only", "--out", tmp_path / "run")
    assert len(samples(tmp_path / "run")) == 6


def test_a_suite_resumes_and_refuses_other_settings(data: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    command = ("run", "downstream", "--data", data, "--model", "majority", "--out", out)
    evaluate(*command)
    whole = (out / "samples.jsonl").read_bytes()
    lines = whole.splitlines(keepends=True)
    (out / "samples.jsonl").write_bytes(b"".join(lines[:5] + lines[14:20]) + lines[20][:9])  # as if by several kills
    done = evaluate(*command)
    assert "resuming" in done.stderr
    assert sorted((out / "samples.jsonl").read_bytes().splitlines(keepends=True)) == sorted(lines)
    assert "holds another run (tasks: suicide_risk.data.limit was None, is 3)" in refusal(*command, "--limit", 3)
    chats(data / "sos-hl-1k" / "suicide_val.jsonl", 13, begin=100)
    assert "tasks: suicide_risk.data.sha256" in refusal(*command)


@pytest.mark.parametrize("way", [(), ("--shots", 1), ("--generate",)])
def test_what_a_model_is_asked_again_it_answers_to_the_last_digit(
    records: Path, tmp_path: Path, way: tuple[object, ...]
) -> None:
    """Batches are the same whatever is there already: another batch would round otherwise."""
    lines = [json.loads(line) for line in records.read_text(encoding="utf-8").splitlines()]
    for i, line in enumerate(lines):
        line["text"] += "，真的" * (7 * i % 11)
    records.write_text("\n".join(json.dumps(line, ensure_ascii=False) for line in lines), encoding="utf-8")
    tiny, out = save_tiny(tmp_path / "tiny"), tmp_path / "run"
    command = ("run", "--task", "suicide_risk", "--data", records, "--model", tiny, "--labels-only", "--out", out)
    command += ("--batch-size", 6, "--limit", 14, *way)
    evaluate(*command)
    whole = (out / "samples.jsonl").read_bytes().splitlines(keepends=True)
    (out / "samples.jsonl").write_bytes(b"".join(whole[:4] + whole[9:10]))
    evaluate(*command)
    assert sorted((out / "samples.jsonl").read_bytes().splitlines(keepends=True)) == sorted(whole)


def test_a_changed_suite_is_another_run(data: Path, tmp_path: Path) -> None:
    raw = load_suite("downstream").model_dump(mode="json", exclude_none=True)
    path = tmp_path / "mine.yaml"
    for version in (1, 2):
        path.write_text(
            yaml.safe_dump(raw | {"name": "mine", "version": version}, allow_unicode=True), encoding="utf-8"
        )
        command = ("run", path, "--data", data, "--model", "majority", "--out", tmp_path / "run")
        if version == 1:
            assert evaluate(*command).exit_code == 0
        else:
            assert "holds another run (suite: version was 1, is 2)" in refusal(*command)


def test_two_processes_never_write_one_run(data: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    command = ("run", "downstream", "--data", data, "--model", "majority", "--out", out)
    evaluate(*command)
    with (out / "samples.jsonl").open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        assert "another process is running into it" in refusal(*command)
    assert evaluate(*command).exit_code == 0


def test_a_folder_with_other_files_is_left_alone(data: Path, tmp_path: Path) -> None:
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "mine.txt").write_text("mine", encoding="utf-8")
    said = refusal("run", "downstream", "--data", data, "--model", "majority", "--out", tmp_path / "notes")
    assert "holds other files and no run" in said
    assert [path.name for path in (tmp_path / "notes").iterdir()] == ["mine.txt"]


def test_requests_that_cannot_be_met(data: Path, tmp_path: Path) -> None:
    for arguments, message in [
        (("run",), "name a suite or --task"),
        (("run", "downstream", "--task", "suicide_risk"), "one of them"),
        (("run", "downstream"), "name its folder with --data DIR"),
        (("run", "downstream", "--data", tmp_path / "none"), "is no folder"),
        (("run", "downstream", "--data", data, "--text-column", "x"), "a suite says how its files are read"),
        (("run", "--task", "suicide_risk"), "--task needs --data"),
        (("run", "downstream", "--data", data, "--model", "majority", "--split", "dev"), "split 'dev' is none of"),
        (("run", "downstream", "--data", data, "--model", "majority", "--generate"), "writes no text"),
        (("run", "downstream", "--data", data, "--endpoint", "http://127.0.0.1:9/v1"), "go together"),
    ]:
        assert message in refusal(*arguments)


def test_validate_counts_what_is_there(data: Path, tmp_path: Path) -> None:
    done = evaluate("validate", "downstream", "--data", data)
    assert done.exit_code == 0 and "CP: not there" in done.stdout and "2 of 2" in done.stdout
    path = data / "sos-hl-1k" / "suicide_val.jsonl"
    path.write_text(path.read_text(encoding="utf-8") + "{}\n", encoding="utf-8")
    assert evaluate("validate", "downstream", "--data", data).exit_code == 1
    assert evaluate("validate").exit_code == 0
