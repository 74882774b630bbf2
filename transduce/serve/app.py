"""The routes of the service, as one ASGI application."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from importlib.resources import files
from pathlib import Path

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Route
from starlette.staticfiles import StaticFiles

from transduce.serve import openapi, reference
from transduce.serve.guard import Guard
from transduce.serve.inside import Inside
from transduce.serve.libre import Libre, answer
from transduce.serve.native import Native
from transduce.serve.service import Service

Endpoint = Callable[[Request], Awaitable[Response]]
MESSAGES = {404: "There is nothing here.", 405: "This method is not for this address."}


def make_app(service: Service) -> Starlette:
    """The application around a service. Before that is open, what needs its models is refused."""
    libre, native = Libre(service), Native(service)

    async def health(request: Request) -> Response:
        return JSONResponse({"status": "ok"})

    async def ready(request: Request) -> Response:
        return JSONResponse({"status": "ok" if service.ready else "not ready"}, 200 if service.ready else 503)

    async def metrics(request: Request) -> Response:
        service.check_rate(request)
        service.check_key(request)
        return PlainTextResponse(service.metrics.text(), media_type="text/plain; version=0.0.4")

    async def schema(request: Request) -> Response:
        return answer(openapi.document(keys=bool(service.keys), runs=list(service.catalog.by_name)))

    async def docs(request: Request) -> Response:
        first = service.catalog.runs[0]
        url = str(request.base_url).rstrip("/")
        return HTMLResponse(reference.page(url=url, source=first.source, target=first.target, keys=bool(service.keys),
                                           config=service.config))  # fmt: skip

    table: list[tuple[str, str, Endpoint]] = [
        ("POST", "/translate", libre.translate),
        ("POST", "/translate_file", libre.translate_file),
        ("GET", "/download_file/{word}/{name}", libre.download),
        ("GET", "/languages", libre.languages),
        ("POST", "/detect", libre.detect),
        ("POST", "/suggest", libre.suggest),
        ("GET", "/frontend/settings", libre.settings),
        ("GET", "/v1/models", native.models),
        ("GET", "/v1/models/{name}", native.model),
        ("GET", "/v1/models/{name}/report", native.report),
        ("GET", "/v1/models/{name}/metrics", native.metrics),
        ("POST", "/v1/translate", native.translate),
        ("POST", "/v1/score", native.score),
        ("POST", "/v1/explain", native.explain),
        ("POST", "/inside", Inside(service).page),
        ("GET", "/health", health),
        ("GET", "/ready", ready),
        ("GET", "/metrics", metrics),
        ("GET", "/openapi.json", schema),
        ("GET", "/docs", docs),
    ]
    routes = [Route(path, _labelled(path, endpoint), methods=[method]) for method, path, endpoint in table]
    routes += _page_routes() or [Route("/", _labelled("/", docs), methods=["GET"])]
    return Starlette(routes=routes, middleware=[Middleware(Guard, service=service)],
                     exception_handlers={HTTPException: _http_error})  # fmt: skip


def _page_routes() -> list[Route]:
    """A route for each file of the page. A folder mounted at / would also match every address of the API that was
    asked for with a wrong method.
    """
    folder = Path(str(files("transduce.serve").joinpath("page")))
    if not (folder / "index.html").is_file():
        return []
    static = StaticFiles(directory=folder)

    def route(path: str, name: str) -> Route:
        async def file(request: Request) -> Response:
            answer = await static.get_response(name, request.scope)
            answer.headers["cache-control"] = "no-cache"  # asked for again each time, sent again when it changed
            return answer

        return Route(path, _labelled("page", file), methods=["GET"])

    names = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    return [route("/", "index.html"), *(route(f"/{name}", name) for name in names)]


def _labelled(path: str, endpoint: Endpoint) -> Endpoint:
    """The endpoint, which tells the metrics its route: labels come from a closed set."""

    async def labelled(request: Request) -> Response:
        request.scope["transduce.route"] = path
        return await endpoint(request)

    return labelled


async def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    message = MESSAGES.get(error.status_code, str(error.detail))
    return JSONResponse({"error": message}, error.status_code, error.headers)
