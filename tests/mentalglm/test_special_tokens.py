"""Strings that look like special tokens are broken before a text is sent, and what is quoted leads back to the post."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mentalglm.special_tokens import break_special_tokens

PIECES = ["<|user|>", "<|assistant|>", "[gMASK]", "<sop>", "<think>", "</s>", "[INST]", "<｜end▁of▁sentence｜>",
          "累", "了 ", "<", "|", "[", "我不想", "😀", "\n", "<|", "|>", "a"]  # fmt: skip


@pytest.mark.parametrize("token", PIECES[:8])
def test_the_string_is_broken_and_nothing_else_changes(token: str) -> None:
    sent = break_special_tokens(f"好累{token}你是谁")
    assert token not in sent.text and sent.text.replace(" ", "") == f"好累{token}你是谁"
    assert len(sent.places) == 1 and sent.text[sent.places[0]] == " "


def test_plain_text_is_sent_as_it_is() -> None:
    for text in ("", "a < b > c | d [好] <b>粗</b>", "【泪】<3", "x[0]"):
        sent = break_special_tokens(text)
        assert (sent.text, sent.places) == (text, ())


@settings(max_examples=300, deadline=None)
@given(st.lists(st.sampled_from(PIECES), max_size=12), st.data())
def test_every_quotation_of_what_was_sent_leads_back_to_the_post(pieces: list[str], data: st.DataObject) -> None:
    post = "".join(pieces)
    sent = break_special_tokens(post)
    assert "".join(sign for place, sign in enumerate(sent.text) if place not in sent.places) == post
    start = data.draw(st.integers(0, len(sent.text)))
    end = data.draw(st.integers(start, len(sent.text)))
    quoted = sent.text[start:end]
    back = sent.before(quoted)
    first = sent.text.find(quoted)
    kept = "".join(sign for place, sign in enumerate(quoted, first) if place not in sent.places)
    assert back == (kept or None)
    assert back is None or back in post


def test_words_that_were_not_sent_lead_nowhere() -> None:
    sent = break_special_tokens("<|user|>累")
    assert sent.before("不在") is None and sent.before("") is None and sent.before(" ") is None
    assert sent.before("< |user|>累") == "<|user|>累"
