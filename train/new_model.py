"""A GLM made from nothing, and the tokenizer trained for it."""

from typing import Any

from train.config import NewModel
from train.data import read_instructions
from train.tokenizer import STOP_TOKENS, train_tokenizer


def new_model(new: NewModel, seed: int) -> tuple[Any, Any]:
    """A ``GlmForCausalLM`` of random weights, which ``seed`` alone decides, and its tokenizer."""
    tokenizer = _tokenizer(new)
    return _model(new, tokenizer, seed), tokenizer


def _tokenizer(new: NewModel) -> Any:
    rows = (row for folder in new.tokenizer_data for row in read_instructions(folder, "train"))
    texts = (message["content"] for row in rows for message in row["messages"])
    return train_tokenizer(texts, new.vocab_size, new.max_position_embeddings)


def _model(new: NewModel, tokenizer: Any, seed: int) -> Any:
    import torch
    from transformers import GlmConfig, GlmForCausalLM

    stop_ids = [tokenizer.convert_tokens_to_ids(token) for token in STOP_TOKENS]
    shape = new.model_dump(exclude={"tokenizer_data", "vocab_size"})
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
