"""The JSON envelope of every answer, and the codes it carries ("响应码说明" of the API page)."""

from __future__ import annotations

import json
from typing import Any

OK = 200
SERVER_ERROR = 500
NOT_LOGIN = 10001
INSUFFICIENT_CREDITS = 10003
INVALID_PARAM = 10004
HARMFUL_CONTENT = 10005
INSUFFICIENT_TRIAL_COUNT = 10006
TRY_ON_EXCEPTION = 20001
INVALID_API_KEY = 30001

NAMES = {
    OK: "OK",
    SERVER_ERROR: "SERVER_ERROR",
    NOT_LOGIN: "NOT_LOGIN",
    10002: "USER_NOT_EXIST",
    INSUFFICIENT_CREDITS: "INSUFFICIENT_CREDITS",
    INVALID_PARAM: "INVALID_PARAM",
    HARMFUL_CONTENT: "HARMFUL_CONTENT",
    INSUFFICIENT_TRIAL_COUNT: "INSUFFICIENT_TRAIL_COUNT",
    TRY_ON_EXCEPTION: "TRY_ON_EXCEPTION",
    INVALID_API_KEY: "INVALID_API_KEY",
    30002: "INVALID_SIGNATURE",
}

STATUSES = {
    SERVER_ERROR: 500,
    NOT_LOGIN: 401,
    10002: 401,
    INSUFFICIENT_CREDITS: 402,
    INVALID_PARAM: 400,
    HARMFUL_CONTENT: 422,
    INSUFFICIENT_TRIAL_COUNT: 402,
    TRY_ON_EXCEPTION: 500,
    INVALID_API_KEY: 401,
    30002: 403,
}
"""The HTTP status of each failure, where failures are sent as HTTP errors."""


class Refusal(Exception):
    """A call is answered with this code; `http_status` where it has one of its own."""

    def __init__(self, code: int, msg: str | None = None, http_status: int | None = None) -> None:
        super().__init__(code, msg)
        self.code = code
        self.msg = msg or NAMES.get(code, "UNKNOWN")
        self.http_status = http_status


def success(data: dict[str, Any]) -> bytes:
    """Write the envelope of a result; without `msg`, as in the page's own samples."""
    return json.dumps({"code": OK, "data": data}, separators=(",", ":")).encode()


def failure(code: int, msg: str | None = None) -> bytes:
    """Write the envelope of a failure."""
    msg = msg or NAMES.get(code, "UNKNOWN")
    return json.dumps({"code": code, "msg": msg}, separators=(",", ":")).encode()
