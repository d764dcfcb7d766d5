"""Texts are read together with their like, within a budget, and in smaller batches when memory runs out."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mentalglm.decoding.batches import batches_of, with_less_memory


@settings(max_examples=100, deadline=None, derandomize=True)
@given(lengths=st.lists(st.integers(1, 3000), max_size=80), tokens=st.integers(64, 20_000))
def test_every_text_once_by_length_and_within_the_budget(lengths: list[int], tokens: int) -> None:
    groups = batches_of(dict(enumerate(lengths)), tokens)
    flat = [place for group in groups for place in group]
    assert sorted(flat) == list(range(len(lengths)))
    assert [lengths[place] for place in flat] == sorted(lengths, reverse=True)
    for group in groups:
        longest = max(lengths[place] for place in group)
        assert len(group) == 1 or len(group) * (longest + 64) <= tokens
        assert longest + 64 <= 2.5 * (min(lengths[place] for place in group) + 64)


def test_short_posts_go_in_larger_batches() -> None:
    assert len(batches_of(dict.fromkeys(range(200), 60), 32 * 256)[0]) == 66
    assert len(batches_of(dict.fromkeys(range(200), 448), 32 * 256)[0]) == 16


@pytest.mark.parametrize("error", [MemoryError(), RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB")])
def test_what_was_done_stays_done_and_the_rest_goes_by_halves(error: Exception) -> None:
    done: dict[int, int] = {}

    def work(left: list[int], tokens: int) -> None:
        for place in left:
            if tokens > 600 and place == 3:
                raise error
            done[place] = tokens

    with_less_memory(work, lambda: [place for place in range(5) if place not in done], 8)
    assert done == {0: 2048, 1: 2048, 2: 2048, 3: 512, 4: 512}


def test_other_errors_and_a_text_that_never_fits_are_not_hidden() -> None:
    def broken(left: list[int], tokens: int) -> None:
        raise RuntimeError("shapes do not fit")

    def never(left: list[int], tokens: int) -> None:
        sizes.append(tokens)
        raise MemoryError

    sizes: list[int] = []
    with pytest.raises(RuntimeError, match="shapes"):
        with_less_memory(broken, lambda: [0], 4)
    with pytest.raises(MemoryError):
        with_less_memory(never, lambda: [0], 4)
    assert len(sizes) > 4 and sizes[-1] < 64
