"""A model's numbers are the same whether its weights are there or not."""

import copy

import pytest

from tests.tiny import tiny_model
from tests.train.published_shapes import PARAMETERS, model_without_weights
from train.adapters import with_new_adapter
from train.config import Lora
from train.model_shape import model_shape


@pytest.mark.parametrize("name", PARAMETERS)
def test_published_models_have_the_parameters_their_makers_count(name: str) -> None:
    assert model_shape(model_without_weights(name)).parameters == pytest.approx(PARAMETERS[name], rel=0.003)


@pytest.mark.parametrize("tied", [True, False])
def test_a_tied_table_counts_once(tied: bool) -> None:
    model = tiny_model(tied=tied)
    shape = model_shape(model)
    assert shape.tied == tied
    assert shape.parameters == shape.trained == sum(parameter.numel() for parameter in model.parameters())
    assert shape.parameters == shape.active + shape.table + (0 if tied else shape.head)
    assert (shape.layers, shape.hidden, shape.heads, shape.kv_heads, shape.head_dim) == (2, 32, 4, 2, 8)
    assert shape.adapter is None


def test_an_adapter_is_seen_with_what_it_adapts() -> None:
    model = with_new_adapter(copy.deepcopy(tiny_model()), Lora(r=4, dropout=0.1, use_dora=True), 0)
    shape = model_shape(model)
    assert shape.trained == sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad)
    assert not shape.head_trained
    assert shape.adapter is not None
    # Per layer q, k, v, o, gate_up and down.
    assert shape.adapter.inputs == 2 * (32 * 5 + 64)
    assert shape.adapter.outputs == 2 * (32 + 16 + 16 + 32 + 128 + 32)
    assert shape.adapter.ranks == 2 * 6 * 4
    assert shape.adapter.dropout
    assert shape.adapter.dora


def test_glm_4_0414_has_four_norms_a_layer() -> None:
    assert model_shape(model_without_weights("zai-org/GLM-4-32B-0414")).norms == 4
    assert model_shape(tiny_model()).norms == 2
