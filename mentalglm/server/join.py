"""Two batches that a model has read become one."""

import torch

from mentalglm.decoding.context import Context


def join(first: Context, second: Context) -> Context:
    """The rows of ``first``, then those of ``second``; the shorter cache is padded on the left.

    Columns that are padding in every row, left by rows that have gone, are cut off on the way::

        · · · 我 今天          我 今天
        · · 你 好 吗    ->   你 好 吗
                              · · 早
    """
    first.mask, second.mask = _trimmed(first), _trimmed(second)
    width = max(first.mask.shape[1], second.mask.shape[1])
    for ours, theirs in zip(first.cache.layers, second.cache.layers, strict=True):
        ours.keys = torch.cat([_widened(ours.keys, width, 2), _widened(theirs.keys, width, 2)])
        ours.values = torch.cat([_widened(ours.values, width, 2), _widened(theirs.values, width, 2)])
    first.mask = torch.cat([_widened(first.mask, width, 1), _widened(second.mask, width, 1)])
    first.logits = torch.cat([first.logits, second.logits])
    return first


def _trimmed(context: Context) -> torch.Tensor:
    """Cuts the columns off the cache that no row uses; returns the mask without them."""
    empty = int(context.mask.any(dim=0).int().argmax())
    for layer in context.cache.layers:
        layer.keys, layer.values = layer.keys[:, :, empty:], layer.values[:, :, empty:]
    return context.mask[:, empty:]


def _widened(tensor: torch.Tensor, width: int, dim: int) -> torch.Tensor:
    """``tensor`` with zeros before it along ``dim``, up to ``width``."""
    shape = list(tensor.shape)
    shape[dim] = width - shape[dim]
    return torch.cat([tensor.new_zeros(shape), tensor], dim=dim)
