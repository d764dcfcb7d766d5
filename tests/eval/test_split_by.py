"""A file divided anew: whole authors, or what is not before a date; baselines and examples learn from the rest."""

import json
from pathlib import Path
from typing import Any

import pytest

from eval.data import load_data
from eval.split_by import Rule, _moment, divide
from tests.eval.commands import evaluate, manifest, refusal, samples

HIGH, LOW = "高自杀风险", "低自杀风险"


def records(folder: Path, **more: Any) -> Path:
    """Sixty posts of twenty authors, one a day; ``more`` replaces keys of single rows."""
    path = folder / "suicide_risk.jsonl"
    rows = [
        {
            "id": f"r{i}", "group": f"g{i}", "text": f"第{i}天，{'都安排好了' if i % 3 == 0 else '照常上班'}",
            "labels": [HIGH if i % 3 == 0 else LOW], "split": "train" if i < 40 else "test",
            "meta": {"author": f"author-{i % 20}", "day": f"2023-{1 + i // 28:02}-{1 + i % 28:02}"},
        }
        for i in range(60)
    ]  # fmt: skip
    for place, changes in more.get("rows", {}).items():
        rows[place] |= changes
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return path


def run(path: Path, out: Path, *options: object) -> dict[str, Any]:
    asked = ["run", "--task", "suicide_risk", "--data", path, "--model", "majority", "--out", out]
    assert evaluate(*asked, *options).exit_code == 0
    about: dict[str, Any] = manifest(out)["data"]
    return about


def test_an_author_lies_on_one_side(tmp_path: Path) -> None:
    path = records(tmp_path)
    about = run(path, tmp_path / "run", "--held-out-by", "author")
    author = {f"r{i}": i % 20 for i in range(60)}
    held = {author[sample["id"]] for sample in samples(tmp_path / "run")}
    assert about["split"] == "held_out" and about["rows"] == 3 * len(held) and 1 <= len(held) <= 9
    assert about["train_rows"] == 60 - about["rows"]  # the file's own split does not count
    said = about["split_by"]
    assert said == {
        "by": "author", "share": 0.2, "groups": len(held), "train_groups": 20 - len(held), "rows": about["rows"],
        "unplaced": 0, "repeated": 0,
    }  # fmt: skip
    assert "author-" not in (tmp_path / "run" / "manifest.json").read_text(encoding="utf-8")
    more = run(path, tmp_path / "more", "--held-out-by", "author", "--held-out-share", 0.6)
    assert more["split_by"]["groups"] > len(held)
    run(path, tmp_path / "seed", "--held-out-by", "author", "--seed", 3)
    assert {sample["id"] for sample in samples(tmp_path / "seed")} != {each["id"] for each in samples(tmp_path / "run")}


def test_few_shot_examples_are_of_other_authors(tmp_path: Path) -> None:
    path = records(tmp_path)
    options = ["--model", "majority", "--held-out-by", "author"]
    run(path, tmp_path / "base", *options[2:])
    evaluate(
        "run", "--task", "suicide_risk", "--data", path, "--held-out-by", "author", "--shots", 1, "--labels-only",
        "--limit", 2, "--out", tmp_path / "shots",
    )  # fmt: skip
    held = {sample["id"] for sample in samples(tmp_path / "base")}
    made = manifest(tmp_path / "shots")
    assert len(made["shots"]["ids"]) == 2 and not set(made["shots"]["ids"]) & held
    assert {sample["id"] for sample in samples(tmp_path / "shots")} <= held and made["data"]["rows"] == 2


@pytest.mark.parametrize(
    ("after", "first"), [("2023-02-13", 40), ("2023年2月13日", 40), ("2023/2/13 00:00", 40), ("0.8", 48), ("0.99", 59)]
)
def test_what_is_not_before_a_date_is_held_out(tmp_path: Path, after: str, first: int) -> None:
    about = run(records(tmp_path), tmp_path / "run", "--held-out-after", after, "--time-column", "day")
    assert {sample["id"] for sample in samples(tmp_path / "run")} == {f"r{i}" for i in range(first, 60)}
    assert about["split_by"]["from"] == f"2023-{1 + first // 28:02}-{1 + first % 28:02}T00:00:00"
    assert about["train_rows"] == first


def test_numbers_are_moments_too_and_equal_ones_stay_together(tmp_path: Path) -> None:
    years = {i: {"meta": {"year": 2010 + i // 20}} for i in range(60)}
    path = records(tmp_path, rows=years)
    assert run(path, tmp_path / "a", "--held-out-after", "2012", "--time-column", "year")["rows"] == 20
    assert run(path, tmp_path / "b", "--held-out-after", "0.5", "--time-column", "year")["rows"] == 40


def test_rows_without_a_place_and_repeated_posts_are_left_out(tmp_path: Path) -> None:
    changes = {
        0: {"meta": {"day": ""}},
        1: {"meta": {"day": "新年"}},
        2: {"text": "第50天，照常上班！"},
        3: {"meta": {}},
    }
    path = records(tmp_path, rows=changes)
    done = evaluate(
        "run", "--task", "suicide_risk", "--data", path, "--model", "majority", "--out", tmp_path / "run",
        "--held-out-after", "2023-02-13", "--time-column", "day",
    )  # fmt: skip
    said = manifest(tmp_path / "run")["data"]["split_by"]
    assert (said["rows"], said["unplaced"], said["repeated"]) == (20, 3, 1)
    assert manifest(tmp_path / "run")["data"]["train_rows"] == 36
    assert "3 rows without it left out, 1 that repeat a held-out post left out" in done.stderr
    assert "a model trained on this file before has seen them all the same" in done.stderr


def test_a_split_divided_further_and_the_column_group(tmp_path: Path) -> None:
    path = records(tmp_path)
    data = load_data(path, "suicide_risk", split="train")
    made = divide(data, Rule(by="group", share=0.5), None, 0)
    assert len(made.samples) + len(made.train) == 40 and made.split == "held_out"


def test_a_run_does_not_go_on_under_another_rule(tmp_path: Path) -> None:
    path = records(tmp_path)
    run(path, tmp_path / "run", "--held-out-by", "author")
    asked = ["run", "--task", "suicide_risk", "--data", path, "--model", "majority", "--out", tmp_path / "run"]
    assert "holds another run" in refusal(*asked, "--held-out-by", "author", "--held-out-share", "0.3")
    assert "slice by another column" in refusal("slice", tmp_path / "run", "--data", path, "--by", "seen_group")


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--held-out-by", "nobody"], "there are id, group, text, labels, split, meta, author, day"),
        (["--held-out-by", "author", "--held-out-after", "0.5", "--time-column", "day"], "give one of them"),
        (["--held-out-after", "0.5"], "goes with --time-column"),
        (["--time-column", "day"], "goes with --time-column"),
        (["--held-out-share", "0.5"], "goes with --held-out-by"),
        (["--held-out-after", "0.5", "--time-column", "author"], "holds no dates"),
        (["--held-out-after", "soon", "--time-column", "day"], "'soon' is not a date"),
        (["--held-out-after", "2030-01-01", "--time-column", "day"], "no row is held out"),
        (["--held-out-after", "2000-01-01", "--time-column", "day"], "no row is left to learn from"),
    ],
)
def test_what_cannot_divide_is_refused(tmp_path: Path, options: list[str], told: str) -> None:
    asked = [
        "run",
        "--task",
        "suicide_risk",
        "--data",
        records(tmp_path),
        "--model",
        "majority",
        "--out",
        tmp_path / "x",
    ]
    assert told in refusal(*asked, *options)
    assert not (tmp_path / "x").exists()


def test_a_suite_says_itself_how_it_is_divided(tmp_path: Path) -> None:
    assert "go with --task" in refusal("run", "open", "--held-out-by", "author", "--out", tmp_path / "x")


@pytest.mark.parametrize(
    "written",
    ["2023-05-31", "2023/5/31", "2023.05.31", "2023年5月31日", "2023-05-31T00:00:00Z", "2023/5/31 0:00", "20230531",
     "2023-05-31T08:00:00+08:00", "2023年5月31日 00:00:00"],
)  # fmt: skip
def test_dates_as_files_write_them(written: str) -> None:
    assert _moment(written) == 1685491200.0
    assert _moment("2023-13-01") is None and _moment("2023/2/30") is None and _moment("12:30") is None
    assert _moment("2023年5月") == _moment("2023-05-01")


def test_a_baseline_is_not_judged_by_the_rows_it_learned(tmp_path: Path) -> None:
    path, out = records(tmp_path, rows={50: {"text": "第3天，都安排好了"}}), tmp_path / "run"  # row 3 is of train
    for split in ("all", "train"):
        command = ["run", "--task", "suicide_risk", "--data", path, "--model", "majority", "--split", split]
        assert f"split {split} holds rows that majority learns from" in refusal(*command, "--out", out)
    said = evaluate("run", "--task", "suicide_risk", "--data", path, "--model", "majority", "--out", out).stderr
    assert "also learns from 1 of the posts evaluated" in " ".join(said.split())
    assert manifest(out)["data"]["train_rows"] == 40
    assert run(path, tmp_path / "apart", "--drop-shared")["train_rows"] == 39


def test_only_columns_of_the_file_are_offered(tmp_path: Path) -> None:
    command = ["run", "--task", "suicide_risk", "--data", records(tmp_path), "--model", "majority"]
    offered = refusal(*command, "--held-out-by", "length", "--out", tmp_path / "run").split("there are ")[1].split(", ")
    assert "author" in offered and "length" not in offered


@pytest.mark.parametrize("option", ["--dtype", "--quantization", "--style", "--endpoint-model", "--revision"])
def test_an_option_that_a_baseline_has_no_use_for_is_refused(tmp_path: Path, option: str) -> None:
    command = ["run", "--task", "suicide_risk", "--data", records(tmp_path), "--model", "majority", option, "int8"]
    assert f"{option} says nothing to" in refusal(*command, "--out", tmp_path / "run")


def test_a_temperature_without_anything_to_draw_is_refused(tmp_path: Path) -> None:
    command = ["run", "--task", "suicide_risk", "--data", records(tmp_path), "--model", "majority"]
    assert "--probe self-consistency" in refusal(*command, "--temperature", 0.5, "--out", tmp_path / "run")


def test_the_report_repeats_the_division(tmp_path: Path) -> None:
    from eval.reporting.runs import read_runs

    run(records(tmp_path), tmp_path / "a" / "run", "--held-out-by", "author", "--held-out-share", 0.3)
    run(records(tmp_path), tmp_path / "b" / "run", "--held-out-after", "2023-02-13", "--time-column", "day")
    (first,), (second,) = (each.values() for each in read_runs([tmp_path / "a" / "run", tmp_path / "b" / "run"]))
    assert "--held-out-by author --held-out-share 0.3" in first.command and "--split" not in first.command
    assert "--held-out-after 2023-02-13 --time-column day" in second.command
    assert first.name != second.name and first.rows_asked != second.rows_asked


def test_rows_are_chosen_by_their_split_or_divided_anew_not_both(tmp_path: Path) -> None:
    command = ["run", "--task", "suicide_risk", "--data", records(tmp_path), "--model", "majority", "--split", "test"]
    assert "give one of them" in refusal(*command, "--held-out-by", "group")
