"""The routes."""

from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, PlainTextResponse, Response
from starlette.exceptions import HTTPException

from mentalglm import __version__
from mentalglm.errors import UserError
from mentalglm.server.analyze_route import analyze
from mentalglm.server.bodies import AnalyzeBody, ChatBody
from mentalglm.server.chat_route import chat
from mentalglm.server.guard import Guard
from mentalglm.server.metrics import Metrics
from mentalglm.server.problem import Problem, of_internal, of_validation
from mentalglm.server.settings import Settings
from mentalglm.server.worker import Worker
from mentalglm.tasks import load_task, task_names


def make_app(worker: Worker, settings: Settings, metrics: Metrics) -> Guard:
    """The whole application; ``worker`` must have been started."""
    # The documentation pages of FastAPI would load scripts from another host.
    app = FastAPI(title="mentalglm", version=__version__, docs_url=None, redoc_url=None)
    _tell_problems(app)

    @app.post("/v1/analyze")
    async def analyze_posts(body: AnalyzeBody, request: Request) -> Response:
        return await analyze(body, request, worker, settings)

    @app.post("/v1/chat/completions")
    async def chat_completions(body: ChatBody, request: Request) -> Response:
        return await chat(body, request, worker, settings)

    @app.get("/v1/tasks")
    async def tasks() -> dict[str, Any]:
        # A model that does not say what it was taught may be asked any task.
        found = [load_task(name) for name in worker.analyzer.tasks or task_names()]
        return {"tasks": [task.model_dump(exclude={"styles"}) for task in found]}

    @app.get("/v1/models")
    async def models() -> dict[str, Any]:
        model = {"id": worker.name, "object": "model", "created": 0, "owned_by": "mentalglm"}
        return {"object": "list", "data": [model]}

    @app.get("/healthz")
    async def healthz() -> dict[str, str]:
        if not worker.alive:
            raise Problem(503, "dead", "the model's thread has ended; restart the server")
        return {"status": "ok"}

    @app.get("/metrics")
    async def prometheus() -> PlainTextResponse:
        return PlainTextResponse(metrics.text(), media_type="text/plain; version=0.0.4")

    return Guard(app, settings, metrics)


def _tell_problems(app: FastAPI) -> None:
    """Every error in the one form that clients know."""

    def response(problem: Problem) -> JSONResponse:
        return JSONResponse(problem.body, problem.status, problem.headers)

    @app.exception_handler(Problem)
    async def told(_: Request, error: Problem) -> Response:
        return response(error)

    @app.exception_handler(UserError)
    async def mistake(_: Request, error: UserError) -> Response:
        return response(Problem(400, error.code, str(error)))

    @app.exception_handler(RequestValidationError)
    async def malformed(_: Request, error: RequestValidationError) -> Response:
        return response(of_validation(list(error.errors())))

    @app.exception_handler(HTTPException)
    async def plain(_: Request, error: HTTPException) -> Response:
        codes = {404: "not_found", 405: "method_not_allowed"}
        return response(Problem(error.status_code, codes.get(error.status_code, "invalid_request"), str(error.detail)))

    @app.exception_handler(Exception)
    async def defect(_: Request, error: Exception) -> Response:
        return response(of_internal(error))
