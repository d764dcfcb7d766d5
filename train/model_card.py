"""The model card, README.md of a saved model: what it is, what made it, how to use it, and what not to use it for.

Counts, names and hashes only: no text of the corpus stands in it.
"""

from collections import Counter
from pathlib import Path
from typing import Any

import yaml

from mentalglm.hotlines import disclaimer, load_hotlines
from mentalglm.models.find import is_path
from mentalglm.tasks import load_task
from train.config import TrainConfig
from train.read_log import read_log

_USE = """\
```python
from mentalglm import Analyzer

analyzer = Analyzer.load("{place}")  # {where}
print(analyzer.analyze({post!r}, task="{task}").model_dump_json(indent=2))
```
"""
_GGUF = """\
## GGUF (llama.cpp)

{merge}`python convert_hf_to_gguf.py FOLDER --outtype bf16 --outfile model.gguf`, then `llama-quantize model.gguf
model-q8_0.gguf q8_0`. The converter, part of llama.cpp, knows the tokenizers of published models; one trained from
nothing it refuses. Compare labels before and after (`python -m eval compare`): four bits cost accuracy. Outside
mentalglm, evidence is not held to the post's words and no crisis line is shown.
"""


def model_card(described: dict[str, Any], output_dir: Path) -> str:
    """The card of a model or adapter that a run has trained.

    Args:
        described: As :func:`train.describe.describe_run` gives it.
        output_dir: The run's, whose log tells the scores.
    """
    config = TrainConfig.model_validate(described["config"])
    parts = [
        _front_matter(config, described["tasks"], adapter=config.trains_adapter),
        f"# {output_dir.resolve().name}\n",
        _what(config, described),
        _how_to_use(described["tasks"]),
        _taught_on(config, described),
        _settings(config, described),
        _scores(output_dir),
        _limits(),
        _GGUF.format(
            merge="Merge first: `python -m train.merge ADAPTER FOLDER`. Then " if config.trains_adapter else ""
        ),
    ]
    return "\n".join(part for part in parts if part)


def merged_card(described: dict[str, Any]) -> str:
    """The card of an adapter merged into its base; ``merge_report.md`` beside it says how well the two agree."""
    config = TrainConfig.model_validate(described["config"]) if _is_ours(described) else None
    parts = [
        _front_matter(config, described.get("tasks", []), adapter=False),
        f"# {described['merged_from']}, merged\n",
        "An adapter and its base in one; `merge_report.md` says how far the sum is from the two.\n",
        _how_to_use(described.get("tasks", [])),
        _taught_on(config, described) if config else "",
        _settings(config, described) if config else "",
        _limits(),
        _GGUF.format(merge=""),
    ]
    return "\n".join(part for part in parts if part)


def _is_ours(described: dict[str, Any]) -> bool:
    """Whether this version's settings say how it was trained."""
    return set(described.get("config", {})) <= set(TrainConfig.model_fields) and "data" in described.get("config", {})


def _front_matter(config: TrainConfig | None, tasks: list[str], adapter: bool) -> str:
    base = None if config is None or config.model is None or is_path(config.model) else config.model
    languages = sorted({load_task(name).language for name in tasks}) or ["zh"]
    said: dict[str, Any] = {
        "language": languages,
        "library_name": "peft" if adapter else "transformers",
        "pipeline_tag": "text-generation",
        "tags": ["mental-health", "explainable", "mentalglm", *(["lora"] if adapter else [])],
    }
    if base not in (None, "embedded"):
        said["base_model"] = base
    unknown = "# license: fill in; it follows from the base model and from every corpus it was trained on\n"
    return "---\n" + yaml.safe_dump(said, allow_unicode=True, sort_keys=False) + unknown + "---\n"


def _what(config: TrainConfig, described: dict[str, Any]) -> str:
    kind = "An adapter (LoRA family)" if config.trains_adapter else "A language model"
    start = config.model if config.model is None or not is_path(config.model) else f"`{Path(config.model).name}`"
    of = f" on {start}" if config.trains_adapter else (f", tuned from {start}" if start else ", trained from nothing")
    base = described.get("base_sha256")
    held = f" Loading checks the base's weights (sha256 `{base[:12]}…`)." if base else ""
    tasks = ", ".join(f"`{name}`" for name in described["tasks"]) or "none of mentalglm's (pre-training)"
    does = "which reads a post and answers with labels, the words that carry them, and a reason."
    return f"{kind}{of}, {does}{held}\n\nTasks: {tasks}.\n"


def _how_to_use(tasks: list[str]) -> str:
    task = tasks[0] if tasks and "suicide_risk" not in tasks else "suicide_risk"
    english = _USE.format(
        place="PATH/TO/THIS/FOLDER", where="a folder or hub name", post="Another sleepless night.", task=task
    )
    chinese = _USE.format(place="这个文件夹的路径", where="文件夹，或模型名", post="又是一夜没睡。", task=task)
    return (
        f"## 使用 · Use\n\n先 `pip install mentalglm`，然后：\n\n{chinese}\n`pip install mentalglm`, then:\n\n{english}"
    )


def _taught_on(config: TrainConfig, described: dict[str, Any]) -> str:
    lines = [f"- instruction folder `{config.data.name}`, sha256 `{described.get('corpus_sha256') or 'unknown'}`"]
    for split in ("train", "validation"):
        sources = _sources(config.data / f"{split}.parquet")
        if sources:
            listed = ", ".join(f"{name} {count:,}" for name, count in sources.most_common())
            lines.append(f"- {split}: {sum(sources.values()):,} rows ({listed})")
    return "## Trained on\n\n" + "\n".join(lines) + "\n"


def _sources(path: Path) -> Counter[str]:
    """Rows by the data set they come from; none where the folder has gone."""
    import pyarrow.parquet

    if not path.is_file():
        return Counter()
    return Counter(map(str, pyarrow.parquet.read_table(path, columns=["source"])["source"].to_pylist()))


def _settings(config: TrainConfig, described: dict[str, Any]) -> str:
    chosen = config.model_dump(mode="json", exclude_defaults=True, exclude={"output_dir", "model", "data", "adapter"})
    versions = ", ".join(f"{name} {version}" for name, version in described.get("versions", {}).items())
    steps = described.get("steps")
    return (
        f"## Settings\n\n{f'{steps:,} steps. ' if steps else ''}Those that are not the defaults of "
        f"`train/config.py` at git {str(described.get('git'))[:12]}; all of them lie in `training_config.yaml`.\n\n"
        f"```yaml\n{yaml.safe_dump(chosen, allow_unicode=True, sort_keys=False)}```\n\n{versions}\n"
    )


def _scores(output_dir: Path) -> str:
    """Macro-F1 on the validation split over the run."""
    evaluations = read_log(output_dir).evaluations
    measured = {step: scores for step, scores in evaluations.items() if scores.get("macro_f1") is not None}
    if not measured:
        return ""
    tasks = sorted({key for scores in measured.values() for key in scores if key.startswith("macro_f1/")})
    head = "| step | macro-F1 | " + "".join(f"{key.removeprefix('macro_f1/')} | " for key in tasks)
    rows = [
        f"| {step} | " + "".join(f"{_score(scores.get(key))} | " for key in ("macro_f1", *tasks))
        for step, scores in measured.items()
    ]
    rule = "|---" * (2 + len(tasks)) + "|"
    return (
        "## Validation, by label scoring\n\nThe split that the model was chosen by: its best row is optimistic.\n\n"
        + "\n".join([head.rstrip(), rule, *(row.rstrip() for row in rows)])
        + "\n"
    )


def _score(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"  # a task whose labels don't occur has none


def _limits() -> str:
    zh = "、".join(f"{line.number}（{line.name.zh}，{line.region.zh}，{line.hours.zh}）" for line in load_hotlines())
    en = ", ".join(f"{line.number} ({line.name.en}, {line.region.en}, {line.hours.en})" for line in load_hotlines())
    return (
        f"## 局限 · Limits\n\n{disclaimer('zh')}需要帮助时可拨打：{zh}。\n\n"
        f"{disclaimer('en')} Someone to call: {en}.\n\n"
        "Not for decisions about a person, not for surveillance, not for advertising. Posts of other people than those "
        "it was trained on (other platforms, ages, dialects, years) are read worse; measure before you rely on it.\n"
    )
