"""Trains the tokenizer of a new GLM: byte-level BPE over Chinese, with GLM's special tokens and chat template."""

from collections.abc import Iterable
from typing import Any

SPECIAL_TOKENS = ["<|endoftext|>", "[gMASK]", "<sop>", "<|system|>", "<|user|>", "<|assistant|>", "<|observation|>"]
STOP_TOKENS = ["<|endoftext|>", "<|user|>", "<|observation|>"]
CHAT_TEMPLATE = (
    "[gMASK]<sop>{% for message in messages %}<|{{ message['role'] }}|>\n{{ message['content'] }}{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)
# Chinese has no word breaks: without a limit every clause is one "word" and training takes minutes. Punctuation stands
# alone, so that a label's tokens don't depend on what follows it; digits stand alone, so that levels read as numbers.
_PIECES = r"[\p{Han}]{1,8}|[\p{L}\p{M}&&[^\p{Han}]]+|\p{N}|\s+|[^\s\p{L}\p{M}\p{N}]"


def train_tokenizer(texts: Iterable[str], vocab_size: int, model_max_length: int) -> Any:
    """Trains a byte-level BPE tokenizer; any text survives encoding and decoding.

    Args:
        texts: The texts to learn merges from.
        vocab_size: Tokens in all, special ones included.
        model_max_length: The model's context, kept in the tokenizer's configuration.

    Returns:
        A ``PreTrainedTokenizerFast`` with GLM's chat template.
    """
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(_PIECES), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size,
        special_tokens=SPECIAL_TOKENS,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        eos_token="<|endoftext|>",
        pad_token="<|endoftext|>",
        additional_special_tokens=SPECIAL_TOKENS[1:],
        model_max_length=model_max_length,
        padding_side="left",
        clean_up_tokenization_spaces=False,
    )
    fast.chat_template = CHAT_TEMPLATE
    return fast
