"""The page on which a person gives a codec token to the browser, and what it answers."""

from __future__ import annotations

import html
from http import HTTPStatus
from typing import Final
from urllib.parse import parse_qs

from starlette.responses import HTMLResponse, Response

from gateway.codec_access import COOKIE, SESSION

FORM_BYTES_MAX: Final = 2_000
PATH: Final = "/codec"
"""The session is sent nowhere else."""

_HEADERS: Final = {
    "cache-control": "no-store",
    "content-security-policy": "default-src 'none'; form-action 'self'; frame-ancestors 'none'",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}
_PAGE: Final = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Reading payloads</title></head>
<body><h1>Reading payloads in the Temporal UI</h1>
{words}
<form method="post" action="sign-in">
<label>Your token <input type="password" name="token" autocomplete="off" required></label>
<button>Sign in</button>
</form></body></html>
"""


def asking() -> Response:
    return _page("<p>Workflow payloads are encrypted. Your token lets this browser read them.</p>")


def refusing(retry_after_s: int) -> Response:
    """429 when too many were wrong of late."""
    response = _page("<p>This token is not right, or no longer.</p>", HTTPStatus.UNAUTHORIZED)
    if retry_after_s:
        response.status_code = HTTPStatus.TOO_MANY_REQUESTS
        response.headers["retry-after"] = str(retry_after_s)
    return response


def welcoming(name: str, session: str, ui_origin: str) -> Response:
    """The session ends with the browser, and at the latest by itself."""
    ui = html.escape(ui_origin)
    way = f'<p>Go on to the <a href="{ui}">Temporal UI</a>.</p>' if ui else ""
    hours = int(SESSION.total_seconds()) // 3600
    response = _page(
        f"<p>Signed in as {html.escape(name)} for {hours} hours, or until the browser is closed."
        f"</p>{way}"
    )
    response.set_cookie(
        COOKIE,
        session,
        path=PATH,
        secure=ui_origin.startswith("https:"),
        httponly=True,
        samesite="strict",
    )
    return response


def token_of(form: bytes) -> str:
    """The token of a form that was sent; empty when there is none."""
    try:
        fields = parse_qs(form.decode("ascii"), max_num_fields=5)
    except ValueError:
        return ""
    return fields.get("token", [""])[0].strip()


def _page(words: str, status: HTTPStatus = HTTPStatus.OK) -> HTMLResponse:
    return HTMLResponse(_PAGE.format(words=words), status, _HEADERS)
