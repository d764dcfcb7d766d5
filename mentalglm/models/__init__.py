"""Models: any GLM by folder or name, adapters, the embedded default."""

from mentalglm.models.find import EMBEDDED
from mentalglm.models.load import LoadedModel, load_model, weights_hash
from mentalglm.models.manifest import Manifest, add_tasks_of

__all__ = ["EMBEDDED", "LoadedModel", "Manifest", "add_tasks_of", "load_model", "weights_hash"]
