"""``POST /v1/analyze``: one post or many, a row of results for each."""

import asyncio
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse

from mentalglm.analysis import Analysis, ErrorInfo, RowError, gravest
from mentalglm.analyzer import check_text
from mentalglm.errors import UserError
from mentalglm.hotlines import crisis_notice, disclaimer
from mentalglm.options import Options
from mentalglm.server.bodies import AnalyzeBody
from mentalglm.server.problem import Problem
from mentalglm.server.settings import Settings
from mentalglm.server.waiting import within
from mentalglm.server.worker import Worker


async def analyze(body: AnalyzeBody, request: Request, worker: Worker, settings: Settings) -> JSONResponse:
    """Analyses what was posted.

    A post that cannot be analysed is refused when it stands alone; in a list a row error takes its place.

    Returns:
        ``results``, by row, then by task as asked; ``notice``, whom to call, where something grave was found; and the
        disclaimer.

    Raises:
        Problem: The request is wrong, or cannot be served now.
        UserError: A task is unknown or was not taught; or the only post cannot be analysed.
    """
    tasks = worker.analyzer.check_tasks([body.task] if isinstance(body.task, str) else body.task)
    posts = body.posts if isinstance(body.posts, list) else [body.posts]
    if len(posts) > settings.max_posts:
        raise Problem(413, "too_many_posts", f"{len(posts)} posts, and {settings.max_posts} may come at once")
    refused = {row: error for row, post in enumerate(posts) if (error := _refusal(post, settings)) is not None}
    if refused and not isinstance(body.posts, list):
        raise refused[0]
    good = [row for row in range(len(posts)) if row not in refused]
    options: Options = {"labels_only": body.labels_only, "faithfulness": body.faithfulness}
    options["max_explanation_characters"] = body.max_explanation_characters
    futures = worker.analyze([posts[row] for row in good], tasks, options)
    answers = await within(asyncio.gather(*map(asyncio.wrap_future, futures)), request, settings.timeout)
    by_row = dict(zip(good, answers, strict=True))
    results: list[dict[str, Any]] = []
    for row in range(len(posts)):
        if row in refused:
            why = ErrorInfo(code=refused[row].code, message=str(refused[row]))
            results += [RowError(row=row, task=name, error=why).model_dump() for name in tasks]
        else:
            results += [{"row": row, **answer.model_dump()} for answer in by_row[row]]
    notice = crisis_notice(_crisis(answers), body.lang)
    return JSONResponse({"results": results, "notice": notice, "disclaimer": disclaimer(body.lang)})


def _refusal(post: Any, settings: Settings) -> UserError | None:
    try:
        check_text(post)
    except UserError as error:
        return error
    if len(post) > settings.max_characters:
        limits = f"{len(post)} characters, and {settings.max_characters} may come in one"
        return UserError(f"the post has {limits}; divide it", "text_too_long")
    return None


def _crisis(answers: list[list[Analysis]]) -> Any:
    return gravest([answer.crisis for one in answers for answer in one if answer.crisis is not None])
