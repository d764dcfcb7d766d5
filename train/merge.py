"""Merges an adapter into its base: ``python -m train.merge ADAPTER OUT [--dtype bf16] [--probe FILE]``.

Merged is not the adapter by itself: a sum rounded twice, or onto a base that was quantised while training, has cost
others half their accuracy (peft issue 1836). So the sum is made in fp32 and rounded once, and what was written is asked
the same questions as the adapter.
"""

import argparse
import json
import shutil
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from mentalglm.errors import UserError, exit_on_user_error
from mentalglm.models import add_tasks_of, load_model
from mentalglm.models.adapter import is_adapter
from mentalglm.models.bitsandbytes_import import import_bitsandbytes
from mentalglm.models.quiet import quiet
from mentalglm.models.read_json import read_json
from train.agreement_probe import EXAMPLES, Answers, ask, read_posts
from train.aside import written_aside
from train.gather import unsharded_loading
from train.model_card import merged_card
from train.progress import say

ENOUGH = 0.99
_REPORT = "merge_report.json"
# What an adapter's folder says that holds for the sum, too.
_KEPT = ("calibration.json", "training_config.yaml")


@dataclass(frozen=True)
class MergeReport:
    """How far the merged model is from the adapter on its base.

    Attributes:
        adapter: Its folder's name.
        dtype: Of the merged weights.
        posts: How many were asked about.
        tasks: Asked about each.
        same_labels: Questions answered with the same labels.
        questions: Posts times tasks.
        largest_logit_gap: Over the logits of the answer's first token.
        mean_logit_gap: Over the same.
    """

    adapter: str
    dtype: str
    posts: int
    tasks: list[str]
    same_labels: int
    questions: int
    largest_logit_gap: float
    mean_logit_gap: float

    @property
    def agreement(self) -> float:
        """The share of questions with the same labels."""
        return self.same_labels / self.questions

    @property
    def agrees(self) -> bool:
        """Whether that is enough to use one for the other."""
        return self.agreement >= ENOUGH

    def __str__(self) -> str:
        return (
            f"same labels in {self.same_labels} of {self.questions} questions ({self.agreement:.1%}); "
            f"logits differ by {self.mean_logit_gap:.2g} on average, {self.largest_logit_gap:.2g} at most"
        )


def merge_adapter(
    adapter: Path, out: Path, dtype: str = "bf16", probe: Path | None = None, device: str | None = None
) -> MergeReport:
    """Writes the sum of an adapter and its base to ``out``, a folder that needs neither; and how well it agrees.

    Args:
        adapter: Its folder; the base is found as it names it, unquantised, whatever it was trained on.
        out: Must not exist, or be an earlier merge.
        dtype: ``bf16`` or ``fp32``, of the merged weights.
        probe: Posts to compare the answers on; by default the invented ones of ``examples/posts.txt``.
        device: Such as ``cuda``; by default CUDA where there is one.

    Returns:
        The report, which lies beside the weights as ``merge_report.json`` and ``merge_report.md`` too.

    Raises:
        UserError: It is no adapter, ``out`` is something else, or the disk is full.
    """
    if not is_adapter(adapter):
        raise UserError(f"{adapter} holds no adapter_config.json; give the folder of an adapter", "bad_adapter")
    if out.exists() and not (out / _REPORT).is_file():
        raise UserError(f"{out} exists and is no earlier merge; name a new folder, or remove it first")
    if dtype not in ("bf16", "fp32"):
        raise UserError(f"dtype {dtype!r}: a GLM is merged in bf16 or fp32; fp16 overflows")
    posts = read_posts(probe or EXAMPLES)
    add_tasks_of(adapter)
    with unsharded_loading(), quiet():
        loaded = load_model(str(adapter), device)
        tasks = loaded.manifest.tasks or ["suicide_risk"]
        before = ask(loaded, posts, tasks)
        merged = _merged(loaded.model, dtype)
        needs = sum(weight.nbytes for weight in merged.state_dict().values())
        with written_aside(out, needs) as aside:
            merged.save_pretrained(aside)
            loaded.tokenizer.save_pretrained(aside)
            _describe(adapter, aside)
            del merged, loaded
            after = ask(load_model(str(aside), device), posts, tasks)
            report = _compare(adapter, dtype, posts, tasks, before, after)
            _write(report, aside)
    return report


def _merged(model: Any, dtype: str) -> Any:
    """The base with the adapter added to it, layer by layer: fp32 is needed of one layer at a time only."""
    import torch

    import_bitsandbytes()
    from peft.tuners.lora import LoraLayer

    kind = torch.bfloat16 if dtype == "bf16" else torch.float32
    for module in model.modules():
        if isinstance(module, LoraLayer):
            module.float()
            try:
                module.merge(safe_merge=True)
            except ValueError as error:
                raise UserError(f"the adapter cannot be merged: {error}", "bad_adapter") from None
            module.get_base_layer().to(kind)
    return model.unload().to(kind)


def _describe(adapter: Path, folder: Path) -> None:
    for name in _KEPT:
        if (adapter / name).is_file():
            shutil.copy(adapter / name, folder)
    if (adapter / "tasks").is_dir():
        shutil.copytree(adapter / "tasks", folder / "tasks")
    if (adapter / "mentalglm.json").is_file():
        said = read_json(adapter / "mentalglm.json") | {"base_sha256": None, "merged_from": adapter.name}
        (folder / "mentalglm.json").write_text(json.dumps(said, ensure_ascii=False, indent=2) + "\n", "utf-8")
        (folder / "README.md").write_text(merged_card(said), encoding="utf-8")


def _compare(
    adapter: Path, dtype: str, posts: list[str], tasks: list[str], before: Answers, after: Answers
) -> MergeReport:
    gaps = (after.logits - before.logits).abs()
    same = sum(one == other for one, other in zip(before.labels, after.labels, strict=True))
    return MergeReport(
        adapter=adapter.resolve().name,
        dtype=dtype,
        posts=len(posts),
        tasks=list(tasks),
        same_labels=same,
        questions=len(before.labels),
        largest_logit_gap=float(gaps.max()),
        mean_logit_gap=float(gaps.mean()),
    )


def _write(report: MergeReport, folder: Path) -> None:
    said = asdict(report) | {"agreement": report.agreement, "enough": report.agrees}
    (folder / _REPORT).write_text(json.dumps(said, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
    asked = f"{report.posts} posts, {len(report.tasks)} tasks ({', '.join(report.tasks)})"
    verdict = "can stand in for the adapter" if report.agrees else "does NOT stand in for the adapter"
    (folder / "merge_report.md").write_text(
        f"# Merged and adapter\n\nThis model, the sum of `{report.adapter}` and its base in {report.dtype}, {verdict}: "
        f"{report}.\n\nAsked: {asked}, of the adapter on its unquantised base and of this model. "
        f"The sum was made in fp32 and rounded once. Enough is {ENOUGH:.0%}.\n",
        encoding="utf-8",
    )


def warn_if_apart(report: MergeReport, out: Path) -> bool:
    """Says how the two agree; loudly if not enough. Returns whether they agree."""
    say(f"merged into {out}: {report}")
    if not report.agrees:
        say(f"WARNING: {out} is not the adapter: fewer than {ENOUGH:.0%} of its labels agree; use the adapter itself,")
        say(
            "WARNING: or merge with --dtype fp32; an adapter trained in 4 bits fits its 4-bit base better than this one"
        )
    return report.agrees


def main(argv: list[str] | None = None) -> int:
    """The command; returns the exit code, 1 if the merged model is not the adapter."""
    parser = argparse.ArgumentParser(prog="python -m train.merge", description="Merges an adapter into its base.")
    parser.add_argument("adapter", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--dtype", default="bf16", help="bf16 (default) or fp32")
    parser.add_argument("--probe", type=Path, help="posts to compare answers on; by default examples/posts.txt")
    parser.add_argument("--device", help="such as cuda or cpu")
    args = parser.parse_args(argv)
    with exit_on_user_error():
        report = merge_adapter(args.adapter, args.out, args.dtype, args.probe, args.device)
    return 0 if warn_if_apart(report, args.out) else 1


if __name__ == "__main__":
    sys.exit(main())
