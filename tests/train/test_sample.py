"""The sample at the start: what the loss counts is marked, and nobody's words are shown unless they may be."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mentalglm.answer import Answer, Quote
from mentalglm.prompt import build_messages, encode_example
from mentalglm.tasks import load_task, task_names
from tests.tiny import SENTENCES, TASKS, example_messages, tiny_tokenizer
from tests.train.encoded import config_of, encoded
from train.data import Example
from train.sample import runs, sample_pieces, show_sample

POST = "昨夜又想起旧事，无人可说。"
REASON = "话里透着孤独。"


def told(messages: list[dict[str, str]], task: str | None, show: bool = False) -> str:
    ids, scored = encode_example(tiny_tokenizer(), messages)
    example = Example(np.array(ids), np.array(scored))
    known = load_task(task) if task is not None else None
    pieces = runs(sample_pieces(tiny_tokenizer(), example, messages, known, show))
    words = ((piece.text if piece.text is not None else f"〔{piece.length} 字〕", piece.scored) for piece in pieces)
    return "".join(f"[{word}]" if scored else word for word, scored in words)


def question_and_answer(task_name: str, style: str, phrasing: int = 0) -> list[dict[str, str]]:
    task = load_task(task_name)
    label = task.label_names[0]
    quotes = (Quote(POST[2:8], label if task.many else None),) if task.styles[style].evidence else None
    return build_messages(POST, task, style, Answer((label,), quotes, REASON), phrasing)


def every_wording() -> list[tuple[str, str, int]]:
    return [
        (name, style, phrasing)
        for name in task_names()
        for style, template in load_task(name).styles.items()
        for phrasing in range(1 + len(template.variants))
    ]


@pytest.mark.parametrize(("task", "style", "phrasing"), every_wording())
def test_no_word_of_a_post_or_a_reason_is_shown(task: str, style: str, phrasing: int) -> None:
    shown = told(question_and_answer(task, style, phrasing), task)
    assert f"〔{len(POST)} 字〕" in shown
    assert not any(POST[k : k + 3] in shown.replace("][", "") for k in range(len(POST) - 2))
    assert not any(REASON[k : k + 3] in shown.replace("][", "") for k in range(len(REASON) - 2))


def test_what_the_project_wrote_is_shown() -> None:
    shown = told(question_and_answer("cognitive_distortion", "grounded"), "cognitive_distortion")
    task = load_task("cognitive_distortion")
    before, after = task.styles["grounded"].prompt.split("{post}")
    assert f"{before}〔{len(POST)} 字〕{after}<|assistant|>" in shown
    answer = shown.split("<|assistant|>")[1].replace("][", "").replace("\n", "")
    label = task.label_names[0]
    assert f"这篇帖子体现了{label}的认知歪曲。依据：{label}「〔6 字〕」。理由：〔{len(REASON)} 字〕<|user|>]" in answer


def test_exactly_the_answer_and_its_stop_token_are_marked() -> None:
    shown = told(example_messages("suicide_risk", SENTENCES[0]), "suicide_risk", show=True)
    question, answer = shown.split("<|assistant|>")
    assert "[" not in question.replace("[gMASK]", "")
    marked = answer.removeprefix("\n").removeprefix("[\n]")
    assert marked.startswith("[")
    assert marked.endswith("[<|user|>]")
    assert "".join(piece.strip("[]") for piece in answer.split("][")).count("。") >= 2


def test_shown_in_full_the_text_is_the_rows_own() -> None:
    messages = example_messages("suicide_risk", "夜里🌧️又下雨了，猫不见了。")
    shown = told(messages, "suicide_risk", show=True)
    assert messages[0]["content"] in shown
    assert "\ufffd" not in shown


@pytest.mark.parametrize(
    "messages",
    [
        [{"role": "user", "content": f"换一种问法：{POST}"}, {"role": "assistant", "content": REASON}],
        [
            {"role": "system", "content": REASON},
            {"role": "user", "content": POST},
            {"role": "assistant", "content": POST},
        ],
    ],
)
@pytest.mark.parametrize("task", ["suicide_risk", None])
def test_words_that_nobody_can_place_are_withheld(messages: list[dict[str, str]], task: str | None) -> None:
    shown = told(messages, task)
    assert "旧事" not in shown
    assert "孤独" not in shown
    assert "〔" in shown


def test_a_post_that_repeats_the_project_s_words_is_withheld_all_the_same() -> None:
    task = load_task("suicide_risk")
    post = f"理由：{task.styles['grounded'].prompt.split('{post}')[1]}「秘密」这个帖子体现了高自杀风险。"
    shown = told(build_messages(post, task, "grounded", Answer(("低自杀风险",), (Quote("秘密"),), post)), task.name)
    assert "秘密" not in shown
    assert f"〔{len(post)} 字〕" in shown


def test_the_sample_is_printed_from_the_data_as_encoded(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [
        {"id": f"r{n}", "messages": example_messages(TASKS[n], SENTENCES[n], n), "task": TASKS[n], "weight": 1.0}
        for n in range(4)
    ]
    data = encoded(tmp_path, rows, max_seq_length=256)
    show_sample(config_of(tmp_path, max_seq_length=256), tiny_tokenizer(), data)
    shown = capsys.readouterr().err
    assert f"the {int(data[0].scored.sum())} scored of {len(data[0].ids)} tokens in brackets" in shown
    assert f"〔{len(SENTENCES[0])} 字〕" in shown
    assert SENTENCES[0][:6] not in shown
    show_sample(config_of(tmp_path, max_seq_length=256, show_sample=True), tiny_tokenizer(), data)
    assert SENTENCES[0] in capsys.readouterr().err


def test_pre_training_shows_no_text(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows: list[dict[str, Any]] = [
        {"id": "r", "messages": [{"role": "assistant", "content": POST * 20}], "task": "text", "weight": 1.0}
    ]
    data = encoded(tmp_path, rows, max_seq_length=64, loss_on="all")
    show_sample(config_of(tmp_path, max_seq_length=64, loss_on="all"), tiny_tokenizer(), data)
    shown = capsys.readouterr().err
    assert not any(POST[k : k + 3] in shown for k in range(len(POST) - 2))
