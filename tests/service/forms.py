"""`multipart/form-data`, read as plainly as browsers and httpx write it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from service.replies import Refused

if TYPE_CHECKING:
    from service.messages import Request

_NAME: Final = re.compile(rb'name="([^"]*)"')
_FILENAME: Final = re.compile(rb'filename="([^"]*)"')
_TYPE: Final = re.compile(rb"content-type:\s*([^\r\n]+)", re.IGNORECASE)


@dataclass(frozen=True)
class SentFile:
    filename: str
    content_type: str
    content: bytes


@dataclass(frozen=True)
class Form:
    values: dict[str, str] = field(default_factory=dict)
    files: dict[str, SentFile] = field(default_factory=dict)


def form_of(request: Request) -> Form:
    """The parts of the body.

    Raises:
        Refused: it is no form.
    """
    content_type = request.header("content-type") or ""
    _, _, boundary = content_type.partition("boundary=")
    if not content_type.startswith("multipart/form-data") or not boundary:
        raise Refused(400, "There was an error parsing the body")
    form = Form()
    for part in request.body.split(b"--" + boundary.strip('"').encode())[1:-1]:
        head, _, content = part.removeprefix(b"\r\n").partition(b"\r\n\r\n")
        content = content.removesuffix(b"\r\n")
        name = _NAME.search(head)
        if name is None:
            raise Refused(400, "There was an error parsing the body")
        filename, kind = _FILENAME.search(head), _TYPE.search(head)
        key = name.group(1).decode()
        if filename is None:
            form.values[key] = content.decode()
        else:
            said = kind.group(1).decode().strip() if kind else "application/octet-stream"
            form.files[key] = SentFile(filename.group(1).decode(), said, content)
    return form
