"""The networks that an encoder baseline trains: a small one from nothing, or a pretrained one with a fresh head."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from eval.baselines.encoder_config import TINY, EncoderConfig
from mentalglm.errors import UserError
from mentalglm.models.find import check_folder, find_model
from mentalglm.models.first_line import first_line
from mentalglm.models.quiet import quiet

_WIDTHS, _CHANNELS, _EMBEDDING, _DROPOUT = (1, 2, 3, 4), 128, 128, 0.3
_PAD, _UNKNOWN = 0, 1


@dataclass(frozen=True)
class Network:
    """A trainable network and how posts are put to it.

    Attributes:
        module: Weights; called with ids and mask, both of shape ``(posts, length)``, it returns a score per label.
        tokens: Posts as ids, uncut.
        pad: The id that fills a batch.
        most: The most ids that are read.
        closing: Whether the last id closes a post, and so stays where the post is cut.
    """

    module: nn.Module
    tokens: Callable[[Sequence[str]], list[list[int]]]
    pad: int
    most: int
    closing: bool

    def read(self, posts: Sequence[str]) -> tuple[list[list[int]], int]:
        """Posts as ids, none longer than ``most``, and how many were cut."""
        found = self.tokens(posts)
        kept = self.most - self.closing
        cut = [row if len(row) <= self.most else row[:kept] + row[len(row) - self.closing :] for row in found]
        return cut, sum(len(row) > self.most for row in found)

    def batch(self, ids: Sequence[list[int]], device: str) -> tuple[Tensor, Tensor]:
        """Ids and mask, padded to the longest."""
        longest = max(len(row) for row in ids)
        padded = torch.tensor([[*row, *[self.pad] * (longest - len(row))] for row in ids])
        lengths = torch.tensor([len(row) for row in ids])
        return padded.to(device), (torch.arange(longest) < lengths[:, None]).long().to(device)


class CharacterConvolution(nn.Module):
    """Windows of one to four characters, the strongest of each kind, then one score per label (Kim, 2014)."""

    def __init__(self, characters: int, labels: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(characters, _EMBEDDING, padding_idx=_PAD)
        self.windows = nn.ModuleList(nn.Conv1d(_EMBEDDING, _CHANNELS, width) for width in _WIDTHS)
        self.dropout = nn.Dropout(_DROPOUT)
        self.head = nn.Linear(_CHANNELS * len(_WIDTHS), labels)

    def forward(self, ids: Tensor, mask: Tensor) -> Tensor:
        """Scores of shape ``(posts, labels)``."""
        rows = self.dropout(self.embedding(ids)) * mask[..., None]
        rows = nn.functional.pad(rows, (0, 0, 0, max(_WIDTHS) - 1)).transpose(1, 2)
        inside = mask[:, None, :]  # where a window begins; one that begins behind the post sees padding alone
        strongest = [(torch.relu(window(rows))[..., : ids.shape[1]] * inside).amax(-1) for window in self.windows]
        scores: Tensor = self.head(self.dropout(torch.cat(strongest, -1)))
        return scores


class Pretrained(nn.Module):
    """A pretrained encoder behind the same face."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, ids: Tensor, mask: Tensor) -> Tensor:
        """Scores of shape ``(posts, labels)``."""
        scores: Tensor = self.model(input_ids=ids, attention_mask=mask).logits
        return scores


def character_table(posts: Sequence[str]) -> str:
    """The characters that stand in more than one post, the commonest first."""
    seen = Counter(character for post in posts for character in set(post.lower()))
    order = sorted(seen, key=lambda character: (-seen[character], character))
    return "".join(character for character in order if seen[character] > 1)


def tiny_network(characters: str, labels: int, config: EncoderConfig) -> Network:
    """A network from nothing.

    Args:
        characters: What :func:`character_table` made of the training posts; other characters are all alike.
        labels: How many labels.
        config: Its ``max_length``.
    """
    places = {character: place for place, character in enumerate(characters, start=2)}

    def tokens(posts: Sequence[str]) -> list[list[int]]:
        return [[places.get(character, _UNKNOWN) for character in post.lower()] or [_UNKNOWN] for post in posts]

    return Network(CharacterConvolution(len(places) + 2, labels), tokens, _PAD, config.max_length, False)


def find_encoder(config: EncoderConfig) -> Path | None:
    """The folder of a pretrained encoder; None for ``tiny``.

    Raises:
        UserError: It is nowhere, or needs its own code or pickled weights.
    """
    if config.model == TINY:
        return None
    folder = find_model(config.model, config.revision)
    check_folder(folder)
    return folder


def pretrained_network(folder: Path, labels: int, config: EncoderConfig) -> Network:
    """A pretrained encoder with a fresh head. No code of the checkpoint is run, and no pickled weights are read.

    Raises:
        UserError: It cannot be loaded, or is no encoder with a head for labels.
    """
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    try:
        with quiet():
            tokenizer: Any = AutoTokenizer.from_pretrained(str(folder), trust_remote_code=False)
            model, info = AutoModelForSequenceClassification.from_pretrained(
                str(folder),
                num_labels=labels,
                trust_remote_code=False,
                use_safetensors=True,
                ignore_mismatched_sizes=True,
                output_loading_info=True,
                dtype=torch.float32,
            )
    except Exception as error:  # a damaged or foreign checkpoint raises whatever its reader raises
        raise UserError(f"encoder {config.model!r} cannot be loaded: {first_line(error)}", "missing_model") from None
    sizes = {name: weight.numel() for name, weight in model.named_parameters()}
    fresh = sum(sizes.get(name, 0) for name in [*info["missing_keys"], *(key[0] for key in info["mismatched_keys"])])
    if fresh > sum(sizes.values()) / 2:
        raise UserError(f"encoder {config.model!r}: most of its weights are missing; check the checkpoint")
    known = [config.max_length, getattr(model.config, "max_position_embeddings", None), tokenizer.model_max_length]
    most = int(min(size for size in known if size))
    if getattr(model.config, "model_type", "") == "roberta":
        most = min(most, model.config.max_position_embeddings - 2)  # its positions begin behind the padding id
    pad = tokenizer.pad_token_id if tokenizer.pad_token_id is not None else 0

    def tokens(posts: Sequence[str]) -> list[list[int]]:
        with quiet():
            found: list[list[int]] = tokenizer(list(posts), truncation=False)["input_ids"]
        return found

    return Network(Pretrained(model), tokens, pad, most, True)
