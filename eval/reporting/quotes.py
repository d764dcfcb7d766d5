"""What a report for a paper must not hold: the words of posts that are not openly licensed."""

import html
import re

from eval.folder import each_sample
from eval.reporting.runs import Run
from mentalglm.errors import UserError

# So many characters in a row that a page shares with a post are a quotation: fewer may be a label or a common phrase.
_CHINESE, _LATIN = 12, 40


def refuse_third_party_posts(runs: list[dict[str, Run]]) -> None:
    """Refuses to show posts where some are not openly licensed.

    Raises:
        UserError: Some are not.
    """
    for run in (run for tasks in runs for run in tasks.values()):
        if not run.openly_licensed:
            licenses = ", ".join(run.manifest["data"]["licenses"])
            raise UserError(
                f"--for-paper quotes no third-party post, and those of {run.task} in {run.folder} are licensed "
                f"{licenses}; leave --show-posts out"
            )


def refuse_quotes(page: str, runs: list[dict[str, Run]]) -> None:
    """Refuses a page that holds words of a stored post that is not openly licensed.

    Raises:
        UserError: It does; the words themselves are not told.
    """
    shown = re.sub(r"\s+", "", html.unescape(re.sub(r"<style.*?</style>|<[^>]*>", "", page, flags=re.S)))
    pieces = {size: {shown[i : i + size] for i in range(len(shown) - size + 1)} for size in (_CHINESE, _LATIN)}
    closed = {(run.folder, run.task) for tasks in runs for run in tasks.values() if not run.openly_licensed}
    for folder in dict.fromkeys(folder for folder, _ in closed):
        alone = next(task for place, task in closed if place == folder)
        for sample in each_sample(folder):
            if (folder, sample.get("task", alone)) in closed and _quoted(sample.get("text") or "", pieces):
                raise UserError(
                    f"the report would quote a third-party post of {folder} (row {sample['row']}); "
                    "run again without --store-text"
                )


def _quoted(text: str, pieces: dict[int, set[str]]) -> bool:
    text = re.sub(r"\s+", "", text)
    chinese = sum("\u4e00" <= character <= "\u9fff" for character in text)
    size = _CHINESE if 2 * chinese > len(text) else _LATIN
    return any(text[i : i + size] in pieces[size] for i in range(len(text) - size + 1))
