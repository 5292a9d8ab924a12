"""The OpenAPI document: what FastAPI makes of the routes, made true where it would promise something else."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from likewise.service import models, problems

_THEIRS = ("HTTPValidationError", "ValidationError")  # how FastAPI would answer what is wrong; we answer a problem
_WRITTEN_BY_HAND = (models.SearchRequest, problems.Problem)
_REFERENCE = "#/components/schemas/{model}"
_SCHEME = {"type": "http", "scheme": "bearer", "description": "A token that the operator gave: docs/service.md."}


def document(app: FastAPI, *, guarded: bool) -> dict[str, Any]:
    """The document, made once.

    Args:
        app: With all its routes.
        guarded: Whether it wants tokens.
    """
    if app.openapi_schema is None:
        made = get_openapi(title=app.title, version=app.version, summary=app.summary, routes=app.routes)
        schemas = made["components"]["schemas"]
        for name in _THEIRS:
            schemas.pop(name, None)
        for model in _WRITTEN_BY_HAND:
            told = model.model_json_schema(ref_template=_REFERENCE)
            schemas |= told.pop("$defs", {}) | {model.__name__: told}
        for path, methods in made["paths"].items():
            for operation in methods.values():
                _without_theirs(operation)
                if guarded and (path.startswith("/v1/") or path == "/metrics"):
                    operation["security"] = [{"token": []}]
        if guarded:
            made["components"]["securitySchemes"] = {"token": _SCHEME}
        app.openapi_schema = made
    return app.openapi_schema


def _without_theirs(operation: dict[str, Any]) -> None:
    content = operation["responses"].get("422", {}).get("content", {})
    if "application/json" in content and "HTTPValidationError" in str(content["application/json"]):
        del content["application/json"]
        if not content:
            del operation["responses"]["422"]
