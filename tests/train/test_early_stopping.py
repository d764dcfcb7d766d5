"""The best measurement and the patience that waits for a better one."""

import json

from train.early_stopping import Best, is_due


def test_only_a_better_score_is_the_best() -> None:
    best = Best()
    assert [best.update(step, score) for step, score in [(10, 0.0), (20, 0.5), (30, 0.5), (40, 0.4)]] == [
        True,
        True,
        False,
        False,
    ]
    assert (best.step, best.macro_f1, best.evaluations_without) == (20, 0.5, 2)


def test_a_score_that_is_no_number_is_never_the_best() -> None:
    best = Best()
    assert not best.update(10, float("nan"))
    assert best.step is None
    assert best.update(20, 0.1)


def test_patience_runs_out_and_a_better_score_restores_it() -> None:
    best = Best()
    best.update(1, 0.5)
    best.update(2, 0.4)
    assert not best.exhausted(2)
    best.update(3, 0.4)
    assert best.exhausted(2)
    assert not best.exhausted(None)
    best.update(4, 0.6)
    assert not best.exhausted(2)


def test_a_checkpoint_gives_it_back() -> None:
    best = Best()
    best.update(1, 0.5)
    best.update(2, 0.4)
    assert Best.from_state(json.loads(json.dumps(best.state()))) == best
    assert Best.from_state(Best().state()) == Best.from_state(None) == Best()


def test_measured_every_so_many_steps_and_at_the_end() -> None:
    assert [step for step in range(8) if is_due(step, 7, 3)] == [3, 6, 7]
    assert [step for step in range(8) if is_due(step, 7, None)] == [7]
