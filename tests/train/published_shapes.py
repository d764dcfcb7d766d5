"""The shapes of the models that the shipped configurations name, as their published config.json states them."""

from pathlib import Path
from typing import Any

from tests.tiny import CONTEXT, tiny_tokenizer
from train.tokenizer import STOP_TOKENS

_CONFIGS: dict[str, tuple[str, dict[str, Any]]] = {
    "zai-org/glm-edge-1.5b-chat": (
        "GlmConfig",
        {
            "vocab_size": 59264,
            "hidden_size": 2048,
            "num_hidden_layers": 28,
            "num_attention_heads": 16,
            "num_key_value_heads": 4,
            "head_dim": 128,
            "intermediate_size": 6144,
            "attention_bias": False,
            "tie_word_embeddings": True,
            "pad_token_id": 59246,
            "eos_token_id": [59246, 59253, 59255],
        },
    ),
    "zai-org/glm-4-9b-chat-hf": (
        "GlmConfig",
        {
            "vocab_size": 151552,
            "hidden_size": 4096,
            "num_hidden_layers": 40,
            "num_attention_heads": 32,
            "num_key_value_heads": 2,
            "head_dim": 128,
            "intermediate_size": 13696,
            "attention_bias": True,
            "tie_word_embeddings": False,
        },
    ),
    "zai-org/GLM-4-32B-0414": (
        "Glm4Config",
        {
            "vocab_size": 151552,
            "hidden_size": 6144,
            "num_hidden_layers": 61,
            "num_attention_heads": 48,
            "num_key_value_heads": 2,
            "head_dim": 128,
            "intermediate_size": 23040,
            "attention_bias": False,
            "tie_word_embeddings": False,
        },
    ),
    "Qwen/Qwen2.5-7B-Instruct": (
        "Qwen2Config",
        {
            "vocab_size": 152064,
            "hidden_size": 3584,
            "num_hidden_layers": 28,
            "num_attention_heads": 28,
            "num_key_value_heads": 4,
            "intermediate_size": 18944,
            "tie_word_embeddings": False,
        },
    ),
}
# As published, or as the makers' own files count them.
PARAMETERS = {
    "zai-org/glm-edge-1.5b-chat": 1_472_055_296,
    "zai-org/glm-4-9b-chat-hf": 9_399_951_360,
    "zai-org/GLM-4-32B-0414": 32_566_081_536,
    "Qwen/Qwen2.5-7B-Instruct": 7_615_616_512,
}


def published_config(name: str, **smaller: Any) -> Any:
    """The configuration of the model called ``name``; ``smaller`` scales it down."""
    import transformers

    kind, numbers = _CONFIGS[name]
    return getattr(transformers, kind)(**(numbers | smaller))


def model_without_weights(name: str) -> Any:
    """The model in its true shape on the meta device, which takes no memory; in bf16, as it is published."""
    import torch
    from transformers import AutoModelForCausalLM

    with torch.device("meta"):
        return AutoModelForCausalLM.from_config(published_config(name), dtype=torch.bfloat16)


def save_scaled_down(name: str, folder: Path) -> Path:
    """Writes a model of the same family of two layers and random weights, with a tokenizer of its template."""
    import torch
    from transformers import AutoModelForCausalLM

    tokenizer = _chatml_tokenizer() if name.startswith("Qwen") else tiny_tokenizer()
    numbers = _CONFIGS[name][1]
    smaller: dict[str, Any] = {
        "vocab_size": len(tokenizer),
        "hidden_size": 32,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": min(2, numbers["num_key_value_heads"]),
        "intermediate_size": 64,
        "max_position_embeddings": CONTEXT,
        "pad_token_id": tokenizer.pad_token_id,
        "eos_token_id": _stop_ids(tokenizer),
    }
    if "head_dim" in numbers:
        smaller["head_dim"] = 8
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = AutoModelForCausalLM.from_config(published_config(name, **smaller), dtype=torch.bfloat16)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def _stop_ids(tokenizer: Any) -> list[int]:
    """The tokens at which an answer ends: of GLM the openings of the next turn, of ChatML the end of this one."""
    names = ["<|im_end|>"] if "<|im_end|>" in tokenizer.get_vocab() else STOP_TOKENS
    return [int(tokenizer.convert_tokens_to_ids(token)) for token in names]


def _chatml_tokenizer() -> Any:
    """The tiny tokenizer as Qwen's would be: its special tokens, and a template that begins with a system message."""
    from tokenizers import Tokenizer
    from transformers import PreTrainedTokenizerFast

    spelled = tiny_tokenizer().backend_tokenizer.to_str()
    for ours, theirs in (("<|user|>", "<|im_end|>"), ("<|assistant|>", "<|im_start|>")):
        spelled = spelled.replace(ours, theirs)
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=Tokenizer.from_str(spelled),
        eos_token="<|im_end|>",
        pad_token="<|endoftext|>",
        additional_special_tokens=["<|im_start|>"],
        model_max_length=CONTEXT,
    )
    tokenizer.chat_template = (
        "{% if messages[0]['role'] != 'system' %}<|im_start|>system\nYou are helpful.<|im_end|>\n{% endif %}"
        "{% for message in messages %}<|im_start|>{{ message['role'] }}\n"
        "{{ message['content'] }}<|im_end|>\n{% endfor %}"
        "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
    )
    return tokenizer
