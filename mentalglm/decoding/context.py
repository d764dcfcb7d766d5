"""A batch of texts a model has read, kept as its key-value cache, so that what follows costs only its own tokens."""

from dataclasses import dataclass
from typing import Any

import torch

from mentalglm.decoding.token_tree import token_tree


@dataclass
class Context:
    """What the model has read so far.

    Attributes:
        model: The causal language model.
        cache: Its key-value cache, T columns.
        mask: (B, T), false where a row has padding.
        logits: (B, V), float32: what the model expects next.
    """

    model: Any
    cache: Any
    mask: torch.Tensor
    logits: torch.Tensor

    @property
    def lengths(self) -> torch.Tensor:
        """(B,), the real tokens of each row."""
        return self.mask.sum(dim=1)

    def append(self, rows: list[list[int]]) -> None:
        """Reads one more stretch of tokens for every row; shorter stretches are padded on the left."""
        ids, block = _left_pad(rows, self.model.device)
        positions = self.lengths[:, None] + (block.cumsum(dim=1) - 1).clamp(min=0)
        self.mask = torch.cat([self.mask, block], dim=1)
        hidden = self.model.get_decoder()(
            input_ids=ids,
            attention_mask=self.mask.long(),
            position_ids=positions,
            past_key_values=self.cache,
            use_cache=True,
        )[0]
        self.logits = self.model.get_output_embeddings()(hidden[:, -1]).float()

    def keep(self, rows: list[int]) -> None:
        """Forgets all rows but these, which take the places 0, 1, … in the order given."""
        chosen = torch.tensor(rows, device=self.mask.device)
        self.cache.batch_select_indices(chosen)
        self.mask, self.logits = self.mask[chosen], self.logits[chosen]

    def join(self, other: "Context") -> None:
        """Takes the rows of another context behind its own; the shorter cache is padded on the left.

        Columns that are padding in every row, left by rows that have gone, are cut off on the way::

            · · · 我 今天          我 今天
            · · 你 好 吗    ->   你 好 吗
                                  · · 早
        """
        ours, theirs = self._trim(), other._trim()
        width = max(ours.shape[1], theirs.shape[1])
        for layer, more in zip(self.cache.layers, other.cache.layers, strict=True):
            layer.keys = torch.cat([_widened(layer.keys, width, 2), _widened(more.keys, width, 2)])
            layer.values = torch.cat([_widened(layer.values, width, 2), _widened(more.values, width, 2)])
        self.mask = torch.cat([_widened(ours, width, 1), _widened(theirs, width, 1)])
        self.logits = torch.cat([self.logits, other.logits])

    def score(self, continuations: list[list[int]]) -> torch.Tensor:
        """log P(continuation | context) of every continuation for every row, in one forward pass.

        The continuations are laid out as a tree, in which each token sees the context and its own ancestors alone::

            这个 帖子 体现了 ┬ 高 自杀 风险 。
                             └ 低 自杀 风险 。

        The context is left as it was.

        Args:
            continuations: C token id lists, none empty, none equal to another.

        Returns:
            (B, C), natural logarithms.
        """
        tree = token_tree(continuations)
        tokens, parents = tree.tokens, tree.parents
        rows = len(self.mask)
        device = self.model.device
        sees = torch.from_numpy(tree.sees()).to(device)
        depths = sees.sum(dim=1) - 1
        visible = torch.cat([self.mask[:, None].expand(-1, len(tokens), -1), sees.expand(rows, -1, -1)], dim=2)
        bias = torch.zeros(visible.shape, dtype=self.model.dtype, device=device)
        bias.masked_fill_(~visible, torch.finfo(self.model.dtype).min)
        hidden = self.model.get_decoder()(
            input_ids=torch.tensor(tokens, device=device).expand(rows, -1),
            attention_mask=bias[:, None],
            position_ids=self.lengths[:, None] + depths,
            past_key_values=self.cache,
            use_cache=True,
        )[0]
        self.cache.crop(-len(tokens))
        inner = tree.inner
        place = {node: k + 1 for k, node in enumerate(inner)}
        after = torch.cat([self.logits[:, None], self.model.get_output_embeddings()(hidden[:, inner]).float()], dim=1)
        expected = after.log_softmax(dim=-1)
        of_node = torch.stack(
            [expected[:, place.get(parent, 0), token] for token, parent in zip(tokens, parents, strict=True)], dim=1
        )
        return torch.stack([of_node[:, path].sum(dim=1) for path in tree.paths], dim=1)

    def _trim(self) -> torch.Tensor:
        """Cuts the columns off the cache that no row uses; returns the mask without them."""
        empty = int(self.mask.any(dim=0).int().argmax())
        for layer in self.cache.layers:
            layer.keys, layer.values = layer.keys[:, :, empty:], layer.values[:, :, empty:]
        return self.mask[:, empty:]


def read(model: Any, prompts: list[list[int]]) -> Context:
    """Reads a batch of prompts, padded on the left to the longest.

    Args:
        model: A causal language model in evaluation mode.
        prompts: Token ids, none empty.
    """
    from transformers import DynamicCache

    empty = torch.zeros(len(prompts), 0, dtype=torch.bool, device=model.device)
    context = Context(model, DynamicCache(), empty, torch.empty(0))
    context.append(prompts)
    return context


def _left_pad(rows: list[list[int]], device: Any) -> tuple[torch.Tensor, torch.Tensor]:
    longest = max(map(len, rows))
    ids = torch.zeros(len(rows), longest, dtype=torch.long)
    mask = torch.zeros(len(rows), longest, dtype=torch.bool)
    for number, row in enumerate(rows):
        ids[number, longest - len(row) :] = torch.tensor(row)
        mask[number, longest - len(row) :] = True
    return ids.to(device), mask.to(device)


def _widened(tensor: torch.Tensor, width: int, dim: int) -> torch.Tensor:
    """``tensor`` with zeros before it along ``dim``, up to ``width``."""
    shape = list(tensor.shape)
    shape[dim] = width - shape[dim]
    return torch.cat([tensor.new_zeros(shape), tensor], dim=dim)
