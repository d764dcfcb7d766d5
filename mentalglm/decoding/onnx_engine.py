"""A model as an ONNX Runtime session that reads tokens into a key-value cache, in place."""

import math
from typing import Any

import numpy as np
import torch

from mentalglm.decoding.onnx_graph import CACHES, write_graph


class OnnxEngine:
    """A model as an ONNX Runtime session.

    Args:
        model: One that :func:`mentalglm.decoding.onnx_graph.supported` admits.
    """

    def __init__(self, model: Any) -> None:
        import onnxruntime

        onnxruntime.disable_telemetry_events()  # Windows builds would send some
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = torch.get_num_threads()
        options.log_severity_level = 3
        self.config = model.config
        self._spare: list[np.ndarray] = []
        self._session = onnxruntime.InferenceSession(write_graph(model), options, providers=["CPUExecutionProvider"])

    def new_cache(self, rows: int, room: int) -> np.ndarray:
        """(layers, 2, rows, key-value heads, room, head size); what it holds does not matter."""
        config = self.config
        shape = (config.num_hidden_layers, len(CACHES), rows, config.num_key_value_heads, room, config.head_dim)
        size = math.prod(shape)
        # Memory that was touched before is had many times faster than memory that the system must first clear. Twice as
        # much as is needed is reserved, so that it serves again; what is not touched costs nothing.
        fitting = [block for block in self._spare if block.size >= size]
        block = min(fitting, key=np.size) if fitting else np.empty(2 * size, dtype=np.float32)
        self._spare = [spare for spare in self._spare if spare is not block]
        return block[:size].reshape(shape)

    def give_back(self, cache: np.ndarray) -> None:
        """Keeps the memory of a cache that is no longer used: the four largest such."""
        self._spare = [*self._spare, cache if cache.base is None else cache.base]
        while len(self._spare) > 4:
            sizes = [block.size for block in self._spare]
            self._spare.pop(sizes.index(min(sizes)))

    def run(
        self,
        cache: np.ndarray,
        ids: np.ndarray,
        positions: np.ndarray,
        lengths: np.ndarray,
        taken: np.ndarray,
        bias: np.ndarray | None = None,
    ) -> np.ndarray:
        """Reads tokens into the cache.

        Args:
            cache: As :meth:`new_cache` makes it, B rows; written to in place, from each row's length on.
            ids: (B, S). S is 1 unless all lengths are 0.
            positions: (B, S), where the tokens stand in their texts.
            lengths: (B,), what has been read.
            taken: (N,), indices into the B · S tokens: behind these the logits are wanted.
            bias: (B, 1, S, S), added to the attention.

        Returns:
            (N, V).
        """
        width = ids.shape[1]
        columns = int(lengths.max()) + width
        if bias is None:
            bias = np.zeros((1, 1, width, columns), dtype=np.float32)
        logits = np.empty((len(taken), self.config.vocab_size), dtype=np.float32)
        binding = self._session.io_binding()
        binding.bind_cpu_input("ids", np.ascontiguousarray(ids, dtype=np.int64))
        binding.bind_cpu_input("positions", np.ascontiguousarray(positions, dtype=np.int64))
        binding.bind_cpu_input("ends", (lengths + (width - 1)).astype(np.int32))
        binding.bind_cpu_input("columns", np.array([columns], dtype=np.int32))
        binding.bind_cpu_input("bias", bias)
        binding.bind_cpu_input("taken", taken.astype(np.int64))
        _bind_output(binding, "logits", logits)
        for number, layer in enumerate(cache):
            for kind, block in zip(CACHES, layer, strict=True):
                name = f"{kind}{number}"
                binding.bind_input(name, "cpu", 0, np.float32, block.shape, block.ctypes.data)
                _bind_output(binding, f"{name}.new", block)
        self._session.run_with_iobinding(binding)
        return logits


def _bind_output(binding: Any, name: str, array: np.ndarray) -> None:
    binding.bind_output(name, "cpu", 0, np.float32, array.shape, array.ctypes.data)
