"""The learning rate: up in a line, down in a cosine, never to zero."""

from itertools import pairwise

import pytest

from train.schedule import learning_rate_at

PEAK = 2e-3


def test_warms_up_in_a_line_and_falls_to_a_tenth() -> None:
    rates = [learning_rate_at(step, 100, PEAK, 0.1) for step in range(101)]
    assert rates[:10] == pytest.approx([PEAK * (step + 1) / 10 for step in range(10)])
    assert rates[10] == pytest.approx(PEAK)
    assert all(later < earlier for earlier, later in pairwise(rates[10:]))
    assert rates[55] == pytest.approx(PEAK * 0.55)
    assert rates[100] == pytest.approx(PEAK / 10)


@pytest.mark.parametrize("total", [1, 2, 3])
@pytest.mark.parametrize("warmup", [0.0, 0.03, 0.99])
def test_shortest_runs_have_a_rate_for_every_step(total: int, warmup: float) -> None:
    rates = [learning_rate_at(step, total, PEAK, warmup) for step in range(total)]
    assert all(PEAK / 10 <= rate <= PEAK for rate in rates)
    assert PEAK in rates
