"""``POST /v1/chat/completions`` with OpenAI's own client."""

import json
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import openai
import pytest

from mentalglm.answer import parse_answer, render_head
from mentalglm.decoding.grammar import answer_grammar
from mentalglm.prompt import encode_prompt
from mentalglm.tasks import load_task
from tests.mentalglm.server.conftest import Served
from tests.tiny import SENTENCES, STYLE, tiny_tokenizer

ASK = [{"role": "user", "content": SENTENCES[0]}]


@pytest.fixture
def name(model_folder: Path) -> str:
    return str(model_folder)


def ask(served: Served, name: str, messages: Any = ASK, **options: Any) -> Any:
    options = {"max_tokens": 24, "temperature": 0} | options
    return served.openai().chat.completions.create(model=name, messages=messages, **options)


def text_of(completion: Any) -> str:
    return str(completion.choices[0].message.content)


def test_a_reply_and_what_it_cost(served: Served, name: str) -> None:
    reply = ask(served, name)
    assert reply.choices[0].finish_reason == "length" and text_of(reply)
    assert reply.usage.prompt_tokens == len(encode_prompt(tiny_tokenizer(), ASK))
    assert reply.usage.completion_tokens == 24
    assert reply.usage.total_tokens == reply.usage.prompt_tokens + 24
    assert text_of(ask(served, name)) == text_of(reply)


def test_a_stream_is_the_same_reply_in_pieces(served: Served, name: str) -> None:
    chunks = list(ask(served, name, stream=True, stream_options={"include_usage": True}))
    pieces = [chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices]
    whole = ask(served, name)
    assert "".join(pieces) == text_of(whole) and len([piece for piece in pieces if piece]) > 3
    assert [c.choices[0].finish_reason for c in chunks if c.choices and c.choices[0].finish_reason] == ["length"]
    assert chunks[-1].choices == [] and chunks[-1].usage == whole.usage
    assert chunks[0].choices[0].delta.role == "assistant"


def test_no_piece_of_a_stream_is_half_a_character(served: Served, name: str) -> None:
    for seed in range(4):
        chunks = ask(served, name, stream=True, temperature=2, seed=seed, max_tokens=120)
        text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks)
        assert text == text_of(ask(served, name, temperature=2, seed=seed, max_tokens=120))


def test_a_seed_gives_the_same_reply_and_another_seed_another(served: Served, name: str) -> None:
    replies = [text_of(ask(served, name, temperature=1.5, seed=seed)) for seed in (1, 1, 2, 3)]
    assert replies[0] == replies[1] and len(set(replies)) == 3
    free = {text_of(ask(served, name, temperature=1.5)) for _ in range(3)}
    assert len(free) == 3


def test_a_stop_string_ends_the_reply_and_is_no_part_of_it(served: Served, name: str) -> None:
    whole = text_of(ask(served, name, max_tokens=40))
    stop = whole[5:8]
    for stream in (False, True):
        answer = ask(served, name, max_tokens=40, stop=["☃☃☃", stop], stream=stream)
        if stream:
            chunks = list(answer)
            text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks)
            reason = chunks[-1].choices[0].finish_reason
        else:
            text, reason = text_of(answer), answer.choices[0].finish_reason
        assert text == whole[: whole.index(stop)] and reason == "stop"


@pytest.mark.parametrize("stream", [False, True])
def test_an_answer_under_the_grammar_of_a_post(served: Served, name: str, stream: bool) -> None:
    post, task = SENTENCES[1], load_task("cognitive_distortion")
    labels = ["乱贴标签", "以偏概全"]
    head = render_head(tuple(labels), task, STYLE)
    rules = answer_grammar(post, labels, task, STYLE)
    grammar = rules.replace("start: ", f"start: {json.dumps(head, ensure_ascii=False)} ", 1)
    extra = {"structured_outputs": {"grammar": grammar}}
    reply = ask(served, name, max_tokens=150, extra_body=extra, stream=stream, temperature=1, seed=3)
    text = "".join(chunk.choices[0].delta.content or "" for chunk in reply) if stream else text_of(reply)
    answer = parse_answer(text, task, STYLE)
    assert answer is not None and list(answer.labels) == labels
    assert answer.evidence and all(quote.text in post for quote in answer.evidence)


@pytest.mark.parametrize(
    ("extra", "pattern"),
    [
        ({"structured_outputs": {"regex": "[0-9]{3}-[0-9]{4}"}}, r"\d{3}-\d{4}"),
        ({"structured_outputs": {"choice": ["高自杀风险", "低自杀风险"]}}, "高自杀风险|低自杀风险"),
        ({"guided_choice": ['"a" | "b"', "其他"]}, r'"a" \| "b"|其他'),
        ({"guided_regex": "(甲|乙)+丙"}, "(甲|乙)+丙"),
        ({"guided_grammar": 'start: "今天" ("好" | "坏") "。"'}, "今天(好|坏)。"),
    ],
)
def test_every_form_of_constraint_holds(served: Served, name: str, extra: dict[str, Any], pattern: str) -> None:
    for seed in range(3):
        reply = ask(served, name, extra_body=extra, temperature=2, seed=seed, max_tokens=200)
        if reply.choices[0].finish_reason == "stop":
            assert re.fullmatch(pattern, text_of(reply))
        else:
            assert pattern == "(甲|乙)+丙"


def test_a_json_schema_holds(served: Served, name: str) -> None:
    schema = {
        "type": "object",
        "properties": {"level": {"type": "integer", "minimum": 0, "maximum": 10}, "sure": {"type": "boolean"}},
        "required": ["level", "sure"],
        "additionalProperties": False,
    }
    by_format = {"type": "json_schema", "json_schema": {"name": "answer", "schema": schema, "strict": True}}
    calls: list[dict[str, Any]] = [
        {"response_format": by_format},
        {"extra_body": {"guided_json": schema}},
        {"extra_body": {"structured_outputs": {"json": json.dumps(schema)}}},
    ]
    for call in calls:
        # White space may be as long as one likes in JSON, and an untrained model likes it.
        for seed in range(8):
            reply = ask(served, name, temperature=1, seed=seed, max_tokens=300, **call)
            if reply.choices[0].finish_reason == "stop":
                break
        value = json.loads(text_of(reply))
        assert set(value) == {"level", "sure"} and 0 <= value["level"] <= 10


def test_probabilities_of_tokens(served: Served, name: str) -> None:
    reply = ask(served, name, logprobs=True, top_logprobs=5, max_tokens=6)
    entries = reply.choices[0].logprobs.content
    assert len(entries) == 6
    raw = b"".join(bytes(one.bytes) for one in entries)
    assert raw.decode(errors="replace").rstrip("\ufffd") == text_of(reply)
    for one in entries:
        assert len(one.top_logprobs) == 5 and one.logprob == one.top_logprobs[0].logprob <= 0
        assert [o.logprob for o in one.top_logprobs] == sorted((o.logprob for o in one.top_logprobs), reverse=True)
    streamed = ask(served, name, logprobs=True, top_logprobs=5, max_tokens=6, stream=True)
    told = [one for chunk in streamed if chunk.choices[0].logprobs for one in chunk.choices[0].logprobs.content]
    assert [one.token for one in told] == [one.token for one in entries]


def test_a_reply_that_was_begun_is_continued(served: Served, name: str) -> None:
    whole = text_of(ask(served, name, max_tokens=12))
    begun = [*ASK, {"role": "assistant", "content": "今天"}]
    extra = {"continue_final_message": True, "add_generation_prompt": False}
    reply = ask(served, name, messages=begun, max_tokens=12, extra_body=extra)
    expected = len(encode_prompt(tiny_tokenizer(), ASK)) + len(tiny_tokenizer()("今天")["input_ids"])
    assert reply.usage.prompt_tokens == expected and text_of(reply) != whole


def test_special_tokens_in_a_message_are_text(served: Served, name: str) -> None:
    plain = ask(served, name, max_tokens=1).usage.prompt_tokens
    for token in ("<|assistant|>", "<|user|>", "<|system|>", "[gMASK]", "<sop>", "<|endoftext|>"):
        forged = [{"role": "user", "content": f"{SENTENCES[0]}{token}"}]
        read = ask(served, name, messages=forged, max_tokens=1).usage.prompt_tokens
        assert read == len(encode_prompt(tiny_tokenizer(), forged)) > plain + 2, token


def test_parts_and_the_developer_role_are_read(served: Served, name: str) -> None:
    parts = [{"type": "text", "text": SENTENCES[0][:6]}, {"type": "text", "text": SENTENCES[0][6:]}]
    given = [{"role": "developer", "content": "请简短。"}, {"role": "user", "content": parts}]
    plain = [{"role": "system", "content": "请简短。"}, *ASK]
    assert text_of(ask(served, name, messages=given)) == text_of(ask(served, name, messages=plain))


def test_chats_that_join_half_way_are_answered_as_if_alone(served: Served, name: str) -> None:
    calls: list[dict[str, Any]] = [
        {"messages": [{"role": "user", "content": "".join(SENTENCES[: 1 + k % 5])}], "max_tokens": 10 + 7 * (k % 6)}
        for k in range(20)
    ]
    for k, call in enumerate(calls):
        if k % 3 == 0:
            call |= {"temperature": 1.0, "seed": k}
        if k % 4 == 0:
            call |= {"extra_body": {"guided_regex": "[一-龥]{4,30}。"}}
    alone = [text_of(ask(served, name, **call)) for call in calls]
    with ThreadPoolExecutor(20) as clients:
        together = list(clients.map(lambda call: text_of(ask(served, name, **call)), calls * 2))
    assert together == alone * 2
    assert served.settles()


def test_chats_and_analyses_share_the_model(served: Served, name: str) -> None:
    def analyze(k: int) -> int:
        with served.http() as client:
            return client.post("/v1/analyze", json={"posts": SENTENCES[k % 20], "task": "suicide_risk"}).status_code

    with ThreadPoolExecutor(16) as clients:
        codes = clients.map(analyze, range(24))
        chats = clients.map(lambda _: ask(served, name).usage.completion_tokens, range(8))
        assert list(chats) == [24] * 8 and list(codes) == [200] * 24


def test_a_client_that_goes_is_worked_for_no_longer(served: Served, name: str) -> None:
    long = {"extra_body": {"guided_regex": "[a-z]{900}"}, "max_tokens": 900}
    stream = ask(served, name, stream=True, **long)
    next(iter(stream))
    stream.close()
    assert served.settles()
    with pytest.raises(openai.APITimeoutError):
        served.openai().with_options(timeout=0.3).chat.completions.create(
            model=name, messages=ASK, temperature=0, **long
        )
    assert served.settles()


@pytest.mark.parametrize(
    ("options", "status", "code"),
    [
        ({"model": "gpt-4o"}, 404, "model_not_found"),
        ({"messages": []}, 400, "invalid_request"),
        ({"messages": [{"role": "tool", "content": "x", "tool_call_id": "1"}]}, 400, "invalid_request"),
        ({"n": 2}, 400, "invalid_request"),
        ({"temperature": 3}, 400, "invalid_request"),
        ({"frequency_penalty": 0.5}, 400, "invalid_request"),
        ({"top_logprobs": 3}, 400, "invalid_request"),
        ({"stop": [""]}, 400, "invalid_request"),
        ({"max_tokens": 0}, 400, "invalid_request"),
        ({"extra_body": {"repetition_penalty": 1.2}}, 400, "invalid_request"),
        ({"extra_body": {"structured_outputs": {"structural_tag": "x"}}}, 400, "invalid_request"),
        ({"extra_body": {"structured_outputs": {"grammar": "a", "regex": "b"}}}, 400, "invalid_request"),
        ({"extra_body": {"structured_outputs": {"choice": []}}}, 400, "invalid_request"),
        ({"extra_body": {"guided_json": "not json"}}, 400, "invalid_request"),
        ({"extra_body": {"guided_grammar": "start: nothing_here"}}, 400, "invalid_grammar"),
        ({"extra_body": {"guided_regex": "["}}, 400, "invalid_grammar"),
        ({"extra_body": {"continue_final_message": True}}, 400, "invalid_request"),
        ({"response_format": {"type": "xml"}}, 400, "invalid_request"),
        ({"response_format": {"type": "json_schema"}}, 400, "invalid_request"),
        ({"messages": [{"role": "user", "content": "今天" * 3000}]}, 400, "context_length_exceeded"),
        ({"messages": [{"role": "user", "content": "今天" * 3000}], "stream": True}, 400, "context_length_exceeded"),
    ],
)
def test_what_cannot_be_served_is_said(
    served: Served, name: str, options: dict[str, Any], status: int, code: str
) -> None:
    call: dict[str, Any] = {"model": name, "messages": ASK, "max_tokens": 4} | options
    with pytest.raises(openai.APIStatusError) as caught:
        served.openai().chat.completions.create(**call)
    assert caught.value.status_code == status and caught.value.code == code, caught.value
    assert served.settles()
