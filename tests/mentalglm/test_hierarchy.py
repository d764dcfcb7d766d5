"""A parent is as likely as any child at least, and as all of them together at most."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mentalglm.analysis import Analysis
from mentalglm.hierarchy import parent_probabilities
from mentalglm.tasks import load_task

PATHWAY = load_task("cognitive_pathway")


@given(st.lists(st.floats(0, 1), min_size=19, max_size=19))
def test_parents_lie_between_the_likeliest_child_and_the_sum(values: list[float]) -> None:
    found = parent_probabilities(dict(zip(PATHWAY.label_names, values, strict=True)))
    assert list(found) == ["触发性事件", "认知歪曲", "情绪反应", "驳斥"]
    for parent, p in found.items():
        children = [v for name, v in zip(PATHWAY.label_names, values, strict=True) if name.startswith(parent)]
        assert p is not None and max(children) - 1e-9 <= p <= min(1, sum(children)) + 1e-9


def test_by_hand_and_where_a_child_is_not_known() -> None:
    assert parent_probabilities({"a##x": 0.5, "a##y": 0.5, "b##x": 0.1}) == pytest.approx({"a": 0.75, "b": 0.1})
    assert parent_probabilities({"a##x": 0.5, "a##y": None, "b##x": 0.1}) == {"a": None, "b": pytest.approx(0.1)}
    assert parent_probabilities({"平": 0.5}) == {}


def test_an_analysis_tells_them() -> None:
    probabilities: dict[str, float | None] = dict.fromkeys(PATHWAY.label_names, 0.0) | {"驳斥##有效驳斥": 0.25}
    one = Analysis(task=PATHWAY.name, text="x", labels=[], probabilities=probabilities, model="m", prompt_hash="h")
    assert one.parent_probabilities["驳斥"] == 0.25 and "parent_probabilities" not in one.model_dump()
