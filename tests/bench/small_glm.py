"""What the benchmarks of training share: a small GLM of random weights, and rows of the open corpus to train it on."""

import json
import random
from pathlib import Path
from typing import Any

CORPUS = Path(__file__).parents[2] / "instructions" / "configs" / "open.yaml"
HIDDEN, LAYERS, HEADS, KEY_VALUE_HEADS, INTERMEDIATE = 256, 8, 4, 2, 768


def small_glm(folder: Path, vocab_size: int, device: str = "cpu", dtype: str = "fp32", **shape: int) -> Path:
    """Saves a GLM of random weights beside the embedded model's tokenizer; returns ``folder``.

    ``shape`` makes it larger or smaller; a large one is drawn faster on a GPU.

    As with the published GLMs, the vocabulary may be larger than the tokenizer's, and the projection onto it is a
    matrix of its own. Weights are drawn wider than usual, so that a wrong mask or position shows in the loss.
    """
    import torch
    from transformers import GlmForCausalLM
    from transformers.utils.logging import disable_progress_bar

    from mentalglm.models import load_model

    disable_progress_bar()
    tokenizer = load_model("embedded", "cpu").tokenizer
    torch.manual_seed(0)
    with torch.device(device):
        model = GlmForCausalLM._from_config(
            glm_config(tokenizer, vocab_size, **shape), dtype=torch.bfloat16 if dtype == "bf16" else torch.float32
        )
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def glm_config(tokenizer: Any, vocab_size: int, **shape: int) -> Any:
    """The small GLM's ``GlmConfig``; ``shape`` changes it."""
    from transformers import GlmConfig

    measures = {
        "hidden_size": HIDDEN,
        "num_hidden_layers": LAYERS,
        "num_attention_heads": HEADS,
        "num_key_value_heads": KEY_VALUE_HEADS,
        "intermediate_size": INTERMEDIATE,
        "head_dim": HIDDEN // HEADS,
    }
    return GlmConfig(
        **measures | shape,
        vocab_size=vocab_size,
        max_position_embeddings=2048,
        initializer_range=0.05,
        tie_word_embeddings=False,
        attention_bias=False,
        pad_token_id=tokenizer.pad_token_id,
        eos_token_id=[tokenizer.eos_token_id],
        bos_token_id=None,
    )


def open_rows(work: Path) -> list[dict[str, Any]]:
    """The training rows of the open corpus, built once into ``work``, in an order of chance, each of weight 1."""
    import pyarrow.parquet

    from instructions.build import build

    folder = work / "open"
    if not (folder / "train.parquet").is_file():
        build(CORPUS, CORPUS.parent, folder)
    rows: list[dict[str, Any]] = pyarrow.parquet.read_table(folder / "train.parquet").to_pylist()
    random.Random(0).shuffle(rows)
    return [row | {"weight": 1.0} for row in rows]


def write_rows(folder: Path, rows: list[dict[str, Any]]) -> Path:
    """Writes an instruction folder that all trainers can read; returns it."""
    import pyarrow
    import pyarrow.parquet

    folder.mkdir(parents=True, exist_ok=True)
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), folder / "train.parquet")
    tags = {f"{role}_tag": role for role in ("role", "content", "user", "assistant", "system")}
    described = {"file_name": "train.parquet", "formatting": "sharegpt", "columns": {"messages": "messages"}}
    (folder / "dataset_info.json").write_text(json.dumps({"bench_train": described | {"tags": tags}}), "utf-8")
    return folder


def count_tokens(model: Path, rows: list[dict[str, Any]]) -> tuple[list[int], int]:
    """Each row's tokens, and how many of all are scored; a row's first token is predicted by nothing."""
    from transformers import AutoTokenizer

    from mentalglm.prompt import encode_example

    tokenizer = AutoTokenizer.from_pretrained(model)
    encoded = [encode_example(tokenizer, row["messages"]) for row in rows]
    return [len(ids) for ids, _ in encoded], sum(sum(scored[1:]) for _, scored in encoded)
