"""Trains the tokenizer of a new GLM: byte-level BPE over Chinese, with GLM's special tokens and chat template."""

from collections.abc import Iterable
from typing import Any

SPECIAL_TOKENS = ["<|endoftext|>", "[gMASK]", "<sop>", "<|system|>", "<|user|>", "<|assistant|>", "<|observation|>"]
STOP_TOKENS = ["<|endoftext|>", "<|user|>", "<|observation|>"]
CHAT_TEMPLATE = (
    "[gMASK]<sop>{% for message in messages %}<|{{ message['role'] }}|>\n{{ message['content'] }}{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)
# Punctuation stands alone, so that a label's tokens don't depend on what follows it; digits stand alone, so that levels
# read as numbers.
_PIECES = r"\p{Han}+|[\p{L}\p{M}&&[^\p{Han}]]+|\p{N}|\s+|[^\s\p{L}\p{M}\p{N}]"
# Chinese has no word breaks: without a limit every clause is one "word" and training takes minutes. Only training is
# limited: a limit in use would cut words where the eighth character happens to be.
_TRAINING_PIECES = _PIECES.replace(r"\p{Han}+", r"\p{Han}{1,8}")


def train_tokenizer(texts: Iterable[str], vocab_size: int, model_max_length: int, whole: Iterable[str] = ()) -> Any:
    """Trains a byte-level BPE tokenizer; any text survives encoding and decoding.

    Args:
        texts: The texts to learn merges from.
        vocab_size: Tokens in all, special ones and those of ``whole`` included.
        model_max_length: The model's context, kept in the tokenizer's configuration.
        whole: Words that are one token each wherever they stand, such as the names of labels.

    Returns:
        A ``PreTrainedTokenizerFast`` with GLM's chat template.
    """
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    words = list(dict.fromkeys(whole))
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = _cut(_TRAINING_PIECES)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size - len(words),
        special_tokens=SPECIAL_TOKENS,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    tokenizer.pre_tokenizer = _cut(_PIECES)
    tokenizer.add_tokens([AddedToken(word, normalized=False) for word in words])
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


def _cut(pieces: str) -> Any:
    from tokenizers import Regex, pre_tokenizers

    split = pre_tokenizers.Split(Regex(pieces), "isolated")
    return pre_tokenizers.Sequence([split, pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
