"""The watch over the loss."""

import math

import pytest

from mentalglm.errors import UserError
from train.config import TrainConfig
from train.step import LossWatch, Step

CONFIG = TrainConfig.model_validate({"output_dir": "out", "model": "m", "data": "d", "stop_after_zero_losses": 3})


def taken(loss: float) -> Step:
    return Step(loss, 1e-3, 1.0, tokens=100, scored_tokens=10, pairs=5050, stopping=False)


@pytest.mark.parametrize("loss", [math.nan, math.inf])
def test_a_loss_that_is_no_number_stops_at_once(loss: float) -> None:
    watch = LossWatch(CONFIG)
    watch.check(1, taken(2.0))
    with pytest.raises(UserError, match=r"^the loss is (nan|inf) at step 2 [^\n]*lower learning_rate[^\n]*$"):
        watch.check(2, taken(loss))


def test_zeros_in_a_row_stop_and_single_ones_do_not() -> None:
    watch = LossWatch(CONFIG)
    for step, loss in enumerate([0.0, 0.0, 0.5, 0.0, 0.0], start=1):
        watch.check(step, taken(loss))
    with pytest.raises(UserError, match=r"exactly 0 since step 4, over 10 scored tokens"):
        watch.check(6, taken(0.0))
