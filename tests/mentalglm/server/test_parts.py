"""The server's parts that need no server: text from tokens, dice, joined batches, refusals at the start."""

import socket
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import torch
import typer
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner, Result

from mentalglm.decoding.context import read
from mentalglm.server.chat_text import ChatText
from mentalglm.server.cli import serve
from mentalglm.server.post import Post, take_alike
from mentalglm.server.sampling import Sampler, Sampling
from tests.tiny import SENTENCES, tiny_tokenizer

# Text as it comes.


def decode_bytes(ids: list[int]) -> str:
    """A tokenizer whose tokens are single bytes: every character of Chinese comes in three pieces."""
    return bytes(ids).decode("utf-8", errors="replace")


@given(st.text(alphabet="今天好ab。🙂\n", max_size=30), st.lists(st.text("今天ab", min_size=1, max_size=4), max_size=3))
def test_text_is_shown_up_to_the_first_stop_string(text: str, stops: list[str]) -> None:
    writer = ChatText(decode_bytes, stops)
    shown, stopped = "", False
    for byte in text.encode():
        piece, stopped = writer.take(byte)
        shown += piece
        assert "\ufffd" not in piece
        assert not any(stop in shown for stop in stops)
        if stopped:
            break
    else:
        shown += writer.rest()
    found = [text.index(stop) for stop in stops if stop in text]
    assert stopped == bool(found)
    # The stop string that is whole first ends the reply; no longer one can still turn out to begin before it.
    if not found:
        assert shown == text
    else:
        assert text.startswith(shown) and any(text.startswith(stop, len(shown)) for stop in stops)


def test_a_character_cut_off_by_the_limit_is_left_out() -> None:
    writer = ChatText(decode_bytes, [])
    shown = "".join(writer.take(byte)[0] for byte in "好的".encode()[:-1])
    assert shown + writer.rest() == "好"


def test_the_tiny_tokenizer_streams_every_sentence() -> None:
    tokenizer = tiny_tokenizer()
    for sentence in SENTENCES:
        writer = ChatText(lambda ids: str(tokenizer.decode(ids)), [])
        pieces = [writer.take(token)[0] for token in tokenizer(sentence)["input_ids"]]
        assert "".join(pieces) + writer.rest() == sentence


# Dice.


def test_temperature_zero_takes_the_most_expected_token() -> None:
    assert Sampler(Sampling(temperature=0)).choose(torch.tensor([0.1, 2.0, 1.0])) == 1


@pytest.mark.parametrize(
    ("sampling", "allowed"),
    [
        (Sampling(), {0, 1, 2}),
        (Sampling(top_p=0.5), {0}),
        (Sampling(top_p=0.9), {0, 1}),
        (Sampling(top_k=2), {0, 1}),
        (Sampling(top_k=1, temperature=2), {0}),
        (Sampling(temperature=1e-6), {0}),
    ],
)
def test_only_what_is_allowed_is_drawn(sampling: Sampling, allowed: set[int]) -> None:
    logits = torch.tensor([0.6, 0.3, 0.1, 0.0]).log()
    sampler = Sampler(Sampling(sampling.temperature, sampling.top_p, sampling.top_k, seed=0))
    assert {sampler.choose(logits) for _ in range(400)} == allowed


def test_tokens_are_drawn_as_often_as_they_are_expected() -> None:
    sampler = Sampler(Sampling(seed=1))
    drawn = Counter(sampler.choose(torch.tensor([0.7, 0.2, 0.1]).log()) for _ in range(4000))
    assert [drawn[k] / 4000 for k in range(3)] == pytest.approx([0.7, 0.2, 0.1], abs=0.03)


# Joined batches.


@torch.inference_mode()
def test_a_row_that_joins_reads_on_as_if_alone(sharp_model: Any) -> None:
    tokenizer = tiny_tokenizer()
    prompts = [tokenizer(text)["input_ids"] for text in ("".join(SENTENCES[:4]), SENTENCES[5], "".join(SENTENCES[:2]))]
    joined = read(sharp_model, [prompts[1]])
    joined.join(read(sharp_model, [prompts[0]]))
    joined.join(read(sharp_model, [prompts[2]]))
    order = [1, 0, 2]
    for step in range(3):
        joined.append([[10 + step]] * len(order))
        if step == 1:
            joined.keep([0, 2])  # the longest leaves, and with it the columns only it used
            joined.join(read(sharp_model, [[*prompts[0][:3], 10, 11]]))
            order = [1, 2, 0]
    for place, row in enumerate(order):
        prompt = [*prompts[0][:3], 10, 11, 12] if row == 0 else [*prompts[row], 10, 11, 12]
        assert torch.allclose(joined.logits[place], read(sharp_model, [prompt]).logits[0], atol=1e-4)
    assert joined.mask.shape[1] == joined.cache.get_seq_length() == max(len(prompts[1]), len(prompts[2])) + 3


# Who is analysed with whom.


@given(
    st.lists(st.tuples(st.integers(1, 3000), st.sampled_from("ab"), st.booleans()), min_size=1, max_size=60),
    st.integers(1, 20),
)
def test_batches_hold_posts_alike_and_nobody_is_forgotten(posts: list[tuple[int, str, bool]], size: int) -> None:
    waiting = [Post("字" * length, (task,), {"labels_only": bare}) for length, task, bare in posts]
    seen: list[Post] = []
    while waiting:
        oldest = waiting[0]
        batch, rest = take_alike(waiting, size)
        assert batch[0] is oldest and len(batch) <= size
        assert all((post.tasks, post.options) == (oldest.tasks, oldest.options) for post in batch)
        assert all(len(post.text) <= 2 * len(oldest.text) + 50 for post in batch)
        assert [post for post in waiting if post in batch or post in rest] == waiting
        assert len(batch) + len(rest) == len(waiting)
        seen, waiting = seen + batch, rest
    assert len(set(map(id, seen))) == len(posts)


# At the start.


def start(*arguments: str) -> Result:
    app = typer.Typer()
    app.command()(serve)
    return CliRunner().invoke(app, list(arguments))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--host", "0.0.0.0"], "--api-key-env"),
        (["--host", "192.168.1.5"], "--api-key-env"),
        (["--api-key-env", "NOT_SET_ANYWHERE"], "NOT_SET_ANYWHERE"),
        (["--max-waiting", "0"], "--max-waiting 0"),
        (["--timeout", "nan"], "--timeout nan"),
        (["--grace", "0"], "--grace 0"),
        (["--port", "99999"], "--port 99999"),
        (["--host", "localhost", "--port", "0", "--model", "./no/such/folder"], "not found"),
    ],
)
def test_a_wrong_start_is_one_line(arguments: list[str], words: str) -> None:
    result = start(*arguments)
    assert result.exit_code == 2 and result.stderr.startswith("error: ") and words in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_a_port_in_use_is_said_before_a_model_is_loaded(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        result = start("--port", str(port), "--model", str(tmp_path / "missing"))
    assert result.exit_code == 2 and f"127.0.0.1:{port}" in result.stderr and "--port" in result.stderr
