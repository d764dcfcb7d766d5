"""Models: any GLM by folder or name, adapters, the embedded default."""

from mentalglm.models.load import EMBEDDED, LoadedModel, load_model, weights_hash
from mentalglm.models.manifest import Manifest

__all__ = ["EMBEDDED", "LoadedModel", "Manifest", "load_model", "weights_hash"]
