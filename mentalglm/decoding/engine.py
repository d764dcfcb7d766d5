"""Which engine reads for a model: ONNX Runtime for the small GLMs it is faster for, torch for everything else."""

from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

from mentalglm.decoding.context import read
from mentalglm.decoding.onnx_graph import supported
from mentalglm.decoding.reading import Reading

Read = Callable[[list[list[int]]], Reading]


def reader_of(model: Any) -> Read:
    """What reads a batch of prompts, each a list of token ids, none empty.

    Where ONNX Runtime cannot be installed, torch gives the same answers, later.
    """
    if supported(model) and find_spec("onnxruntime") and find_spec("onnx"):
        from mentalglm.decoding.onnx_context import OnnxContext
        from mentalglm.decoding.onnx_engine import OnnxEngine

        engine = OnnxEngine(model)
        return lambda prompts: OnnxContext(engine, prompts)
    return read_by_torch(model)


def read_by_torch(model: Any) -> Read:
    """What reads with torch, whatever the model."""
    return lambda prompts: read(model, prompts)
