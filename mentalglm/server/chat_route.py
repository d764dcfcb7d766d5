"""``POST /v1/chat/completions``: the loaded model behind OpenAI's interface."""

import asyncio
from collections.abc import AsyncIterator

from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from mentalglm.server.bodies import ChatBody
from mentalglm.server.chat_job import ChatJob, Finished, Started, Written
from mentalglm.server.completions import Completion, sse, usage_of
from mentalglm.server.problem import Problem
from mentalglm.server.settings import Settings
from mentalglm.server.waiting import Mailbox, within
from mentalglm.server.worker import Worker


async def chat(body: ChatBody, request: Request, worker: Worker, settings: Settings) -> Response:
    """Answers one chat, whole or as a stream.

    Raises:
        Problem: The request is wrong, or cannot be served now. Of a stream too: its response begins when the prompt
            has been read.
    """
    if body.model not in (None, worker.name):
        raise Problem(404, "model_not_found", f"no model of that name is served here; the one served is {worker.name}")
    mailbox = Mailbox(settings.timeout)
    job = await _job(body, mailbox, worker, settings)
    completion = Completion(worker.name)
    worker.chat(job)
    try:
        if body.stream:
            started = await within(mailbox.get(), request, settings.timeout)
            stream = _stream(started, body, job, mailbox, completion)
            return StreamingResponse(stream, media_type="text/event-stream", headers={"Cache-Control": "no-cache"})
        return await within(_whole(body, job, mailbox, completion), request, settings.timeout)
    except BaseException:
        job.cancelled = True
        raise


async def _job(body: ChatBody, mailbox: Mailbox, worker: Worker, settings: Settings) -> ChatJob:
    constraint = body.constraint
    wanted = body.max_completion_tokens or body.max_tokens or settings.max_new_tokens
    # Reading a large grammar takes a while, and others are being served.
    matcher = constraint and await asyncio.to_thread(constraint.matcher, worker.grammar_tokenizer)
    return ChatJob(
        messages=body.plain_messages,
        emit=mailbox.put,
        sampling=body.sampling,
        max_tokens=min(wanted, settings.max_new_tokens),
        stops=body.stops,
        matcher=matcher,
        continues=body.continues,
        stream=bool(body.stream),
        top_chances=body.top_chances,
    )


async def _whole(body: ChatBody, job: ChatJob, mailbox: Mailbox, completion: Completion) -> JSONResponse:
    said: list[Written] = []
    prompt = 0
    async for event in mailbox.rest(job):
        if isinstance(event, Started):
            prompt = event.prompt_tokens
        elif isinstance(event, Written):
            said.append(event)
        elif isinstance(event, Finished):
            usage = usage_of(prompt, event.tokens)
            return JSONResponse(completion.whole(said, event.reason, usage, bool(body.logprobs)))
    raise AssertionError("a chat ends with Finished or a Problem")


async def _stream(
    started: object, body: ChatBody, job: ChatJob, mailbox: Mailbox, completion: Completion
) -> AsyncIterator[str]:
    prompt = started.prompt_tokens if isinstance(started, Started) else 0
    yield completion.chunk({"role": "assistant", "content": ""})
    try:
        async for event in mailbox.rest(job):
            if isinstance(event, Written):
                yield completion.chunk({"content": event.text}, chances=event.chances if body.logprobs else None)
            elif isinstance(event, Finished):
                yield completion.chunk({}, event.reason)
                if body.stream_options is not None and body.stream_options.include_usage:
                    yield completion.usage_chunk(usage_of(prompt, event.tokens))
    except Problem as problem:  # the response has begun, so the client can only be told inside it
        yield sse(problem.body)
    finally:
        job.cancelled = True
    yield "data: [DONE]\n\n"
