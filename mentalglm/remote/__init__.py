"""The same answers from afar: one or several OpenAI-compatible endpoints, made for vLLM, in place of a loaded model."""

from mentalglm.remote.decoder import RemoteDecoder
from mentalglm.remote.model import RemoteModel, connect

__all__ = ["RemoteDecoder", "RemoteModel", "connect"]
