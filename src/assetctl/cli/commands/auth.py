"""`assetctl auth`: who we are at the backend."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from assetctl import wiring
from assetctl.cli.options import Json
from assetctl.cli.session import printer_for, with_stack
from assetctl.cli.state import CliState, command_app, shared_options, takes
from assetctl.cli.terminal import is_terminal
from assetctl.documents import timestamp
from assetctl.errors import AssetctlError, AssetUnavailable, InvalidRequest, NotAllowed
from assetctl.secret import Secret

if TYPE_CHECKING:
    from assetctl.cli.output import Printer
    from assetctl.pixsim.account import Standing
    from assetctl.wiring import Stack

app = command_app("Log in at the backend, and out.")

#: No token or password is longer; a whole file piped in by mistake is.
_MAX_SECRET: Final = 16_384


@app.command(epilog="Example: assetctl auth login --user designer --password-stdin")
@takes(state=shared_options)
def login(
    user: Annotated[
        str | None, typer.Option("--user", metavar="NAME", help="Name or e-mail address; else asked for.")
    ] = None,
    password_stdin: Annotated[
        bool, typer.Option("--password-stdin", help="Read the password from stdin instead of asking for it.")
    ] = False,
    with_token: Annotated[
        bool, typer.Option("--with-token", help="Read a token from stdin instead of logging in with a password.")
    ] = False,
    *,
    state: CliState,
) -> None:
    """Log in once; the token is kept in the system's keyring, else in a file that only you can read."""
    printer = printer_for(state)
    if with_token and (user is not None or password_stdin):
        raise InvalidRequest("a token is all there is to give", hint="leave `--user` and `--password-stdin` out")
    _refuse_offline(state, "logging in")
    # Nobody types a password in vain.
    wiring.backend_origin(state.load_settings())
    asking = _Asking(state)
    name = "" if with_token else asking.name(user)
    secret = asking.secret("Token" if with_token else "Password", from_stdin=with_token or password_stdin)

    async def work(stack: Stack) -> Standing:
        account = stack.backend.account
        return await (account.adopt(secret) if with_token else account.log_in(name, secret))

    standing = with_stack(state, printer, work)
    if standing.kept_in == "file":
        file = wiring.DataFolder(state.load_settings().data_dir).logins
        printer.note(f"note: no keyring to rely on here; the token is kept in {file}, readable by you alone")
    printer.note(f"logged in as {standing.user or 'somebody unnamed'}{_until(standing)}")


@app.command(epilog="Example: assetctl auth status --json")
@takes(state=shared_options)
def status(as_json: Json = False, *, state: CliState) -> None:
    """Who is logged in, where the token is kept, until when, and whether the server still takes it."""
    printer = printer_for(state, as_json=as_json)

    async def work(stack: Stack) -> tuple[str, Standing | None, AssetctlError | None]:
        origin = str(stack.backend.origin)
        known: Standing | None = None
        try:
            known = await stack.backend.account.known()
            return origin, await stack.backend.account.standing(verify=not state.offline), None
        except AssetctlError as error:
            return origin, known, error

    origin, standing, trouble = with_stack(state, printer, work)
    if as_json:
        printer.document(_document(origin, standing, trouble))
    elif standing is not None:
        _print(printer, origin, standing, trouble)
    if trouble is not None:
        raise trouble


@app.command(epilog="Example: assetctl auth logout")
@takes(state=shared_options)
def logout(
    local: Annotated[
        bool, typer.Option("--local", help="Only forget the token here; it stays valid at the server until it expires.")
    ] = False,
    *,
    state: CliState,
) -> None:
    """Log out, at the server and here."""
    printer = printer_for(state)
    if not local:
        _refuse_offline(state, "logging out at the server", hint="assetctl auth logout --local")

    async def work(stack: Stack) -> str:
        await stack.backend.account.log_out(at_server=not local)
        return str(stack.backend.origin)

    origin = with_stack(state, printer, work)
    printer.note(f"logged out at {origin}" if not local else f"the login at {origin} is forgotten here")


class _Asking:
    """Asks on the terminal, where there is one and it may be asked."""

    def __init__(self, state: CliState) -> None:
        self._may_ask = not state.no_input and is_terminal(sys.stdin)

    def name(self, given: str | None) -> str:
        if given is not None and given.strip():
            return given.strip()
        if given is None and self._may_ask:
            return str(typer.prompt("User name or e-mail", err=True)).strip()
        raise InvalidRequest("nobody says who logs in", hint="assetctl auth login --user NAME --password-stdin")

    def secret(self, what: str, *, from_stdin: bool) -> Secret:
        if self._may_ask:
            return Secret(str(typer.prompt(what, hide_input=True, err=True)))
        if not from_stdin:
            raise InvalidRequest(
                "nobody is there to ask for the password",
                hint="assetctl auth login --user NAME --password-stdin < password.txt",
            )
        text = sys.stdin.read(_MAX_SECRET + 1).removesuffix("\n").removesuffix("\r")
        if not text or len(text) > _MAX_SECRET:
            why = "there is nothing on it" if not text else f"it is longer than {_MAX_SECRET} characters"
            raise InvalidRequest(f"stdin holds no {what.lower()}", why=why)
        return Secret(text)


def _refuse_offline(state: CliState, what: str, *, hint: str = "leave `--offline` out") -> None:
    if state.offline:
        raise AssetUnavailable(f"{what} needs the network", why="`--offline` is set", hint=hint)


def _document(origin: str, standing: Standing | None, trouble: AssetctlError | None) -> dict[str, Any]:
    return {
        "schema": "assetctl.auth/1",
        "backend": origin,
        # Whether a token is good is not known while the server can't be asked.
        "logged_in": False if isinstance(trouble, NotAllowed) else True if trouble is None else None,
        "user": None if standing is None else standing.user,
        "kept_in": None if standing is None else standing.kept_in,
        "expires_at": None if standing is None else timestamp(standing.expires_at),
        "verified": None if standing is None else standing.is_verified,
    }


def _print(printer: Printer, origin: str, standing: Standing, trouble: AssetctlError | None) -> None:
    printer.line(f"backend: {origin}")
    printer.line(f"user: {standing.user or 'not known'}")
    printer.line(f"token: kept in {standing.kept_in}{_until(standing)}")
    if trouble is None:
        printer.line("verified: " + ("the server takes it" if standing.is_verified else "not asked (--offline)"))


def _until(standing: Standing) -> str:
    return "" if standing.expires_at is None else f", good until {standing.expires_at:%Y-%m-%d}"
