"""Which texts are read together, and what happens when memory does not suffice."""

from collections.abc import Callable

# What a post of middling length takes with its question and answer.
_TOKENS_PER_POST = 256
_ANSWER = 64


def batches_of(lengths: dict[int, int], tokens: int) -> list[list[int]]:
    """Places sorted by length, so that a batch pads little, in groups of at most so many tokens.

    The longest come first: memory that sufficed for them suffices for all, and where it does not, that shows at once.

    Args:
        lengths: By place.
        tokens: What a group may hold, padding included; a single text that is longer has a group of its own.
    """
    groups: list[list[int]] = []
    longest = 0
    for place in sorted(lengths, key=lambda place: (-lengths[place], place)):
        # An answer takes room, too, however short the text.
        size = lengths[place] + _ANSWER
        if not groups or (len(groups[-1]) + 1) * longest > tokens or 2 * longest > 5 * size:
            groups.append([])
            longest = size
        groups[-1].append(place)
    return groups


def with_less_memory(work: Callable[[list[int], int], None], left: Callable[[], list[int]], batch_size: int) -> None:
    """Does ``work`` on what is ``left``, in batches half as large each time that memory runs out.

    Args:
        work: Takes the places to work on and the tokens of a batch.
        left: The places that are not done yet.
        batch_size: Posts of middling length in a batch to begin with.

    Raises:
        MemoryError: Or the device's own error: not even one text fits.
    """
    tokens = batch_size * _TOKENS_PER_POST
    while places := left():
        try:
            work(places, tokens)
        except (MemoryError, RuntimeError) as error:
            if not _out_of_memory(error) or tokens < 64:
                raise
            tokens //= 2
        if tokens < batch_size * _TOKENS_PER_POST:
            _release()


def _out_of_memory(error: BaseException) -> bool:
    text = str(error).lower()
    return isinstance(error, MemoryError) or "out of memory" in text or "can't allocate memory" in text


def _release() -> None:
    import torch

    if torch.cuda.is_available():
        torch.cuda.empty_cache()
