"""Checkpoints in the ChatGLM format (``model_type: chatglm``), read without the code that they bring along.

THUDM/glm-4-9b-chat and the published MentalGLM come in it. Their architecture is that of ``GlmForCausalLM``; settings,
weight names and tokenizer are another's, and are translated here.
"""

from mentalglm.models.chatglm.config import is_chatglm, native_config
from mentalglm.models.chatglm.tokenizer import native_tokenizer
from mentalglm.models.chatglm.weights import load_weights, native_shards, stop_settings

__all__ = ["is_chatglm", "load_weights", "native_config", "native_shards", "native_tokenizer", "stop_settings"]
