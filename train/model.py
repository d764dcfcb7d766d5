"""The model a run starts from: loaded, or made new; with an adapter around it if one is asked for."""

from pathlib import Path
from typing import Any

from mentalglm.models import load_model
from train.config import NewModel, TrainConfig
from train.data import read_instructions
from train.tokenizer import STOP_TOKENS, train_tokenizer


def starting_model(config: TrainConfig) -> tuple[Any, Any]:
    """The model in training mode and its tokenizer."""
    if config.new_model is not None:
        tokenizer = _new_tokenizer(config.new_model)
        model = _new_model(config.new_model, tokenizer, config.seed)
    else:
        # On the CPU first: DeepSpeed moves it to its rank's own device.
        loaded = load_model(str(config.model), device="cpu", dtype=config.dtype)
        model, tokenizer = loaded.model, loaded.tokenizer
    if config.lora is not None:
        model = _with_adapter(model, config)
    return model.train(), tokenizer


def _new_tokenizer(new: NewModel) -> Any:
    rows = (row for folder in new.tokenizer_data for row in read_instructions(folder, "train"))
    texts = (message["content"] for row in rows for message in row["messages"])
    return train_tokenizer(texts, new.vocab_size, new.max_position_embeddings)


def _new_model(new: NewModel, tokenizer: Any, seed: int) -> Any:
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


def _with_adapter(model: Any, config: TrainConfig) -> Any:
    from peft import LoraConfig, get_peft_model

    lora = config.lora
    assert lora is not None
    if Path(model.name_or_path).is_dir():
        model.name_or_path = str(Path(model.name_or_path).resolve())  # the adapter is loaded from elsewhere
    return get_peft_model(
        model,
        LoraConfig(
            task_type="CAUSAL_LM",
            r=lora.r,
            lora_alpha=lora.alpha,
            lora_dropout=lora.dropout,
            target_modules=lora.target_modules,
        ),
    )
