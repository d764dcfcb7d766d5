"""From what a user asks for to the tasks as they will be put to the model."""

from collections.abc import Callable
from pathlib import Path

from eval.asking import Baselines, Model, Plan
from eval.data import Data, load_entry
from eval.reporting.wording import ABSENT
from eval.suite import Settings, Suite, Value
from mentalglm.errors import UserError

REPOSITORY = Path(__file__).parents[1]
Given = dict[str, Value]


def suite_data(suite: Suite, data: Path | None) -> Path:
    """The folder that a suite's files lie in.

    Raises:
        UserError: It is not said, or not there.
    """
    if data is None and suite.data is None:
        raise UserError(f"suite {suite.name} is run on data of your own; name its folder with --data DIR")
    folder = data if data is not None else REPOSITORY / str(suite.data)
    if not folder.is_dir():
        raise UserError(f"{folder} is no folder; name the one that holds the suite's files with --data DIR")
    return folder


def plan_suite(
    suite: Suite,
    folder: Path,
    model: Model | Baselines,
    given: Given,
    split: str | None,
    drop_shared: bool,
    tell: Callable[[str], None],
) -> tuple[list[Plan], dict[str, str]]:
    """The tasks of a suite that can be asked, and why the others cannot (a key of ``ABSENT``, eval.reporting.wording).

    Args:
        suite: The suite.
        folder: Where its files lie.
        model: Whom to ask.
        given: Settings that go before the suite's; None for those not given.
        split: Evaluate this split and no other.
        drop_shared: As in :func:`eval.few_shot.draw_shots`.
        tell: Is told what the user should know.

    Raises:
        UserError: No task can be asked, or one cannot be read or asked as it should; the baseline's own words where it
            can answer none.
    """
    plans: list[Plan] = []
    absent: dict[str, str] = {}
    refused: dict[str, UserError] = {}
    _refuse_unused(given, [suite.settings_of(entry, **given) for entry in suite.tasks])
    for entry in suite.tasks:
        settings = suite.settings_of(entry, **given)
        if model.tasks and entry.task not in model.tasks:
            absent[entry.task] = "untaught"
            continue
        data = load_entry(entry, folder, settings, split)
        if data is None:
            absent[entry.task] = "no_files"
        elif not data.train and (settings.shots or (isinstance(model, Baselines) and model.needs_rows)):
            absent[entry.task] = "no_training_rows"
        else:
            tell_notices(data, tell)
            try:
                plans.append(model.plan(data, settings, drop_shared))
            except UserError as error:
                if not isinstance(model, Baselines) or settings.generate or settings.shots or settings.probe:
                    raise
                absent[entry.task], refused[entry.task] = "unsuited", error
    if not plans and refused:
        raise next(iter(refused.values()))
    for name, why in absent.items():
        tell(f"{name} is left out: {refused.get(name, ABSENT[why].en)}")
    if not plans:
        reasons = "; ".join(f"{name}: {ABSENT[why].en}" for name, why in absent.items())
        raise UserError(f"suite {suite.name}: no task can be asked with data {folder} ({reasons})")
    return plans, absent


def plan_task(data: Data, model: Model | Baselines, given: Given, drop_shared: bool) -> Plan:
    """One task by itself."""
    chosen = {key: value for key, value in given.items() if value is not None}
    settings = Settings.model_validate(chosen)
    _refuse_unused(given, [settings])
    return model.plan(data, settings, drop_shared)


def _refuse_unused(given: Given, settings: list[Settings]) -> None:
    drawn = [name for name in ("probe_samples", "temperature") if given.get(name) is not None]
    if drawn and not any("self-consistency" in each.probe for each in settings):
        option = drawn[0].replace("_", "-")
        raise UserError(f"--{option} is of self-consistency alone; ask for it with --probe self-consistency")


def tell_notices(data: Data, tell: Callable[[str], None]) -> None:
    """What is to be known about the rows, each line beginning with the task."""
    for notice in data.notices:
        tell(f"{data.task.name}: {notice}")
