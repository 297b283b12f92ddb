"""The route that Prometheus reads."""

from fastapi import APIRouter
from starlette.responses import Response

from app.api.json_replies import NO_STORE, content
from app.pages.desk import Desk

_TEXT = content("text/plain", {"type": "string"}, "Prometheus' text format, version 0.0.4.")


def metrics_routes(desk: Desk) -> APIRouter:
    routes = APIRouter()

    @routes.get("/metrics", response_class=Response, responses=_TEXT)
    def metrics() -> Response:
        """Tells a Prometheus server what Docent does: requests, tokens and times of the local models, the library, and
        the last sync. It needs the token or the key as every other route does, and the extra ``metrics``."""
        from app.metrics import exposition

        assistant = desk.assistant
        text, media_type = exposition(assistant.opened_models(), assistant.status(), desk.syncing.progress)
        return Response(text, media_type=media_type, headers=NO_STORE)

    return routes
