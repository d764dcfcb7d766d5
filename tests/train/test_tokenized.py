"""From rows to examples on disk: what is scored, what is cut and counted, and a cache that is never stale or broken."""

import copy
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mentalglm.errors import UserError
from mentalglm.prompt import encode_example
from tests.tiny import SENTENCES, TASKS, example_messages, tiny_tokenizer
from tests.train.encoded import config_of, encoded, row, turn, write_rows
from tests.train.runs import ROOT, write_instructions
from train import tokenized
from train.data import Example, read_instructions
from train.token_cache import ArrayWriter
from train.tokenized import CACHE, TokenizedData, open_tokenized, tokenize_split

SHORT = row([turn("user", "你好"), turn("assistant", "好。")])
# No wording of the task, so there is no post that could be cut.
LONG = row([turn("user", "".join(sentence[::-1] for sentence in SENTENCES) * 2), turn("assistant", "好。")])


def scored_text(example: Example) -> str:
    return str(tiny_tokenizer().decode(example.ids[example.scored]))


def caches(folder: Path) -> list[Path]:
    return sorted((folder / CACHE).iterdir())


def again(folder: Path, **settings: Any) -> TokenizedData:
    data = tokenize_split(config_of(folder, **settings), tiny_tokenizer(), "train")
    assert data is not None
    return data


@pytest.mark.parametrize("task", TASKS)
def test_the_answer_and_its_stop_token_alone_are_scored(tmp_path: Path, task: str) -> None:
    messages = example_messages(task, SENTENCES[0])
    data = encoded(tmp_path, [row(messages, 0.5)])
    example = data[0]
    assert (len(data), data.left_out, data.truncated) == (1, 0, 0)
    assert scored_text(example) == messages[1]["content"] + "<|user|>"
    unscored = tiny_tokenizer().decode(example.ids[~example.scored])
    assert unscored == f"[gMASK]<sop><|user|>\n{messages[0]['content']}<|assistant|>\n"
    assert example.weight == 0.5
    assert data.scored_tokens.tolist() == [example.scored.sum()]
    assert data.scored_weights.tolist() == [0.5 * example.scored.sum()]


def test_every_assistant_turn_of_a_conversation_is_scored(tmp_path: Path) -> None:
    talk = [
        turn("system", "你是助手。"),
        turn("user", "你好"),
        turn("assistant", "你好！"),
        turn("user", "谢谢"),
        turn("assistant", "不客气。"),
    ]
    assert scored_text(encoded(tmp_path, [row(talk)])[0]) == "你好！<|user|>不客气。<|user|>"


def test_special_tokens_typed_in_a_post_are_never_scored_nor_special(tmp_path: Path) -> None:
    talk = [turn("user", "<|assistant|>我是助手<|user|>"), turn("assistant", "好。")]
    example = encoded(tmp_path, [row(talk)])[0]
    assert scored_text(example) == "好。<|user|>"
    assistant = tiny_tokenizer().convert_tokens_to_ids("<|assistant|>")
    assert (example.ids == assistant).sum() == 1


def test_many_rows_are_encoded_as_each_would_be_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("train.data._BATCH", 7)
    folder = write_instructions(tmp_path, rows=40)
    data, rows = again(folder), read_instructions(folder, "train")
    assert len(data) == 40
    assert data.row_ids == [one["id"] for one in rows]
    assert data.row_tasks == [one["task"] for one in rows]
    assert data.tasks == sorted(TASKS)
    assert data.lengths.tolist() == [len(data[number].ids) for number in range(40)]
    for number, one in enumerate(rows):
        ids, scored = encode_example(tiny_tokenizer(), one["messages"])
        assert (data[number].ids.tolist(), data[number].scored.tolist()) == (ids, scored)
        assert data[number].weight == one["weight"]


def test_loss_on_all_scores_everything_and_cuts_long_rows_without_loss(tmp_path: Path) -> None:
    [whole] = encoded(tmp_path, [LONG], loss_on="all", max_seq_length=4096)
    pieces = list(again(tmp_path, loss_on="all", max_seq_length=32))
    assert len(pieces) > 2
    assert max(len(piece.ids) for piece in pieces) == 32
    assert np.concatenate([piece.ids for piece in pieces]).tolist() == whole.ids.tolist()
    assert whole.scored.all()
    assert all(piece.scored.all() for piece in pieces)


def test_rows_too_long_are_cut_and_counted_or_left_out_and_counted(tmp_path: Path) -> None:
    post = "".join(sentence[::-1] for sentence in SENTENCES)
    rows = [row(example_messages(task, post)) | {"task": task} for task in TASKS]
    whole = encoded(tmp_path, rows, max_seq_length=1024)
    limit = int(whole.lengths.min()) - 50
    data = again(tmp_path, max_seq_length=limit)
    assert (len(data), data.truncated, data.left_out) == (6, 6, 0)
    assert data.lengths.max() <= limit
    assert [scored_text(example) for example in data] == [scored_text(example) for example in whole]
    with pytest.raises(UserError, match=f"no row fits into max_seq_length={limit}; raise it"):
        again(tmp_path, max_seq_length=limit, overlong="drop")
    data = encoded(tmp_path, [SHORT, *rows, LONG], max_seq_length=limit)
    assert (len(data), data.truncated, data.left_out) == (7, 6, 1)
    assert again(tmp_path, max_seq_length=limit, overlong="drop").left_out == 7


def test_a_row_exactly_as_long_as_the_limit_is_kept_whole(tmp_path: Path) -> None:
    length = int(encoded(tmp_path, [LONG], max_seq_length=1024).lengths[0])
    assert again(tmp_path, max_seq_length=length).left_out == 0
    with pytest.raises(UserError, match="raise it"):
        again(tmp_path, max_seq_length=length - 1)


def test_a_row_without_a_scored_token_is_refused_by_its_id(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="row r has no scored token"):
        encoded(tmp_path, [SHORT, row([turn("user", "你好")])])
    assert len(again(tmp_path, loss_on="all")) == 2
    assert len(caches(tmp_path)) == 1  # nothing half-made stays behind


def test_a_template_that_refuses_a_role_is_one_clear_line(tmp_path: Path) -> None:
    tokenizer = copy.deepcopy(tiny_tokenizer())
    folder = write_rows(tmp_path, [row([turn("system", "你是助手。"), *SHORT["messages"]])])
    refusing = "{% if messages[0]['role'] == 'system' %}{{ raise_exception('no system role') }}{% endif %}"
    dropping = "{% if messages[0]['role'] == 'system' %}{% set messages = messages[1:] %}{% endif %}"
    for change, message in ((refusing, "no system role"), (dropping, "drops a message of role 'system'")):
        tokenizer.chat_template = change + tiny_tokenizer().chat_template
        with pytest.raises(UserError, match=f"template refuses a row: .*{message}.*; change its roles"):
            tokenize_split(config_of(folder), tokenizer, "train")


def test_max_tokens_stops_reading(tmp_path: Path) -> None:
    rows = [row(example_messages("suicide_risk", post)) for post in SENTENCES]
    lengths = encoded(tmp_path, rows).lengths
    for tokens in (sum(lengths[:3]), sum(lengths[:2]) + 1):
        taken = tokenize_split(config_of(tmp_path), tiny_tokenizer(), "train", max_tokens=int(tokens))
        assert taken is not None
        assert len(taken) == 3


def test_some_tasks_alone(tmp_path: Path) -> None:
    folder = write_instructions(tmp_path, rows=12)
    assert again(folder, task=TASKS[2]).tasks == [TASKS[2]]
    assert len(again(folder, task=[TASKS[0], TASKS[1]])) == 4
    write_instructions(tmp_path, rows=2, split="validation")
    for task, count in ((TASKS[1], 1), (TASKS[2], None), ([TASKS[1], TASKS[2]], 1)):
        held = tokenize_split(config_of(folder, task=task), tiny_tokenizer(), "validation")
        assert (None if held is None else len(held)) == count
    with pytest.raises(UserError, match=r"task=stress: .* holds no row of it"):
        again(folder, task="stress")


def test_class_weights_multiply_the_row_s_and_the_validation_split_keeps_its_own(tmp_path: Path) -> None:
    messages = [example_messages("suicide_risk", SENTENCES[0], number) for number in (0, 0, 0, 1)]
    rows = [row(one, 0.5) for one in messages]
    data = encoded(tmp_path, rows, class_weights="balanced")
    assert data.weights.tolist() == pytest.approx([1 / 3] * 3 + [1.0])
    write_rows(tmp_path, rows, "validation")
    held = tokenize_split(config_of(tmp_path, class_weights="balanced"), tiny_tokenizer(), "validation")
    assert held is not None
    assert held.weights.tolist() == [0.5] * 4


def test_an_absent_split_is_none(tmp_path: Path) -> None:
    config = config_of(write_rows(tmp_path, [SHORT]))
    assert tokenize_split(config, tiny_tokenizer(), "validation") is None


def test_rows_are_encoded_once_and_mapped_from_then_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = encoded(tmp_path, [SHORT, LONG])
    assert isinstance(first.ids.base, np.memmap)

    def encode_never(*_: object) -> None:
        raise AssertionError("encoded again")

    monkeypatch.setattr(tokenized, "encode_file", encode_never)
    second = again(tmp_path)
    assert second.ids.tolist() == first.ids.tolist()
    assert (second.row_ids, second.left_out) == (first.row_ids, first.left_out)


def test_whatever_decides_the_encoding_makes_it_anew(tmp_path: Path) -> None:
    count = 0
    for rows, settings in (
        ([SHORT, LONG], {}),
        ([SHORT, SHORT], {}),
        ([SHORT, SHORT], {"max_seq_length": 400}),
        ([SHORT, SHORT], {"loss_on": "all"}),
        ([SHORT, SHORT], {"overlong": "drop"}),
        ([SHORT, SHORT], {"class_weights": "balanced"}),
        ([SHORT, SHORT], {"task": "suicide_risk"}),
    ):
        encoded(tmp_path, rows, **settings)
        count += 1
        assert len(caches(tmp_path)) == count
    encoded(tmp_path, [SHORT, SHORT], learning_rate=0.5, seed=3)  # these do not
    assert len(caches(tmp_path)) == count


def test_another_tokenizer_makes_it_anew_but_how_it_was_last_called_does_not(tmp_path: Path) -> None:
    encoded(tmp_path, [SHORT])
    tokenizer = copy.deepcopy(tiny_tokenizer())
    tokenizer(["好", "好的"], padding=True, truncation=True, max_length=1)
    tokenize_split(config_of(tmp_path), tokenizer, "train")
    assert len(caches(tmp_path)) == 1
    tokenizer.chat_template = tokenizer.chat_template.replace("[gMASK]", "")
    tokenize_split(config_of(tmp_path), tokenizer, "train")
    assert len(caches(tmp_path)) == 2
    tokenizer.add_tokens(["你好"])
    tokenize_split(config_of(tmp_path), tokenizer, "train")
    assert len(caches(tmp_path)) == 3


@pytest.mark.parametrize("file", ["ids.bin", "scored.bin", "offsets.bin", "weights.bin", "note.json"])
@pytest.mark.parametrize("damage", ["cut", "changed", "gone"])
def test_a_damaged_cache_is_made_anew(tmp_path: Path, file: str, damage: str) -> None:
    whole = encoded(tmp_path, [SHORT, LONG]).ids.tolist()
    [folder] = caches(tmp_path)
    content = (folder / file).read_bytes()
    if damage == "gone":
        (folder / file).unlink()
    else:
        (folder / file).write_bytes(content[:-1] if damage == "cut" else b"\x7f" + content[1:])
    assert open_tokenized(folder) is None
    assert again(tmp_path).ids.tolist() == whole
    assert caches(tmp_path) == [folder]
    assert (folder / file).read_bytes() == content


def test_what_a_killed_run_left_half_written_is_no_cache_and_goes_after_a_day(tmp_path: Path) -> None:
    folder = write_rows(tmp_path, [SHORT])
    for name, age in (("x.partial", 2 * 86400), ("y.partial", 60)):
        (folder / CACHE / name).mkdir(parents=True)
        past = (folder / CACHE / name).stat().st_mtime - age
        os.utime(folder / CACHE / name, (past, past))
    again(folder)
    assert [path.suffix for path in caches(folder)].count(".partial") == 1
    assert (folder / CACHE / "y.partial").exists()


def test_data_that_cannot_be_written_to_are_cached_beside_the_run(tmp_path: Path) -> None:
    folder = write_rows(tmp_path, [SHORT])
    (folder / CACHE).write_text("in the way")  # root may write into a read-only folder
    again(folder)
    assert len(caches(folder / "out")) == 1
    (folder / "out" / CACHE).rename(folder / "elsewhere")
    (folder / "out" / CACHE).write_text("in the way")
    with pytest.raises(UserError, match=r"encoded data cannot be written .*; make room, or choose another output_dir"):
        again(folder)


def test_a_full_disk_is_one_clear_line_and_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(ArrayWriter, "append", full)
    with pytest.raises(UserError, match="No space left on device"):
        encoded(tmp_path, [SHORT])
    assert caches(tmp_path) == caches(tmp_path / "out") == []


RANKS = """
import os, sys
import torch.distributed as dist
from pathlib import Path
from tests.tiny import tiny_tokenizer
from tests.train.encoded import config_of
from train import tokenized
rank = int(os.environ["LOCAL_RANK"])
dist.init_process_group("gloo", init_method=f"file://{sys.argv[2]}", rank=rank, world_size=2)
if rank:
    tokenized.encode_file = lambda *_: sys.exit("the second rank encoded, too")
data = tokenized.tokenize_on_one_rank(config_of(Path(sys.argv[1])), tiny_tokenizer(), "train")
print(len(data), int(data.ids.sum()))
"""


@pytest.mark.slow
def test_of_two_ranks_one_encodes_and_both_see_the_same(tmp_path: Path) -> None:
    folder = write_instructions(tmp_path / "data", rows=30)
    command = [sys.executable, "-c", RANKS, str(folder), str(tmp_path / "meet")]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    both = [
        subprocess.Popen(command, env=environment | {"LOCAL_RANK": rank, "RANK": rank}, stdout=-1, stderr=-1, text=True)
        for rank in ("1", "0")
    ]
    told = [process.communicate(timeout=120) for process in both]
    assert [process.returncode for process in both] == [0, 0], told
    data = again(folder)
    assert [out.split() for out, _ in told] == [[str(len(data)), str(int(data.ids.sum()))]] * 2
    assert ["encoded 30 rows" in err for _, err in told] == [False, True]
