"""How an encoder is trained: ready settings in ``encoders/``, or a YAML of one's own."""

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from mentalglm.yaml_files import read_yaml

FOLDER = Path(__file__).parent / "encoders"
TINY = "tiny"


class EncoderConfig(BaseModel):
    """The encoder and its tuning budget: every learning rate is tried, the best epoch of the best trial is kept.

    Attributes:
        model: ``tiny``, a folder, a hub name or ``modelscope:ID``.
        revision: Of a hub name.
        learning_rates: The trials.
        epochs: Passes over the training rows in each trial, at most.
        patience: Epochs without a better validation score before a trial ends.
        batch_size: Posts in a step.
        max_length: Tokens of a post that are read; characters for ``tiny``. What is cut is counted.
        weight_decay: Of AdamW.
        warmup_ratio: The share of steps over which the learning rate rises, before it falls to 0 in a line.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    model: str = Field(min_length=1)
    revision: str | None = None
    learning_rates: list[float] = Field(default=[2e-5, 3e-5, 5e-5], min_length=1)
    epochs: int = Field(default=10, ge=1)
    patience: int = Field(default=3, ge=1)
    batch_size: int = Field(default=16, ge=1)
    max_length: int = Field(default=512, ge=8)
    weight_decay: float = Field(default=0.01, ge=0)
    warmup_ratio: float = Field(default=0.1, ge=0, le=1)


def ready_configs() -> list[str]:
    """The names of the settings that come with the repository."""
    return sorted(path.stem for path in FOLDER.glob("*.yaml"))


def read_encoder(name: str, revision: str | None = None) -> EncoderConfig:
    """The settings called ``name``: ready ones, those of a YAML file, or the usual ones for a folder or hub name.

    Raises:
        UserError: The file is missing or broken.
    """
    path = FOLDER / f"{name}.yaml" if name in ready_configs() else Path(name)
    if path.suffix not in (".yaml", ".yml"):
        return EncoderConfig(model=name, revision=revision)
    config = read_yaml(path, EncoderConfig)
    return config if revision is None else config.model_copy(update={"revision": revision})
