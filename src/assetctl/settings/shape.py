"""What a settings table may look like, as pydantic models, and the rules for single values.

Files are checked strictly (a number in quotes is text), the environment leniently (everything there is text). There are
no defaults here, only "not set": `known.py` has the defaults.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, SecretStr
from pydantic_core import PydanticCustomError

from assetctl.errors import ConfigError, InvalidRequest
from assetctl.hosts import is_loopback
from assetctl.settings.layers import absolute_path
from assetctl.units import parse_duration_s, parse_size_bytes

OUR_ERROR: Final = "assetctl"
"""The type of errors whose `ctx["why"]` is a sentence of ours, free of secrets."""

_MAX_NAME: Final = 200


def _refusal(why: str | None) -> PydanticCustomError:
    return PydanticCustomError(OUR_ERROR, "{why}", {"why": why})


def _duration(value: str | float) -> float:
    try:
        return parse_duration_s(value)
    except InvalidRequest as error:
        raise _refusal(error.sentence) from error


def _size(value: str | float) -> int:
    try:
        return parse_size_bytes(value)
    except InvalidRequest as error:
        raise _refusal(error.sentence) from error


def _path(text: str) -> str:
    try:
        absolute_path(text, Path(), Path(), "path")
    except ConfigError as error:
        raise _refusal(error.why) from error
    return text


def _name(text: str) -> str:
    if not text.strip() or len(text) > _MAX_NAME or not text.isprintable():
        raise _refusal(f"a name has 1 to {_MAX_NAME} printable characters")
    return text


def _token(token: SecretStr) -> SecretStr:
    text = token.get_secret_value().strip()
    if not text or not text.isascii() or not text.isprintable() or " " in text:
        raise _refusal("it is empty or has characters that a header cannot carry (not shown)")
    return SecretStr(text)


def backend_url(text: str) -> str:
    """`text` without a final slash, when it can be the address of a backend.

    Raises:
        PydanticCustomError: it cannot; the sentence never repeats the address, which may hold a password.
    """
    if not text.isprintable() or " " in text or "\\" in text:
        raise _refusal("an address has no spaces, backslashes or control characters")
    try:
        parts = urlsplit(text)
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        raise _refusal("it is no address: host or port make no sense") from error
    if parts.scheme not in {"http", "https"} or not host:
        raise _refusal("an address starts with `https://` and a host")
    if "@" in parts.netloc:
        raise _refusal("a user or password in an address would be seen in logs; use ASSETCTL_TOKEN")
    if "?" in text or "#" in text:
        raise _refusal("an address of a backend has no query and no fragment")
    if parts.path.strip("/"):
        raise _refusal("an address of a backend ends after host and port; the API's path is added to it")
    if parts.scheme == "http" and not is_loopback(host):
        raise _refusal(f"plain http is for this machine alone; write `https://{host}`")
    return text.rstrip("/")


PathText = Annotated[str, AfterValidator(_path)]
Name = Annotated[str, AfterValidator(_name)]
Seconds = Annotated[float, BeforeValidator(_duration)]
Size = Annotated[int, BeforeValidator(_size)]


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True, allow_inf_nan=False)


class BackendTable(_Table):
    """`[backend]`."""

    url: Annotated[str, AfterValidator(backend_url)] | None = None
    timeout_s: Annotated[Seconds, Field(gt=0, le=600)] | None = None
    token: Annotated[SecretStr, AfterValidator(_token)] | None = None
    ca_file: PathText | None = None
    orders_per_minute: Annotated[int, Field(ge=0, le=100_000)] | None = None


class LibraryTable(_Table):
    """`[library]`."""

    kind: Literal["folder", "pixsim"] | None = None
    path: PathText | None = None


class GenerationTable(_Table):
    """`[generation]`."""

    enabled: bool | None = None
    generator: Name | None = None
    default_provider: Name | None = None
    max_wait_s: Annotated[Seconds, Field(le=604_800)] | None = None
    tag: bool | None = None


class CacheTable(_Table):
    """`[cache]`."""

    max_size: Size | None = None
    min_free: Size | None = None
    max_unused: Seconds | None = None
    shared: PathText | None = None


class PrefetchTable(_Table):
    """`[prefetch]`."""

    concurrency: Annotated[int, Field(ge=1, le=256)] | None = None
    max_outage_s: Annotated[Seconds, Field(le=604_800)] | None = None


class BudgetTable(_Table):
    """`[budget]`."""

    max_generations_per_run: Annotated[int, Field(ge=0, le=1_000_000)] | None = None


class SettingsTable(_Table):
    """A settings file without its profiles, a profile, or the environment as a table."""

    data_dir: PathText | None = None
    backend: BackendTable = BackendTable()
    library: LibraryTable = LibraryTable()
    generation: GenerationTable = GenerationTable()
    cache: CacheTable = CacheTable()
    prefetch: PrefetchTable = PrefetchTable()
    budget: BudgetTable = BudgetTable()
