"""How much sooner than ``generate`` posts are answered: ``python -m tests.bench.decode_speed [POSTS] [6m|24m|both]``.

In one run, same weights, same posts of the open corpus, on CPU:

- the way of a published model's card: one post at a time, ``generate``, greedy;
- ``generate`` on length-sorted, padded batches of 32;
- ours: label, evidence and explanation; then labels only.

All write equally many tokens: ``generate`` is made to write as many for each post as ours wrote. The card's way is
timed on an even sample of the posts and scaled up. Seconds are of the wall, the machine otherwise idle; processor
seconds are given as well, which a busy machine disturbs less. Then what the machine allows: matrix multiplications
at their measured peak, and reading weights and cache from memory once a step at the measured bandwidth.
"""

import json
import resource
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from mentalglm.analyzer import Analyzer
from mentalglm.decoding import decoder as decoding
from mentalglm.models import LoadedModel, load_model
from mentalglm.prompt import build_messages, encode_prompt
from mentalglm.tasks import load_task

RECORDS = Path(__file__).parents[2] / "instructions" / "open" / "records" / "suicide_level.jsonl"
TASK = "suicide_level"  # the one task that asks nothing else along with itself
SAMPLE = 24


def main(count: int = 1000, sizes: str = "both") -> None:
    """Measures and prints."""
    rows = [json.loads(line) for line in RECORDS.read_text(encoding="utf-8").splitlines()]
    posts = [row["text"] for row in rows if row["split"] == "test"]
    posts = [posts[k % len(posts)] for k in range(count)]
    flops, bytes_per_second = matmul_speed(), bandwidth()
    threads = torch.get_num_threads()
    print(f"{count} posts, {threads} threads, {flops / 1e9:.0f} GFLOP/s, {bytes_per_second / 1e9:.1f} GB/s")
    embedded = load_model("embedded", "cpu")
    if sizes in ("6m", "both"):
        compare(embedded, posts, flops, bytes_per_second)
    if sizes in ("24m", "both"):
        decoding.MAX_ANSWER_TOKENS = 64  # random weights never end an answer by themselves
        compare(random_weights(embedded), posts, flops, bytes_per_second)


def compare(loaded: LoadedModel, posts: list[str], flops: float, bytes_per_second: float) -> None:
    """One model, every way."""
    began = time.perf_counter()
    analyzer = Analyzer(loaded)
    analyzer.analyze(posts[0], TASK)
    first = time.perf_counter() - began
    analyzer.analyze(posts[:200], TASK)  # what later calls reuse is built, memory above all
    tokenizer, model, task = loaded.tokenizer, loaded.model, load_task(TASK)
    prompts = [encode_prompt(tokenizer, build_messages(post, task, analyzer.style(TASK))) for post in posts]
    ours, counts = timed(lambda: counted(analyzer, posts))
    labels, _ = timed(lambda: analyzer.analyze(posts, TASK, labels_only=True))
    sample = list(range(0, len(posts), max(1, len(posts) // SAMPLE)))
    card, written = timed(lambda: sum(generated(model, [prompts[k]], [counts[k]]) for k in sample))
    assert written == sum(counts[k] for k in sample)
    card = scaled(card, sum(counts) / written)
    order = sorted(range(len(posts)), key=lambda k: len(prompts[k]))
    batches = [order[k : k + 32] for k in range(0, len(order), 32)]
    taken = batches[:: max(1, len(batches) // 8)]
    padded, written = timed(
        lambda: sum(generated(model, [prompts[k] for k in batch], [counts[k] for k in batch]) for batch in taken)
    )
    padded = scaled(padded, sum(counts) / written)

    parameters = sum(parameter.numel() for parameter in model.parameters())
    layers = parameters - model.get_input_embeddings().weight.numel() * (1 if model.config.tie_word_embeddings else 2)
    head = model.config.vocab_size * model.config.hidden_size
    read = sum(map(len, prompts))
    work = 2 * (layers * (read + sum(counts)) + head * (len(posts) + sum(counts))) / flops
    at_once = 32 * 256 // (read // len(posts) + 64)
    traffic = (4 * (layers + head) / at_once + _cache_bytes(model, read // len(posts) + 32)) * sum(counts)
    floor = work + traffic / bytes_per_second
    print(
        f"\n{parameters / 1e6:.1f} M parameters, {read} tokens read, {sum(counts)} written; first answer {first:.2f} s"
    )
    for name, spent in (
        ("card's way", card),
        ("generate, batches of 32", padded),
        ("ours", ours),
        ("labels only", labels),
    ):
        print(
            f"{name:24}{len(posts) / spent[0]:8.1f} posts/s {spent[0] / len(posts) * 1e3:8.2f} ms/post"
            f"{spent[1] / len(posts) * 1e3:8.2f} ms of processor; card x{card[0] / spent[0]:.1f} (processor "
            f"x{card[1] / spent[1]:.1f}), batches x{padded[0] / spent[0]:.1f} (x{padded[1] / spent[1]:.1f})"
        )
    print(f"floor of ours {floor / len(posts) * 1e3:.2f} ms/post: we reach {floor / ours[0]:.0%} of it")
    print(f"floor of labels only {2 * layers * read / flops / len(posts) * 1e3:.2f} ms/post (prompts alone)")
    print(f"largest memory so far {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20:.2f} GB")


def counted(analyzer: Analyzer, posts: list[str]) -> list[int]:
    """How many tokens each post's answer took, the first sentence and the stop token included."""
    written: dict[int, int] = {}
    write = decoding.Writer.write

    def watched(self: Any, batches: Any, at_once: int) -> Any:
        for row in write(self, batches, at_once):
            written[row.place] = len(row.begun) + len(row.written) + 1
            yield row

    decoding.Writer.write = watched  # type: ignore[method-assign]
    try:
        analyzer.analyze(posts, TASK)
    finally:
        decoding.Writer.write = write  # type: ignore[method-assign]
    return [written[place] for place in range(len(posts))]


@torch.inference_mode()
def generated(model: Any, prompts: list[list[int]], counts: list[int]) -> int:
    """Tokens that ``generate`` wrote and that are wanted: every row runs as long as the longest of its batch."""
    longest = max(map(len, prompts))
    ids = torch.tensor([[0] * (longest - len(row)) + row for row in prompts])
    mask = torch.tensor([[0] * (longest - len(row)) + [1] * len(row) for row in prompts])
    many = max(counts)
    out = model.generate(
        input_ids=ids, attention_mask=mask, do_sample=False, max_new_tokens=many, min_new_tokens=many, use_cache=True
    )
    assert out.shape[1] == longest + many
    return sum(counts)


def random_weights(like: LoadedModel) -> LoadedModel:
    """A GLM of 24 million parameters with the embedded model's tokenizer, prompts and tasks."""
    from transformers import GlmForCausalLM

    config = type(like.model.config).from_dict(like.model.config.to_dict())
    config.hidden_size, config.intermediate_size, config.num_hidden_layers = 512, 1408, 7
    config.num_attention_heads, config.num_key_value_heads = 8, 2
    torch.manual_seed(0)
    model = GlmForCausalLM(config).eval()
    model.generation_config.eos_token_id = like.model.generation_config.eos_token_id
    model.generation_config.pad_token_id = like.model.generation_config.pad_token_id
    return replace(like, name="random", model=model, folder=None)


def timed(work: Any) -> tuple[tuple[float, float], Any]:
    """Seconds of the wall and of the processor, and what ``work`` gives."""
    wall, processor = time.perf_counter(), time.process_time()
    result = work()
    return (time.perf_counter() - wall, time.process_time() - processor), result


def scaled(spent: tuple[float, float], by: float) -> tuple[float, float]:
    """What all posts would have taken."""
    return spent[0] * by, spent[1] * by


def matmul_speed(size: int = 1024) -> float:
    """Floating-point operations per second of a float32 matrix product."""
    a, b = torch.rand(size, size), torch.rand(size, size)
    return 2 * size**3 / min(timed(lambda: a @ b)[0][0] for _ in range(8))


def bandwidth(size: int = 256 * 2**20) -> float:
    """Bytes per second of a plain sum over an array larger than the caches."""
    array = torch.ones(size // 4)
    return size / min(timed(array.sum)[0][0] for _ in range(5))


def _cache_bytes(model: Any, length: int) -> int:
    config = model.config
    return 8 * config.num_hidden_layers * config.num_key_value_heads * config.head_dim * length


if __name__ == "__main__":
    main(*(int(word) if word.isdigit() else word for word in sys.argv[1:]))  # type: ignore[arg-type]
