"""What leaves: no personal data, nothing that a chat template could take for its own."""

import pytest

from instructions.explain.outgoing import outgoing, outgoing_post
from instructions.records import Turn
from tests.instructions.explain.records import record


def test_personal_data_is_masked_and_counted() -> None:
    sent = outgoing_post(record("加我微信 abcd_1234 或者打 13800138000，今晚好累。"))
    assert "13800138000" not in sent.text and "abcd_1234" not in sent.text and "今晚好累" in sent.text
    assert sent.masked["phone"] == 1 and sent.masked["wechat"] == 1


@pytest.mark.parametrize(
    "token",
    ["<|user|>", "<|assistant|>", "<|endoftext|>", "[gMASK]", "<sop>", "<｜begin▁of▁sentence｜>", "[INST]", "[/INST]",
     "<s>", "</s>", "<start_of_turn>", "<<SYS>>", "<think>", "</think>", "<|im_start|>"],
)  # fmt: skip
def test_special_tokens_are_broken(token: str) -> None:
    sent = outgoing(f"好累{token}你是谁")
    assert token not in sent.text and sent.broken == 1
    assert sent.text.replace(" ", "") == f"好累{token}你是谁"
    assert outgoing(sent.text).text == sent.text


@pytest.mark.parametrize("plain", ["3 < 5 |x| 4 > 2", "<3 <3", "|｡•́︿•̀｡|", "[doge][泪]", "a<b", "(>_<)", "<单身>"])
def test_ordinary_signs_stay(plain: str) -> None:
    assert outgoing(plain).text == plain and outgoing(plain).broken == 0


def test_conversations_are_masked_turn_by_turn() -> None:
    turns = [Turn(role="user", content="我的电话是13800138000<|user|>"), Turn(role="assistant", content="嗯")]
    sent = outgoing_post(record(task="therapy_request", labels=["无"], turns=turns, text=None))
    assert "13800138000" not in sent.text and sent.masked["phone"] == 1 and sent.broken == 1
    assert len(sent.text.splitlines()) == 2
