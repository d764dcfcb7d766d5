"""A GLM made from nothing, and the tokenizer trained for it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mentalglm.tasks import load_task
from train.config import NewModel
from train.data import read_instructions
from train.tokenizer import STOP_TOKENS, train_tokenizer

# Of one folder. A vocabulary of ten thousand hardly changes with more; minutes and gigabytes do.
_CHARACTERS = 8_000_000


def new_model(new: NewModel, seed: int) -> tuple[Any, Any]:
    """A ``GlmForCausalLM`` of random weights, which ``seed`` alone decides, and its tokenizer."""
    tokenizer = _tokenizer(new)
    return _model(new, tokenizer, seed), tokenizer


def _tokenizer(new: NewModel) -> Any:
    texts = (text for folder in new.tokenizer_data for text in _texts(folder))
    return train_tokenizer(texts, new.vocab_size, new.max_position_embeddings, _label_words(new.label_tokens))


def _texts(folder: Path) -> Iterator[str]:
    """The messages of a folder's training rows, as many as a tokenizer needs."""
    left = _CHARACTERS
    for row in read_instructions(folder, "train"):
        for message in row["messages"]:
            yield message["content"]
            left -= len(message["content"])
        if left <= 0:
            return


def _label_words(names: list[str]) -> list[str]:
    """Every label of the tasks as each style writes it; one of digits alone stays a number."""
    tasks = [load_task(name) for name in names]
    words = [task.surface(style, label) for task in tasks for style in task.styles for label in task.label_names]
    return [word for word in dict.fromkeys(words) if not word.isdecimal()]


def _model(new: NewModel, tokenizer: Any, seed: int) -> Any:
    import torch
    from transformers import GlmConfig, GlmForCausalLM

    stop_ids = [tokenizer.convert_tokens_to_ids(token) for token in STOP_TOKENS]
    shape = new.model_dump(exclude={"tokenizer_data", "vocab_size", "label_tokens"})
    config = GlmConfig(
        **shape,
        vocab_size=len(tokenizer),
        head_dim=new.hidden_size // new.num_attention_heads,
        tie_word_embeddings=True,
        attention_bias=False,
        pad_token_id=tokenizer.pad_token_id,
        eos_token_id=stop_ids,
        bos_token_id=None,
    )
    torch.manual_seed(seed)
    model = GlmForCausalLM(config)
    model.generation_config.eos_token_id = stop_ids
    model.generation_config.pad_token_id = tokenizer.pad_token_id
    return model
