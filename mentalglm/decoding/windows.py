"""A post longer than the model's context is read in overlapping windows; nothing is cut silently."""

from typing import Any

# The grammar's parser has limits of its own: six quotations over a 10,000-character text fail inside it.
MAX_CHARACTERS = 4000


def split_windows(text: str, tokenizer: Any, max_tokens: int) -> list[str]:
    """Overlapping stretches of ``text``, each within ``max_tokens`` tokens and 4,000 characters.

    Neighbours overlap by a quarter, so that a sentence cut by one window stands whole in the next.

    Args:
        text: The post.
        tokenizer: The model's.
        max_tokens: What a window may take.

    Returns:
        One window, the text itself, if it fits.
    """
    offsets = _tokens(text, tokenizer)
    if len(offsets) <= max_tokens and len(text) <= MAX_CHARACTERS:
        return [text]
    windows = []
    first = 0
    while first < len(offsets):
        last = min(first + max_tokens, len(offsets))
        while offsets[last - 1][1] - offsets[first][0] > MAX_CHARACTERS:
            last -= 1
        # Cut out of its surroundings, a stretch may fall into more tokens than it had there.
        while last > first + 1:
            over = len(_tokens(text[offsets[first][0] : offsets[last - 1][1]], tokenizer)) - max_tokens
            if over <= 0:
                break
            last = max(first + 1, last - over)
        windows.append(text[offsets[first][0] : offsets[last - 1][1]])
        if last == len(offsets):
            break
        first = max(first + 1, last - (last - first) // 4)
    return windows


def _tokens(text: str, tokenizer: Any) -> list[tuple[int, int]]:
    """Where the tokens of ``text`` begin and end in it."""
    encoded = tokenizer(
        text, add_special_tokens=False, split_special_tokens=True, return_offsets_mapping=True, verbose=False
    )
    return list(encoded["offset_mapping"])
