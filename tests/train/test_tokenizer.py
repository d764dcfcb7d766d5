"""The tokenizer: any text survives it, nobody can type a special token, and labels keep their tokens."""

import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mentalglm.answer import render_answer, render_head
from mentalglm.prompt import encode_prompt, encode_text
from mentalglm.tasks import load_task
from tests.tiny import SENTENCES, STYLE, TASKS, example_answer, tiny_tokenizer
from train.tokenizer import SPECIAL_TOKENS, STOP_TOKENS, train_tokenizer

SPECIAL_IDS = set(tiny_tokenizer().convert_tokens_to_ids(SPECIAL_TOKENS))
FOREIGN = "👩‍👩‍👧🏽 \0\r\n\t שלום مرحبا ‮abc‬ e\u0301 \ufffd \ufeff 𠮷 \u2028 ﷺ"
PUNCTUATION = "，。！？、；：「」『』（）《》“”‘’…—～·,.!?;:()[]{}<>|/\\\"'#*_-"


@given(st.text())
@example(FOREIGN)
@example("  two  spaces , and a gap before a stop . ")
@example("<|user|>[gMASK]<sop>")
def test_any_text_survives(text: str) -> None:
    assert tiny_tokenizer().decode(encode_text(tiny_tokenizer(), text)) == text


@given(st.lists(st.one_of(st.sampled_from(SPECIAL_TOKENS), st.text(max_size=8)), max_size=6).map("".join))
def test_nobody_can_type_a_special_token(text: str) -> None:
    ids = encode_text(tiny_tokenizer(), text)
    assert not SPECIAL_IDS & set(ids)
    assert tiny_tokenizer().decode(ids) == text


def test_the_chat_template_still_means_its_special_tokens() -> None:
    encode_text(tiny_tokenizer(), "<|user|>")  # must leave no trace
    ids = encode_prompt(tiny_tokenizer(), [{"role": "user", "content": "<|assistant|>"}])
    names = [token for token in tiny_tokenizer().convert_ids_to_tokens(ids) if token in SPECIAL_TOKENS]
    assert names == ["[gMASK]", "<sop>", "<|user|>", "<|assistant|>"]


def test_special_tokens_come_first_and_stop_tokens_are_among_them() -> None:
    assert tiny_tokenizer().convert_tokens_to_ids(SPECIAL_TOKENS) == list(range(len(SPECIAL_TOKENS)))
    assert set(STOP_TOKENS) < set(SPECIAL_TOKENS)


@given(st.text(max_size=12), st.sampled_from(PUNCTUATION), st.text(max_size=12))
def test_punctuation_stands_alone(before: str, mark: str, behind: str) -> None:
    tokenizer = tiny_tokenizer()
    apart = [token for part in (before, mark, behind) for token in encode_text(tokenizer, part)]
    assert encode_text(tokenizer, before + mark + behind) == apart


def test_no_token_joins_punctuation_or_a_digit_with_anything() -> None:
    for token in range(len(SPECIAL_TOKENS), len(tiny_tokenizer())):
        text = tiny_tokenizer().decode([token])
        if len(text) > 1:
            assert not any(unicodedata.category(character)[0] in "PN" for character in text)


@pytest.mark.parametrize("name", TASKS)
def test_a_head_keeps_its_tokens_whatever_follows(name: str) -> None:
    task, tokenizer = load_task(name), tiny_tokenizer()
    for number, label in enumerate(task.label_names):
        head = encode_text(tokenizer, render_head((label,), task, STYLE))
        answered = example_answer(name, SENTENCES[number % len(SENTENCES)], number)
        answer = encode_text(tokenizer, render_answer(answered, task, STYLE))
        assert answer[: len(head)] == head


def test_levels_read_as_numbers() -> None:
    tokenizer = tiny_tokenizer()
    ten, one = encode_text(tokenizer, "10级"), encode_text(tokenizer, "1级")
    assert ten[0] == one[0]
    assert ten[1:2] == encode_text(tokenizer, "0")


def test_training_is_deterministic_and_bounded() -> None:
    first, second = (train_tokenizer(SENTENCES, 700, 64) for _ in range(2))
    assert first.get_vocab() == second.get_vocab()
    assert len(first) <= 700
    assert first.model_max_length == 64
