"""Texts read by ONNX Runtime: the same answers as :mod:`mentalglm.decoding.context` gives, several times sooner.

Every row of the key-value cache has its own length and lies in one block of memory that the attention operator writes
to in place::

    row 0  你 好 吗 · · · ·        lengths 3, 2, 5: nothing is padded on the left, so that a row's
    row 1  早 安 · · · · ·        numbers are the same, bit for bit, alone and in any batch
    row 2  今 天 又 下 雨 · ·
"""

import numpy as np
import torch

from mentalglm.decoding.onnx_engine import OnnxEngine
from mentalglm.decoding.token_tree import TokenTree, token_tree

# So many tokens are read at once: what a layer makes of them still fits the processor's cache.
_TOKENS_AT_ONCE = 1024
# What an answer takes behind its text, most often.
_ANSWER = 96
_NEVER = np.float32(-1e9)


class OnnxContext:
    """What the model has read so far; reading begins when something is asked of it.

    Label strings are scored in the very call that reads the prompts, as a tree behind each of them, and the tree is
    kept: a label that is then decided on need not be read again.
    """

    def __init__(self, engine: OnnxEngine, texts: list[list[int]]) -> None:
        self._engine = engine
        self._texts = [list(text) for text in texts]
        self._lengths = np.zeros(len(texts), dtype=np.int64)  # of what lies in the cache
        self._cache = engine.new_cache(len(texts), 0)
        self._logits = np.empty((len(texts), engine.config.vocab_size), dtype=np.float32)
        self._tree: TokenTree | None = None
        self._read = False

    def __del__(self) -> None:
        self._engine.give_back(self._cache)

    @property
    def lengths(self) -> torch.Tensor:
        """(B,), the tokens of each row."""
        return torch.from_numpy(self._lengths if self._read else np.array([len(row) for row in self._texts]))

    @property
    def logits(self) -> torch.Tensor:
        """(B, V), float32: what the model expects next. A view, overwritten by what is read next."""
        if not self._read:
            self._read_texts(TokenTree([], [], []))
        return torch.from_numpy(self._logits[: len(self._lengths)])

    def append(self, rows: list[list[int]]) -> None:
        """Reads one more stretch of tokens for every row."""
        for text, row in zip(self._texts, rows, strict=True):
            text.extend(row)
        if not self._read:
            return
        rows = self._follow_tree(rows)
        self._make_room(len(rows), int(self._lengths.max()) + max(map(len, rows)))
        for step in range(max(map(len, rows))):
            going = np.array([step < len(row) for row in rows])
            # A row that has nothing left to read reads a token all the same, at a place that is written again later.
            ids = np.array([[row[step]] if step < len(row) else [0] for row in rows])
            places = np.arange(len(rows))
            logits = self._engine.run(self._block(), ids, self._lengths[:, None], self._lengths, places)
            if going.all():
                self._logits = logits
            else:
                self._logits[places[going]] = logits[going]
            self._lengths += going

    def keep(self, rows: list[int]) -> None:
        """Forgets all rows but these, which take the places 0, 1, … in the order given."""
        self._texts = [self._texts[row] for row in rows]
        if not self._read:
            self._lengths = self._lengths[: len(rows)]
            return
        self._tree = None
        # A row may move to a place above it at once, since nothing that is still wanted lies there.
        if any(row < place for place, row in enumerate(rows)) or len(set(rows)) < len(rows):
            self._cache[:, :, : len(rows)] = self._cache[:, :, rows]
        else:
            for place, row in enumerate(rows):
                if row != place:
                    end = self._lengths[row]
                    self._cache[:, :, place, :, :end] = self._cache[:, :, row, :, :end]
        self._logits, self._lengths = self._logits[rows], self._lengths[rows]

    def join(self, other: "OnnxContext") -> None:
        """Takes the rows of another context behind its own."""
        expected = torch.cat([self.logits, other.logits]).numpy()
        old, new = len(self._lengths), len(other._lengths)
        longest = int(max(self._lengths.max(), other._lengths.max()))
        self._make_room(old + new, longest + 1)
        for row, end in enumerate(other._lengths):
            self._cache[:, :, old + row, :, :end] = other._cache[:, :, row, :, :end]
        self._tree, self._logits = None, expected
        self._lengths = np.concatenate([self._lengths, other._lengths])
        self._texts = self._texts + other._texts

    def score(self, continuations: list[list[int]]) -> torch.Tensor:
        """(B, C), log P(continuation | text) of every continuation for every row, by one reading of all."""
        return torch.from_numpy(self._read_texts(token_tree(continuations)))

    def _read_texts(self, tree: TokenTree) -> np.ndarray:
        """Reads the prompts with ``tree`` behind each; (rows, continuations)."""
        lengths = np.array([len(prompt) for prompt in self._texts])
        self._lengths = np.zeros_like(lengths)
        self._make_room(len(lengths), int(lengths.max()) + len(tree.tokens) + 1)
        scores = np.zeros((len(lengths), len(tree.paths)), dtype=np.float32)
        first = 0
        while first < len(lengths):
            last = first + 1
            while last < len(lengths) and _tokens(lengths[first : last + 1], tree) <= _TOKENS_AT_ONCE:
                last += 1
            self._logits[first:last], scores[first:last] = self._read_some(first, last, tree)
            first = last
        self._lengths, self._read, self._tree = lengths, True, tree
        return scores

    def _read_some(self, first: int, last: int, tree: TokenTree) -> tuple[np.ndarray, np.ndarray]:
        prompts = self._texts[first:last]
        nodes, depths = len(tree.tokens), [len(path) for path in _ways(tree)]
        width = max(map(len, prompts)) + nodes
        ids = np.zeros((len(prompts), width), dtype=np.int64)
        positions = np.zeros_like(ids)
        hidden = np.where(tree.sees(), np.float32(0), _NEVER)
        bias = np.zeros((len(prompts), 1, width, width), dtype=np.float32) if nodes else None
        for row, prompt in enumerate(prompts):
            end = len(prompt)
            ids[row, :end], ids[row, end : end + nodes] = prompt, tree.tokens
            positions[row, :end] = np.arange(end)
            positions[row, end : end + nodes] = np.array(depths, dtype=np.int64) + (end - 1)
            if bias is not None:
                bias[row, 0, end : end + nodes, end : end + nodes] = hidden
        ends = np.array([row * width + len(prompt) - 1 for row, prompt in enumerate(prompts)])
        inner = tree.inner
        behind = np.array([-1, *inner]) + 1
        block = self._cache[:, :, first:last]
        logits = self._engine.run(
            block, ids, positions, np.zeros(len(prompts), dtype=np.int64), (ends[:, None] + behind).ravel(), bias
        ).reshape(len(prompts), len(behind), -1)
        place = {node: k + 1 for k, node in enumerate(inner)}
        parents = [place.get(parent, 0) for parent in tree.parents]
        gained = logits[:, parents, tree.tokens] - _log_sum_exp(logits)[:, parents]
        scores = np.zeros((len(prompts), len(tree.paths)), dtype=np.float32)
        for column, path in enumerate(tree.paths):
            for node in path:  # one after the other: numpy's own sum takes another order for another shape
                scores[:, column] += gained[:, node]
        return logits[:, 0], scores

    def _follow_tree(self, rows: list[list[int]]) -> list[list[int]]:
        """Takes what ``rows`` share with the tree from the cache; returns what is left of them to read."""
        if self._tree is None or not self._tree.tokens:
            return rows
        left = []
        for row, tokens in enumerate(rows):
            path = self._tree.longest_path(tokens[:-1])
            start = self._lengths[row]
            copied = self._cache[:, :, row].take(start + np.array(path, dtype=np.int64), axis=3)
            self._cache[:, :, row, :, start : start + len(path)] = copied
            self._lengths[row] += len(path)
            left.append(tokens[len(path) :])
        self._tree = None
        return left

    def _block(self) -> np.ndarray:
        return self._cache[:, :, : len(self._lengths)]

    def _make_room(self, rows: int, columns: int) -> None:
        """Makes the cache large enough; what it holds stays where it is."""
        _, _, had_rows, _, had_columns, _ = self._cache.shape
        if rows > had_rows or columns > had_columns:
            larger = self._engine.new_cache(max(rows, had_rows), -(-(columns + _ANSWER) // 64) * 64)
            for row, end in enumerate(self._lengths):
                larger[:, :, row, :, :end] = self._cache[:, :, row, :, :end]
            self._engine.give_back(self._cache)
            self._cache = larger


def _tokens(lengths: np.ndarray, tree: TokenTree) -> int:
    """What reading rows of these lengths costs, in tokens; each logit row counts as much as a token."""
    return len(lengths) * (int(lengths.max()) + len(tree.tokens) + len(tree.inner))


def _ways(tree: TokenTree) -> list[list[int]]:
    """For every node the nodes that lead to it, itself included."""
    ways: list[list[int]] = []
    for node, parent in enumerate(tree.parents):
        ways.append([*(ways[parent] if parent >= 0 else []), node])
    return ways


def _log_sum_exp(logits: np.ndarray) -> np.ndarray:
    highest = logits.max(axis=-1)
    return np.asarray(highest + np.log(np.exp(logits - highest[..., None]).sum(axis=-1)))
