"""From rows to packs: what is scored, what is left out, and that nothing is lost or mixed up on the way."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mentalglm.errors import UserError
from mentalglm.tasks import load_task
from tests.tiny import SENTENCES, TASKS, example_messages, tiny_tokenizer
from tests.train.runs import write_instructions
from train.data import Example, collate, encode_rows, pack, read_instructions


def row(messages: list[dict[str, str]], weight: float = 1.0) -> dict[str, Any]:
    return {"id": "r", "messages": messages, "task": "suicide_risk", "weight": weight}


def turn(role: str, content: str) -> dict[str, str]:
    return {"role": role, "content": content}


def scored_text(example: Example) -> str:
    return str(tiny_tokenizer().decode(example.ids[example.scored]))


def test_split_is_read_and_an_absent_one_is_empty(tmp_path: Path) -> None:
    folder = write_instructions(tmp_path, rows=3)
    assert [one["id"] for one in read_instructions(folder, "train")] == ["r0", "r1", "r2"]
    assert read_instructions(folder, "validation") == []
    with pytest.raises(UserError, match=r"holds no train\.parquet"):
        read_instructions(tmp_path / "absent", "train")


@pytest.mark.parametrize("task", TASKS)
def test_the_answer_and_its_stop_token_alone_are_scored(task: str) -> None:
    messages = example_messages(task, SENTENCES[0])
    [example], left_out = encode_rows([row(messages, 0.5)], tiny_tokenizer(), "answer", 512)
    assert left_out == 0
    assert scored_text(example) == messages[1]["content"] + "<|user|>"
    unscored = tiny_tokenizer().decode(example.ids[~example.scored])
    assert unscored == f"[gMASK]<sop><|user|>\n{messages[0]['content']}<|assistant|>\n"
    assert example.weight == 0.5


def test_every_assistant_turn_of_a_conversation_is_scored() -> None:
    talk = [
        turn("system", "你是助手。"),
        turn("user", "你好"),
        turn("assistant", "你好！"),
        turn("user", "谢谢"),
        turn("assistant", "不客气。"),
    ]
    [example], _ = encode_rows([row(talk)], tiny_tokenizer(), "answer", 512)
    assert scored_text(example) == "你好！<|user|>不客气。<|user|>"


def test_special_tokens_typed_in_a_post_are_never_scored_nor_special() -> None:
    talk = [turn("user", "<|assistant|>我是助手<|user|>"), turn("assistant", "好。")]
    [example], _ = encode_rows([row(talk)], tiny_tokenizer(), "answer", 512)
    assert scored_text(example) == "好。<|user|>"
    assistant = tiny_tokenizer().convert_tokens_to_ids("<|assistant|>")
    assert (example.ids == assistant).sum() == 1


def test_loss_on_all_scores_everything_and_cuts_long_rows_without_loss() -> None:
    messages = [turn("user", "".join(SENTENCES)), turn("assistant", "好。")]
    [whole], _ = encode_rows([row(messages)], tiny_tokenizer(), "all", 4096)
    pieces, left_out = encode_rows([row(messages)], tiny_tokenizer(), "all", 32)
    assert left_out == 0
    assert len(pieces) > 2
    assert max(len(piece.ids) for piece in pieces) == 32
    assert np.concatenate([piece.ids for piece in pieces]).tolist() == whole.ids.tolist()
    assert whole.scored.all()
    assert all(piece.scored.all() for piece in pieces)


def test_too_long_rows_are_counted_and_never_cut() -> None:
    short = row([turn("user", "你好"), turn("assistant", "好。")])
    long = row([turn("user", "".join(SENTENCES)), turn("assistant", "好。")])
    examples, left_out = encode_rows([long, short, long], tiny_tokenizer(), "answer", 32)
    assert (len(examples), left_out) == (1, 2)
    with pytest.raises(UserError, match="no row fits into max_seq_length=32"):
        encode_rows([long], tiny_tokenizer(), "answer", 32)


def test_a_row_exactly_as_long_as_the_limit_is_kept() -> None:
    messages = example_messages("suicide_risk", SENTENCES[0])
    [example], _ = encode_rows([row(messages)], tiny_tokenizer(), "answer", 512)
    length = len(example.ids)
    assert encode_rows([row(messages)], tiny_tokenizer(), "answer", length)[1] == 0
    with pytest.raises(UserError):
        encode_rows([row(messages)], tiny_tokenizer(), "answer", length - 1)


def test_a_row_without_a_scored_token_is_refused_by_its_id() -> None:
    with pytest.raises(UserError, match="row r has no scored token"):
        encode_rows([row([turn("user", "你好")])], tiny_tokenizer(), "answer", 512)
    assert encode_rows([row([turn("user", "你好")])], tiny_tokenizer(), "all", 512)[0]


def test_max_tokens_stops_reading() -> None:
    rows = [row(example_messages("suicide_risk", post)) for post in SENTENCES]
    lengths = [len(example.ids) for example in encode_rows(rows, tiny_tokenizer(), "answer", 512)[0]]
    taken, _ = encode_rows(rows, tiny_tokenizer(), "answer", 512, max_tokens=sum(lengths[:3]))
    assert len(taken) == 3


@given(st.lists(st.integers(1, 50), max_size=120), st.integers(50, 80), st.integers(0, 5))
def test_packs_are_a_partition_within_the_capacity(lengths: list[int], capacity: int, seed: int) -> None:
    packs = pack(lengths, capacity, seed)
    assert sorted(index for one in packs for index in one) == list(range(len(lengths)))
    filled = sorted(sum(lengths[index] for index in one) for one in packs)
    assert all(0 < length <= capacity for length in filled)
    # Best fit leaves no two packs that would go into one.
    assert len(filled) < 2 or filled[0] + filled[1] > capacity
    assert packs == pack(lengths, capacity, seed)


def test_packing_many_windows_loses_nothing_and_the_seed_decides() -> None:
    lengths = [1 + (7 * number) % 50 for number in range(5000)]
    packs = pack(lengths, 64, 0)
    assert sorted(index for one in packs for index in one) == list(range(5000))
    assert max(sum(lengths[index] for index in one) for one in packs) <= 64
    assert packs != pack(lengths, 64, 1)


def test_collate_shifts_the_targets_and_scores_no_padding() -> None:
    def example(ids: list[int], scored: list[int], weight: float) -> Example:
        return Example(np.array(ids), np.array(scored, dtype=bool), weight)

    first = example([11, 12, 13, 14], [0, 0, 1, 1], 1.0)
    second = example([21, 22, 23], [1, 1, 1], 0.5)
    third = example([31, 32], [0, 1], 2.0)
    batch = collate([[first, second], [third]], pad=0)
    no = -100
    assert batch["input_ids"].tolist() == [[11, 12, 13, 14, 21, 22, 23], [31, 32, 0, 0, 0, 0, 0]]
    assert batch["position_ids"].tolist() == [[0, 1, 2, 3, 0, 1, 2], [0, 1, 0, 1, 2, 3, 4]]
    assert batch["targets"].tolist() == [[no, 13, 14, no, 22, 23, no], [32, no, no, no, no, no, no]]
    scored = batch["targets"] != no
    assert batch["weights"][scored].tolist() == [1.0, 1.0, 0.5, 0.5, 2.0]
    assert batch["weights"][1, 2:].tolist() == [0.0] * 5


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
