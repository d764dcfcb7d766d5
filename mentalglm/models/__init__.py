"""Models: any GLM by folder or name, adapters, the embedded default."""

from mentalglm.models.load import EMBEDDED, LoadedModel, load_model, weights_hash

__all__ = ["EMBEDDED", "LoadedModel", "load_model", "weights_hash"]
