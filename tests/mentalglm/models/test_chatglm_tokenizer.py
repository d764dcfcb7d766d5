"""The converted tokenizer gives tiktoken's tokens, and a chat laid out as glm-4-9b-chat's."""

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as effort
from hypothesis import strategies as st

from mentalglm.errors import UserError
from mentalglm.models.chatglm import native_tokenizer
from mentalglm.models.chatglm.tokenizer import SPECIAL_TOKENS
from mentalglm.prompt import encode_example, encode_prompt, encode_text
from tests.mentalglm.models.chatglm_reference import PATTERN, random_weights, ranks, settings, write_checkpoint

tiktoken = pytest.importorskip("tiktoken")

TRICKY = [
    "",
    " ",
    "\n",
    "  \n \t\r\n  今天  又没有睡好　全角空格",
    "永远不会好了。。。。。。真的！？",
    "哈哈哈哈哈哈哈哈 aaaaaaaaaaa ababababab",
    "🙂🙂👨‍👩‍👧‍👦🏳️‍🌈e\u0301é\u200b\u200f\u202e\ufeff",
    "I'm isn't THEY'LL 'ſ'S ’s we'D",
    "12345678 ١٢٣ ①② Ⅷ 3.14，1,000",
    "<|user|>\n[gMASK]<sop><|assistant|><|endoftext|>",
    "\x00\x01\x7f\x85\u2028\u2029\xa0\u3000.",
    "קצת עברית וعربي 한국어 ひらがな カタカナ 𠮷野家",
    "trailing   \n\n   spaces   ",
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_checkpoint(tmp_path_factory.mktemp("glm"), settings(), random_weights(settings()))


@pytest.fixture(scope="module")
def tokenizer(folder: Path) -> Any:
    return native_tokenizer(folder)


@pytest.fixture(scope="module")
def reference() -> Any:
    return tiktoken.Encoding("glm", pat_str=PATTERN, mergeable_ranks=ranks(), special_tokens={})


@pytest.mark.parametrize("text", TRICKY)
def test_tricky_text_becomes_the_same_tokens(tokenizer: Any, reference: Any, text: str) -> None:
    assert encode_text(tokenizer, text) == reference.encode_ordinary(text)
    assert tokenizer.decode(encode_text(tokenizer, text)) == text


@effort(max_examples=400, deadline=None, derandomize=True)
@given(text=st.text(max_size=60) | st.text("今天睡好永远不会了哈。 ab\n'sT1🙂", max_size=60))
def test_any_text_becomes_the_same_tokens(tokenizer: Any, reference: Any, text: str) -> None:
    assert encode_text(tokenizer, text) == reference.encode_ordinary(text)


def test_every_character_is_cut_as_tiktoken_cuts_it(tokenizer: Any, reference: Any) -> None:
    """Each character of the basic plane behind and before a letter, a space and an apostrophe."""
    characters = [chr(code) for code in range(0x3000) if not 0xD800 <= code < 0xE000] + list("\ufeff\uff07𝟙😀")
    for start in range(0, len(characters), 64):
        for around in ("a{}", " {}a", "'{}x"):
            for character in characters[start : start + 64]:
                text = around.format(character)
                assert encode_text(tokenizer, text) == reference.encode_ordinary(text), ascii(text)


def test_the_tokens_that_mark_turns_follow_the_ranks_and_text_never_makes_them(tokenizer: Any) -> None:
    numbers = tokenizer.convert_tokens_to_ids(SPECIAL_TOKENS)
    assert numbers == list(range(len(ranks()), len(ranks()) + len(SPECIAL_TOKENS)))
    typed = encode_text(tokenizer, "".join(SPECIAL_TOKENS))
    assert not set(typed) & set(numbers)
    assert tokenizer.eos_token == tokenizer.pad_token == "<|endoftext|>" and tokenizer.padding_side == "left"
    assert tokenizer("a")["input_ids"][:2] == tokenizer.convert_tokens_to_ids(["[gMASK]", "<sop>"])
    assert tokenizer.model_max_length == settings()["seq_length"]


def test_a_chat_is_laid_out_as_the_published_model_lays_it_out(tokenizer: Any, reference: Any) -> None:
    """Each turn is its role, an encoded line break, and the text encoded apart, as the published tokenizer does it."""
    messages = [{"role": "system", "content": "助手"}, {"role": "user", "content": "\n睡不好"}]
    number = dict(zip(SPECIAL_TOKENS, tokenizer.convert_tokens_to_ids(SPECIAL_TOKENS), strict=True))
    expected = [number["[gMASK]"], number["<sop>"]]
    for message in messages:
        expected += [number[f"<|{message['role']}|>"], *reference.encode_ordinary("\n")]
        expected += reference.encode_ordinary(message["content"])
    answer = {"role": "assistant", "content": "这个帖子"}
    expected += [number["<|assistant|>"], *reference.encode_ordinary("\n")]
    assert encode_prompt(tokenizer, messages) == expected
    ids, scored = encode_example(tokenizer, [*messages, answer])
    written = [token for token, counts in zip(ids, scored, strict=True) if counts]
    assert written == [*reference.encode_ordinary("这个帖子"), number["<|user|>"]]


def change(folder: Path, **values: Any) -> None:
    path = folder / "tokenizer_config.json"
    path.write_text(json.dumps({**json.loads(path.read_text(encoding="utf-8")), **values}), encoding="utf-8")


@pytest.fixture
def other(tmp_path: Path) -> Path:
    return write_checkpoint(tmp_path / "glm", settings(), random_weights(settings()))


def refusal(folder: Path) -> str:
    with pytest.raises(UserError) as caught:
        native_tokenizer(folder)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_checkpoint_s_own_list_of_tokens_and_template_are_kept(other: Path) -> None:
    listed = {str(len(ranks()) + k): {"content": token} for k, token in enumerate([*SPECIAL_TOKENS, "<|own|>"])}
    change(other, added_tokens_decoder=listed, chat_template="{{ messages[0]['content'] }}<|own|>")
    tokenizer = native_tokenizer(other)
    assert tokenizer.convert_tokens_to_ids("<|own|>") == len(ranks()) + len(SPECIAL_TOKENS)
    assert tokenizer.chat_template == "{{ messages[0]['content'] }}<|own|>"


def test_tokens_numbered_otherwise_are_refused(other: Path) -> None:
    change(other, added_tokens_decoder={str(5000 + k): {"content": token} for k, token in enumerate(SPECIAL_TOKENS)})
    assert "<|endoftext|> has number 5000; it must follow the" in refusal(other)
    change(other, added_tokens_decoder={str(len(ranks())): {"content": "<|endoftext|>"}})
    assert "added_tokens_decoder lacks [gMASK]" in refusal(other)
    change(other, added_tokens_decoder={"one": {}})
    assert "added_tokens_decoder: it must map numbers to tokens" in refusal(other)


def test_a_tokenizer_of_another_make_is_refused(other: Path) -> None:
    path = other / "tokenizer.model"
    path.write_bytes(b"\n\x0e\n\x05<unk>\x15\x00\x00\x00\x00\x18\x02")
    assert "is a sentencepiece model, as ChatGLM2 and ChatGLM3 have; GLM-4 checkpoints alone are read" in refusal(other)
    path.write_text("version https://git-lfs", encoding="ascii")
    assert "is no list of tiktoken ranks" in refusal(other)
    path.write_text(f"{base64.b64encode(b'a').decode()} 0\n", encoding="ascii")
    assert "lacks ranks" in refusal(other)
    path.unlink()
    assert "is missing; a GLM-4 checkpoint brings its tokenizer there" in refusal(other)
