"""The tiktoken tokenizer of a GLM-4 checkpoint as a Hugging Face fast tokenizer that gives the same tokens."""

import base64
import binascii
from pathlib import Path
from typing import Any

from mentalglm.errors import UserError
from mentalglm.models.read_json import read_json

# GLM-4's, which hold where the checkpoint's tokenizer_config.json lists none; they follow the last rank in this order.
SPECIAL_TOKENS = [
    "<|endoftext|>",
    "[MASK]",
    "[gMASK]",
    "[sMASK]",
    "<sop>",
    "<eop>",
    "<|system|>",
    "<|user|>",
    "<|assistant|>",
    "<|observation|>",
    "<|begin_of_image|>",
    "<|end_of_image|>",
    "<|begin_of_video|>",
    "<|end_of_video|>",
]
_NEEDED = ("<|endoftext|>", "[gMASK]", "<sop>", "<|system|>", "<|user|>", "<|assistant|>", "<|observation|>")

# The layout of glm-4-9b-chat: a turn is its role, an optional word about it, a line break and the text.
CHAT_TEMPLATE = (
    "[gMASK]<sop>{% for message in messages %}<|{{ message['role'] }}|>{{ message['metadata'] }}\n"
    "{{ message['content'] }}{% endfor %}{% if add_generation_prompt %}<|assistant|>{% endif %}"
)

# How GLM-4 cuts text before it merges bytes: the cut of GPT-4, published with the tokenizer.
_PIECES = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)


def native_tokenizer(folder: Path) -> Any:
    """A ``PreTrainedTokenizerFast`` made of ``tokenizer.model`` and ``tokenizer_config.json`` in ``folder``.

    tiktoken joins the neighbours whose joint rank is lowest; a list of merges says the same when every way of cutting a
    token into two known ones is in it, by the token's rank.

    Raises:
        UserError: The files are missing or damaged, hold a sentencepiece model, or number their tokens otherwise.
    """
    from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    path = folder / "tokenizer.model"
    ranks = _read_ranks(path)
    letters = _byte_letters()
    vocabulary = {_spelled(token, letters): rank for token, rank in ranks.items()}
    merges = [(_spelled(left, letters), _spelled(right, letters)) for left, right in _merges(ranks)]
    tokenizer = Tokenizer(models.BPE(vocabulary, merges, ignore_merges=True))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(_PIECES), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    config_path = folder / "tokenizer_config.json"
    config = read_json(config_path) if config_path.is_file() else {}
    special = _special_tokens(config, len(ranks), config_path)
    tokenizer.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in special])
    for token, number in special.items():
        if tokenizer.token_to_id(token) != number:
            raise UserError(
                f"{config_path}: {token} has number {number}; it must follow the {len(ranks)} ranks", "bad_tokenizer"
            )
    start = [(token, special[token]) for token in ("[gMASK]", "<sop>")]
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[gMASK] <sop> $A", pair="[gMASK] <sop> $A $B:1", special_tokens=start
    )
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        eos_token="<|endoftext|>",
        pad_token="<|endoftext|>",
        additional_special_tokens=[token for token in special if token != "<|endoftext|>"],
        model_max_length=_max_length(config, folder),
        padding_side="left",
        clean_up_tokenization_spaces=False,
    )
    own = config.get("chat_template")
    fast.chat_template = own if isinstance(own, str) and own else CHAT_TEMPLATE
    return fast


def _read_ranks(path: Path) -> dict[bytes, int]:
    """Each token's bytes and its rank, from lines of base64 and a number."""
    if not path.is_file():
        raise UserError(f"{path} is missing; a GLM-4 checkpoint brings its tokenizer there", "bad_tokenizer")
    content = path.read_bytes()
    ranks: dict[bytes, int] = {}
    try:
        for line in content.splitlines():
            if line:
                token, rank = line.split()
                ranks[base64.b64decode(token, validate=True)] = int(rank)
    except (ValueError, binascii.Error):
        # A sentencepiece model is a protocol buffer, whose first field, the pieces, has this byte before it.
        reason = "is a sentencepiece model, as ChatGLM2 and ChatGLM3 have; GLM-4 checkpoints alone are read"
        known = content[:1] == b"\n"
        raise UserError(f"{path} {reason if known else 'is no list of tiktoken ranks'}", "bad_tokenizer") from None
    if sorted(ranks.values()) != list(range(len(ranks))) or not all(bytes([k]) in ranks for k in range(256)):
        raise UserError(f"{path} lacks ranks: they must count from 0 and hold every byte", "bad_tokenizer")
    return ranks


def _merges(ranks: dict[bytes, int]) -> list[tuple[bytes, bytes]]:
    found = [
        (rank, ranks[token[:cut]], ranks[token[cut:]], cut, token)
        for token, rank in ranks.items()
        for cut in range(1, len(token))
        if token[:cut] in ranks and token[cut:] in ranks
    ]
    return [(token[:cut], token[cut:]) for *_, cut, token in sorted(found)]


def _special_tokens(config: dict[str, Any], ranks: int, path: Path) -> dict[str, int]:
    """The special tokens and their numbers, lowest first."""
    listed = config.get("added_tokens_decoder")
    if not listed:
        return {token: ranks + k for k, token in enumerate(SPECIAL_TOKENS)}
    try:
        found = {entry["content"]: int(number) for number, entry in listed.items()}
    except (AttributeError, KeyError, TypeError, ValueError):
        raise UserError(f"{path}: added_tokens_decoder: it must map numbers to tokens", "bad_tokenizer") from None
    lacking = [token for token in _NEEDED if token not in found]
    if lacking:
        reason = "GLM-4's turns cannot be marked without it"
        raise UserError(f"{path}: added_tokens_decoder lacks {lacking[0]}; {reason}", "bad_tokenizer")
    return dict(sorted(found.items(), key=lambda item: item[1]))


def _max_length(config: dict[str, Any], folder: Path) -> int:
    """The model's context; the tokenizer's own limit is often a placeholder far above it."""
    limits = [config.get("model_max_length"), read_json(folder / "config.json").get("seq_length")]
    return min(int(limit) for limit in [*limits, 2**31 - 1] if isinstance(limit, (int, float)) and limit > 0)


def _byte_letters() -> list[str]:
    """The printable letter that stands for each byte in byte-level BPE (Radford et al. 2019).

    Printable bytes of Latin-1 stand for themselves, the others for the letters from U+0100 up.
    """
    printable = {*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)}
    rest = iter(range(0x100, 0x200))
    return [chr(byte if byte in printable else next(rest)) for byte in range(256)]


def _spelled(token: bytes, letters: list[str]) -> str:
    return "".join(letters[byte] for byte in token)
