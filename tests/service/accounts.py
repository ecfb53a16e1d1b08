"""Who asks: tokens, sessions, login and its limit."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from service.messages import as_json
from service.replies import Refused, invalid, json_reply, moment, no_content
from service.rows import Session, User

if TYPE_CHECKING:
    from datetime import datetime

    from service.messages import Request, Response
    from service.world import World

_KEY: Final = b"the key that this server signs its tokens with"


def signed_in(world: World, request: Request) -> User:
    """The user whose good token the request bears.

    Raises:
        Refused: 401, with the real server's words for what is wrong, or 403 for a user that was shut out.
    """
    header = request.header("authorization")
    if header is None:
        raise Refused(401, "Missing authorization header")
    scheme, _, token = header.partition(" ")
    if scheme.lower() != "bearer" or not token or " " in token:
        raise Refused(401, "Invalid authorization header format (expected: Bearer <token>)")
    return _user_of(world, token)


def owner_of_token(world: World, token: str) -> User:
    return _user_of(world, token)


def _user_of(world: World, token: str) -> User:
    session = world.tokens.get(token)
    problem = _problem(world, session, token)
    if problem:
        raise Refused(401, f"Invalid or expired token: {problem}")
    user = world.store.users[session.user_id]  # pyright: ignore[reportOptionalMemberAccess]
    if not user.is_active:
        raise Refused(403, "User account is inactive")
    return user


def _problem(world: World, session: Session | None, token: str) -> str | None:
    if session is None:
        return "Invalid token: Invalid token: " + (
            "Not enough segments" if token.count(".") != 2 else "Signature verification failed"
        )
    if session.expires_at <= world.now():
        return "Token has expired"
    return "Token has been revoked or expired" if session.is_revoked else None


def new_user(world: World, username: str, password: str, *, email: str | None = None, **facts: Any) -> User:
    number = world.store.next_id("user")
    user = User(number, username, email or f"{username}@example.com", password, world.now(), **facts)
    world.store.save(user)
    world.watch(password)
    return user


def new_token(world: World, user: User, life_s: float | None = None) -> str:
    """A token with a live session, watched for from now on."""
    now = world.now()
    expires = now + timedelta(seconds=world.options.token_life_s if life_s is None else life_s)
    jti = secrets.token_urlsafe(32)
    claims = {"sub": str(user.id), "jti": jti, "exp": int(expires.timestamp()), "iat": int(now.timestamp())}
    token = _jwt(claims | _claims(user))
    session = Session(jti, user.id, token, now, expires)
    world.store.save(session)
    world.tokens[token] = session
    world.watch(token)
    return token


def user_document(user: User) -> dict[str, Any]:
    return {
        "id": user.id,
        "email": user.email,
        "username": user.username,
        "display_name": None,
        "role": user.role,
        "permissions": [],
        "is_active": user.is_active,
        "created_at": moment(user.created_at),
        "updated_at": moment(user.created_at),
        "last_login_at": moment(user.last_login_at),
    }


def login(world: World, request: Request) -> Response:
    body = _body(request)
    password = body.get("password")
    if not isinstance(password, str):
        raise invalid((["body", "password"], "Field required", "missing"))
    name = body.get("email") or body.get("username")
    if not isinstance(name, str):
        raise Refused(422, "[{'loc': ['body', 'email'], 'msg': 'email or username is required', 'type': 'missing'}]")
    _hold(world, "login 127.0.0.1", world.options.login_limit, world.options.login_window_s)
    user = _named(world, name)
    if user is None or user.password != password or not user.is_active:
        raise Refused(401, "Invalid credentials")
    return _entered(world, user, 200)


def register(world: World, request: Request) -> Response:
    body = _body(request)
    missing = [key for key in ("email", "username", "password") if not isinstance(body.get(key), str)]
    if missing:
        raise invalid(*((["body", key], "Field required", "missing") for key in missing))
    if _named(world, body["email"]):
        raise Refused(500, f"Registration failed: User already exists: email={body['email']}")
    return _entered(world, new_user(world, body["username"], body["password"], email=body["email"]), 201)


def logout(world: World, request: Request) -> Response:
    signed_in(world, request)
    token = (request.header("authorization") or "").partition(" ")[2]
    revoke(world, world.tokens[token])
    return no_content()


def revoke(world: World, session: Session) -> None:
    session.is_revoked = True
    world.store.save(session)


def introspect(world: World, request: Request) -> Response:
    asked = _body(request).get("token") if request.body else None
    token = asked or (request.header("authorization") or "").partition(" ")[2]
    if not token:
        raise Refused(400, "No token provided")
    session = world.tokens.get(token)
    problem = _problem(world, session, token)
    if session is None or problem:
        return json_reply({"active": False, "claims": None, "error": problem, "details": None})
    user = world.store.users[session.user_id]
    claims = {"sub": str(user.id), "jti": session.id} | _claims(user)
    expires = session.expires_at.replace(microsecond=0)
    return json_reply({"active": True, "claims": claims | {"exp": moment(expires)}, "error": None, "details": None})


def me(world: World, request: Request) -> Response:
    words = "cubes workspace theme notifications devtools tags auto_tags analyzer localFolders similarityChecks"
    preferences = dict.fromkeys([*words.split(), "skipSimilarCheck", "maxContentRating"])
    return json_reply(user_document(signed_in(world, request)) | {"preferences": preferences})


def _hold(world: World, key: str, limit: int | None, window_s: float) -> None:
    wait_s = world.seconds_to_wait(key, limit, window_s)
    if wait_s is not None:
        raise Refused(429, f"Rate limit exceeded. Try again in {max(1, round(wait_s))} seconds.")


def hold_creation(world: World, user: User) -> None:
    """Counts one attempt to create.

    Raises:
        Refused: 429 when the user's window is full; the seconds stand in the text alone.
    """
    if not user.is_admin:
        _hold(world, f"create {user.id}", world.options.create_limit, world.options.create_window_s)


def _named(world: World, name: str) -> User | None:
    wanted = name.lower()
    users = world.store.users.values()
    return next((user for user in users if wanted in {user.username.lower(), user.email.lower()}), None)


def _entered(world: World, user: User, status: int) -> Response:
    user.last_login_at = world.now()
    world.store.save(user)
    token = new_token(world, user)
    return json_reply({"access_token": token, "token_type": "bearer", "user": user_document(user)}, status)


def _body(request: Request) -> dict[str, Any]:
    return json_object(request)


def json_object(request: Request) -> dict[str, Any]:
    """The body as a JSON object.

    Raises:
        Refused: 422, in the words of the framework.
    """
    try:
        document = json.loads(request.body)
    except (ValueError, RecursionError) as error:
        raise invalid((["body", getattr(error, "pos", 0)], "JSON decode error", "json_invalid")) from error
    if not isinstance(document, dict):
        raise invalid((["body"], "Input should be a valid dictionary or object to extract fields from", "dict_type"))
    return document


def _claims(user: User) -> dict[str, Any]:
    return {
        "email": user.email,
        "username": user.username,
        "role": user.role,
        "is_admin": user.is_admin,
        "permissions": [],
        "is_active": user.is_active,
    }


def _jwt(claims: dict[str, Any]) -> str:
    parts = [_text(as_json({"alg": "HS256", "typ": "JWT"})), _text(as_json(claims))]
    mark = hmac.new(_KEY, ".".join(parts).encode(), hashlib.sha256).digest()
    return ".".join([*parts, _text(mark)])


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def jobs_today(world: World, user: User) -> int:
    today: datetime = world.now().replace(hour=0, minute=0, second=0, microsecond=0)
    return sum(job.user_id == user.id and job.created_at >= today for job in world.store.generations.values())
