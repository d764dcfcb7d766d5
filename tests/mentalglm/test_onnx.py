"""ONNX Runtime reads what torch reads, and a row's numbers are the same, bit for bit, alone and in any batch."""

import copy
from functools import cache
from typing import Any

import pytest
import torch

from mentalglm.answer import render_head
from mentalglm.decoding.context import read
from mentalglm.decoding.engine import reader_of
from mentalglm.decoding.onnx_graph import supported
from mentalglm.prompt import build_messages, encode_prompt, encode_text
from mentalglm.tasks import load_task
from tests.tiny import SENTENCES, TASKS, tiny_model, tiny_tokenizer

pytest.importorskip("onnxruntime")
pytest.importorskip("onnx")

from mentalglm.decoding.onnx_context import OnnxContext
from mentalglm.decoding.onnx_engine import OnnxEngine

CLOSE: dict[str, Any] = {"atol": 2e-4, "rtol": 1e-4}
POSTS = [SENTENCES[0], "累", SENTENCES[1] * 12, "".join(SENTENCES[3:7])]


@pytest.fixture(autouse=True)
def _no_gradients() -> Any:
    with torch.inference_mode():
        yield


@cache
def model(**settings: Any) -> Any:
    """A GLM of wide random weights, so that its answers depend on what it reads."""
    from transformers import GlmConfig, GlmForCausalLM

    shape = {"hidden_size": 48, "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 32} | settings
    rope = {"rope_type": "default", "rope_theta": 10000.0, "partial_rotary_factor": shape.pop("rotary", 0.5)}
    config = GlmConfig(
        vocab_size=len(tiny_tokenizer()),
        num_hidden_layers=2,
        intermediate_size=80,
        max_position_embeddings=1024,
        pad_token_id=0,
        rope_parameters=rope,
        **shape,
    )
    with torch.random.fork_rng():
        torch.manual_seed(1)
        made = GlmForCausalLM(config).eval()
        with torch.no_grad():
            for parameter in made.parameters():
                parameter.copy_(torch.randn_like(parameter) * 0.2 + (parameter.dim() == 1))
    return made


@cache
def engine() -> OnnxEngine:
    return OnnxEngine(model())


def prompts(task: str = "suicide_risk") -> list[list[int]]:
    return [encode_prompt(tiny_tokenizer(), build_messages(post, load_task(task), "grounded")) for post in POSTS]


def heads(task: str) -> list[list[int]]:
    known = load_task(task)
    return [encode_text(tiny_tokenizer(), render_head((name,), known, "grounded")) for name in known.label_names]


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"rotary": 1.0},
        {"attention_bias": True, "num_key_value_heads": 1},
        {"tie_word_embeddings": False, "num_key_value_heads": 4, "head_dim": 64},
        {"rms_norm_eps": 1e-2, "head_dim": 96},
    ],
)
def test_every_shape_reads_as_torch_does(settings: dict[str, Any]) -> None:
    made = model(**settings)
    assert supported(made)
    ours, torchs = OnnxContext(OnnxEngine(made), prompts()), read(made, prompts())
    torch.testing.assert_close(ours.score(heads("suicide_risk")), torchs.score(heads("suicide_risk")), **CLOSE)
    torch.testing.assert_close(ours.logits, torchs.logits, **CLOSE)
    ours.append([[9]] * 4)
    torchs.append([[9]] * 4)
    torch.testing.assert_close(ours.logits, torchs.logits, **CLOSE)


@pytest.mark.parametrize("task", TASKS)
def test_every_tasks_labels_are_scored_as_by_torch(task: str) -> None:
    scores = OnnxContext(engine(), prompts(task)).score(heads(task))
    torch.testing.assert_close(scores, read(model(), prompts(task)).score(heads(task)), **CLOSE)
    assert (scores[0] - scores[1]).abs().max() > 0.01


def test_beginnings_of_each_other_and_shared_tails_are_scored_too() -> None:
    candidates = [[9], [9, 10], [9, 10, 11, 12], [13, 10, 11, 12], [9, 10, 14], [9, 9, 9]]
    scores = OnnxContext(engine(), prompts()).score(candidates)
    torch.testing.assert_close(scores, read(model(), prompts()).score(candidates), **CLOSE)


def test_a_decided_label_is_taken_from_the_tree_and_read_on() -> None:
    many = heads("suicide_level")
    chosen = [many[3], many[0] + [40], many[7][:2], [41, 42]]  # whole, with more behind, cut short, not in the tree
    ours, torchs = OnnxContext(engine(), prompts()), read(model(), prompts())
    ours.score(many)
    for context in (ours, torchs):
        context.append(chosen)
    assert ours.lengths.tolist() == torchs.lengths.tolist()
    torch.testing.assert_close(ours.logits, torchs.logits, **CLOSE)
    for context in (ours, torchs):
        context.append([[50 + row] for row in range(4)])
    torch.testing.assert_close(ours.logits, torchs.logits, **CLOSE)
    torch.testing.assert_close(ours.score(many), torchs.score(many), **CLOSE)


def test_before_anything_is_read_rows_may_grow_and_go() -> None:
    context = OnnxContext(engine(), prompts())
    context.append([[9, 10]] * 4)
    context.keep([2, 0])
    whole = [prompts()[row] + [9, 10] for row in (2, 0)]
    torch.testing.assert_close(context.logits, read(model(), whole).logits, **CLOSE)


@pytest.mark.parametrize("kept", [[0, 2], [0, 3, 2], [3], [2, 0, 1], [1, 1]])
def test_rows_that_stay_read_on_wherever_they_move(kept: list[int]) -> None:
    context = OnnxContext(engine(), prompts())
    context.score(heads("suicide_risk"))
    context.append([[9], [10], [11], [12]])
    context.keep(kept)
    context.append([[20]] * len(kept))
    whole = [prompts()[row] + [9 + row, 20] for row in kept]
    torch.testing.assert_close(context.logits, read(model(), whole).logits, **CLOSE)


def test_rows_that_join_read_on_as_if_alone() -> None:
    context = OnnxContext(engine(), prompts()[:2])
    context.score(heads("suicide_risk"))
    context.append([[9]] * 2)
    other = OnnxContext(engine(), prompts()[2:])
    other.score(heads("suicide_level"))
    context.join(other)
    context.append([[10]] * 4)
    whole = [[*row, 9, 10] for row in prompts()[:2]] + [[*row, 10] for row in prompts()[2:]]
    torch.testing.assert_close(context.logits, read(model(), whole).logits, **CLOSE)


def story(rows: list[list[int]]) -> list[torch.Tensor]:
    """Everything a context gives while labels are scored and an answer is begun and written."""
    context = OnnxContext(engine(), rows)
    found = [context.score(heads("cognitive_pathway")), context.logits.clone()]
    for tokens in ([9, 10, 11], [12], [13]):
        context.append([tokens] * len(rows))
        found.append(context.logits.clone())
    return found


def test_a_row_is_the_same_bit_for_bit_alone_and_in_a_batch() -> None:
    rows = [*prompts(), prompts("suicide_level")[2], *([60 + k] * (5 + 17 * k) for k in range(30))]
    together = story(rows)
    for number in (0, 1, 2, 3, 4, 17, 34):
        for whole, alone in zip(together, story([rows[number]]), strict=True):
            assert torch.equal(whole[number], alone[0])


def test_what_the_cache_held_before_does_not_matter() -> None:
    before = story(prompts())
    spoiled = OnnxContext(engine(), [[70] * 200] * 4)
    spoiled.logits  # noqa: B018
    spoiled._cache.fill(float("nan"))
    del spoiled
    for first, second in zip(before, story(prompts()), strict=True):
        assert torch.equal(first, second)


def test_only_models_it_knows_go_to_onnx_runtime() -> None:
    assert isinstance(reader_of(model())([[9]]), OnnxContext)
    assert not supported(tiny_model())  # heads of 8: the operator wants multiples of 16
    half = copy.deepcopy(model()).to(torch.bfloat16)
    other = copy.deepcopy(model())
    other.config.hidden_act = "gelu"
    changed = copy.deepcopy(model())
    changed.model.layers[0].mlp.down_proj = torch.nn.Sequential(changed.model.layers[0].mlp.down_proj)
    for unknown in (half, other, changed):
        assert not supported(unknown)
    assert not isinstance(reader_of(other)([[9]]), OnnxContext)
