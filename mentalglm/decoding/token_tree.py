"""Several continuations of one text as a tree, so that what they have in common is read once."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class TokenTree:
    """N nodes, parents before children.

    Attributes:
        tokens: Each node's token.
        parents: Each node's parent, -1 for the text itself.
        paths: The nodes of each continuation.
    """

    tokens: list[int]
    parents: list[int]
    paths: list[list[int]]

    @property
    def inner(self) -> list[int]:
        """The nodes that something follows."""
        return sorted({parent for parent in self.parents if parent >= 0})

    def sees(self) -> np.ndarray:
        """(N, N), whether a node (row) sees another: itself and its ancestors."""
        seen = np.zeros((len(self.tokens), len(self.tokens)), dtype=bool)
        for node, parent in enumerate(self.parents):
            if parent >= 0:
                seen[node] = seen[parent]
            seen[node, node] = True
        return seen

    def longest_path(self, tokens: list[int]) -> list[int]:
        """The nodes along which ``tokens`` can be followed from the text."""
        children = {
            (parent, token): node for node, (parent, token) in enumerate(zip(self.parents, self.tokens, strict=True))
        }
        path: list[int] = []
        for token in tokens:
            node = children.get((path[-1] if path else -1, token))
            if node is None:
                break
            path.append(node)
        return path


def token_tree(continuations: list[list[int]]) -> TokenTree:
    """Merges the common beginnings of ``continuations``."""
    tokens: list[int] = []
    parents: list[int] = []
    node_of: dict[tuple[int, int], int] = {}
    paths = []
    for continuation in continuations:
        parent, path = -1, []
        for token in continuation:
            if (parent, token) not in node_of:
                node_of[parent, token] = len(tokens)
                tokens.append(token)
                parents.append(parent)
            parent = node_of[parent, token]
            path.append(parent)
        paths.append(path)
    return TokenTree(tokens, parents, paths)
