"""`/docs`: Swagger UI from this machine, so that it works without a way out and its policy needs no other origin.

The script and its style come with the package fastapi-offline (MIT, needs FastAPI only, follows Swagger UI's releases;
swagger-ui-bundle has stayed at version 4, which knows no OpenAPI 3.1). Of its code nothing is used. The page has no
inline script; Swagger UI sets styles on its elements, which is why the policy lets it.
"""

import importlib.util
from collections.abc import Awaitable, Callable
from functools import cache
from pathlib import Path

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response

DOCS_PATH = "/docs"
_STYLE, _SCRIPT, _START = f"{DOCS_PATH}/swagger-ui.css", f"{DOCS_PATH}/swagger-ui-bundle.js", f"{DOCS_PATH}/start.js"
PAGE_PATHS = (DOCS_PATH, _STYLE, _SCRIPT, _START)

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)

_PAGE = f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Kopilka</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="{_STYLE}">
</head>
<body>
<div id="swagger-ui" data-document="%s"></div>
<script src="{_SCRIPT}"></script>
<script src="{_START}"></script>
</body>
</html>
"""
_START_SCRIPT = """const place = document.getElementById("swagger-ui");
SwaggerUIBundle({
  url: place.dataset.document,
  domNode: place,
  deepLinking: true,
  presets: [SwaggerUIBundle.presets.apis, SwaggerUIBundle.SwaggerUIStandalonePreset],
  layout: "BaseLayout",
  docExpansion: "list",
  validatorUrl: null,
});
"""


def add_docs(pages: FastAPI, *, openapi_path: str) -> None:
    """The page and what it loads, as routes of `pages`."""
    page = _PAGE % openapi_path
    for path, media_type, read in (
        (DOCS_PATH, "text/html", page.encode),
        (_STYLE, "text/css", lambda: _asset("swagger-ui.css")),
        (_SCRIPT, "text/javascript", lambda: _asset("swagger-ui-bundle.js")),
        (_START, "text/javascript", _START_SCRIPT.encode),
    ):
        pages.add_route(path, _route(read, media_type), include_in_schema=False)


def _route(read: Callable[[], bytes], media_type: str) -> Callable[[Request], Awaitable[Response]]:
    async def answer(_request: Request) -> Response:
        return Response(read(), media_type=media_type, headers={"content-security-policy": POLICY})

    return answer


@cache
def _asset(name: str) -> bytes:
    """A file of the package, found without running its code."""
    found = importlib.util.find_spec("fastapi_offline")
    if found is None or found.origin is None:
        raise FileNotFoundError("the package fastapi-offline is not installed")
    return (Path(found.origin).parent / "static" / name).read_bytes()
