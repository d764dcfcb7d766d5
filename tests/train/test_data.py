"""Rows are read whole or not at all, and what stands in a pack stays apart."""

import copy
from pathlib import Path

import numpy as np
import pytest

from mentalglm.errors import UserError
from mentalglm.tasks import load_task
from tests.tiny import TASKS, tiny_tokenizer
from tests.train.runs import write_instructions
from train.data import Example, collate, pad_id, read_instructions


def test_split_is_read_and_an_absent_one_is_empty(tmp_path: Path) -> None:
    folder = write_instructions(tmp_path, rows=3)
    assert [one["id"] for one in read_instructions(folder, "train")] == ["r0", "r1", "r2"]
    assert read_instructions(folder, "validation") == []
    with pytest.raises(UserError, match=r"holds no train\.parquet"):
        read_instructions(tmp_path / "absent", "train")


def test_the_rows_of_some_tasks_alone_and_a_task_without_rows_is_refused_by_name(tmp_path: Path) -> None:
    folder = write_instructions(tmp_path, rows=12)
    rows = read_instructions(folder, "train", [TASKS[1], TASKS[3]])
    assert [one["id"] for one in rows] == ["r1", "r3", "r7", "r9"]
    with pytest.raises(UserError, match=r"task=stress: .* holds no row of it; it has cognitive_distortion, cogni"):
        read_instructions(folder, "train", [TASKS[1], "stress"])


def test_a_file_that_is_no_parquet_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "train.parquet").write_bytes(b"PAR1 not at all")
    with pytest.raises(UserError, match=r"train\.parquet: cannot be read \(.*\); build it again"):
        read_instructions(tmp_path, "train")


def test_collate_shifts_the_targets_and_scores_no_padding() -> None:
    def example(ids: list[int], scored: list[int], weight: float) -> Example:
        return Example(np.array(ids), np.array(scored, dtype=bool), weight)

    first = example([11, 12, 13, 14], [0, 0, 1, 1], 1.0)
    second = example([21, 22, 23], [1, 1, 1], 0.5)
    third = example([31, 32], [0, 1], 2.0)
    batch = collate([[(0, [first]), (0, [second])], [(0, [third])]], pad=0)
    no = -100
    assert batch["input_ids"].tolist() == [[11, 12, 13, 14, 21, 22, 23], [31, 32, 0, 0, 0, 0, 0]]
    assert batch["position_ids"].tolist() == [[0, 1, 2, 3, 0, 1, 2], [0, 1, 0, 1, 2, 3, 4]]
    assert batch["targets"].tolist() == [[no, 13, 14, no, 22, 23, no], [32, no, no, no, no, no, no]]
    scored = batch["targets"] != no
    assert batch["weights"][scored].tolist() == [1.0, 1.0, 0.5, 0.5, 2.0]
    assert batch["weights"][1, 2:].tolist() == [0.0] * 5
    assert "attention_mask" not in batch


def test_collate_lays_a_shared_beginning_down_once() -> None:
    def example(ids: list[int], scored: list[int], weight: float) -> Example:
        return Example(np.array(ids), np.array(scored, dtype=bool), weight)

    first = example([1, 2, 3, 14, 15], [0, 0, 0, 0, 1], 1.0)
    second = example([1, 2, 3, 24, 25, 26], [0, 0, 0, 0, 1, 1], 0.5)
    third = example([31, 32], [0, 1], 2.0)
    batch = collate([[(3, [first, second]), (0, [third])]], pad=0)
    no = -100
    assert batch["input_ids"].tolist() == [[1, 2, 3, 14, 15, 24, 25, 26, 31, 32]]
    assert batch["position_ids"].tolist() == [[0, 1, 2, 3, 4, 3, 4, 5, 0, 1]]
    assert batch["targets"].tolist() == [[no, no, no, 15, no, 25, 26, no, 32, no]]
    assert batch["weights"][0, [3, 5, 6, 8]].tolist() == [1.0, 0.5, 0.5, 2.0]
    seen = [np.flatnonzero(row).tolist() for row in batch["attention_mask"][0, 0]]
    assert seen[:5] == [[0], [0, 1], [0, 1, 2], [0, 1, 2, 3], [0, 1, 2, 3, 4]]
    assert seen[5:] == [[0, 1, 2, 5], [0, 1, 2, 5, 6], [0, 1, 2, 5, 6, 7], [8], [8, 9]]


def test_a_folder_s_own_tasks_become_known_and_a_broken_one_is_named_before_any_training(tmp_path: Path) -> None:
    write_instructions(tmp_path)
    (tmp_path / "tasks").mkdir()
    path = tmp_path / "tasks" / "pets.yaml"
    path.write_text(
        "{name: pets, kind: single, language: zh, question: 养了什么？, labels: [猫, 狗]}", encoding="utf-8"
    )
    read_instructions(tmp_path, "train")
    assert load_task("pets").label_names == ["猫", "狗"]
    path.write_text(
        "{name: pets, kind: double, language: zh, question: 养了什么？, labels: [猫, 狗]}", encoding="utf-8"
    )
    with pytest.raises(UserError, match=r"pets\.yaml: kind"):
        read_instructions(tmp_path, "train")


def test_a_tokenizer_without_padding_still_fills_packs() -> None:
    tokenizer = copy.deepcopy(tiny_tokenizer())
    assert pad_id(tokenizer) == tokenizer.pad_token_id
    tokenizer.pad_token = None
    assert pad_id(tokenizer) == 0
