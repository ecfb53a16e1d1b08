"""Who may ask, and how the real server says no: words, codes and headers as they were recorded."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from service import orders

if TYPE_CHECKING:
    import httpx

    from service.harness import Account, LookAlike

LOGIN = "/api/v1/auth/login"
ME = "/api/v1/users/me"


def bearing(server: LookAlike, authorization: str | None, path: str = "/api/v1/assets/1") -> httpx.Response:
    return orders.get(server.url + path, headers={"authorization": authorization} if authorization else {})


def test_login_gives_a_token_that_opens_the_door(server: LookAlike, user: Account):
    answer = orders.post(server.url + LOGIN, json={"email": f"{user.username}@example.com", "password": user.password})

    document = answer.json()
    assert list(document) == ["access_token", "token_type", "user"]
    assert list(document["user"]) == [
        *("id", "email", "username", "display_name", "role", "permissions", "is_active"),
        *("created_at", "updated_at", "last_login_at"),
    ]
    me = bearing(server, f"Bearer {document['access_token']}", ME).json()
    assert me["id"] == user.id
    assert me["preferences"]["localFolders"] is None


def test_login_takes_the_user_name_in_any_case(server: LookAlike, user: Account):
    answer = orders.post(server.url + LOGIN, json={"username": user.username.upper(), "password": user.password})

    assert answer.status_code == 200


def test_wrong_password_is_401_with_ids_in_body_and_headers_alike(server: LookAlike, user: Account):
    answer = orders.post(server.url + LOGIN, json={"username": user.username, "password": "wrong"})

    document = answer.json()
    assert (answer.status_code, document["code"], document["message"]) == (401, "unauthorized", "Invalid credentials")
    assert document["request_id"] == answer.headers["x-request-id"]
    assert document["trace_id"] == answer.headers["x-trace-id"]
    assert list(answer.headers)[:4] == ["date", "server", "content-length", "content-type"]
    assert "www-authenticate" not in answer.headers


def test_sixth_login_of_a_minute_must_wait_and_only_the_text_says_how_long(server: LookAlike, user: Account):
    server.configure(login_limit=5)
    body = {"username": user.username, "password": "wrong"}

    statuses = {orders.post(server.url + LOGIN, json=body).status_code for _ in range(6)}
    last = orders.post(server.url + LOGIN, json=body)

    assert statuses == {401, 429}
    assert last.json()["code"] == "http_429"
    assert last.json()["message"].startswith("Rate limit exceeded. Try again in ")
    assert "retry-after" not in last.headers


@pytest.mark.parametrize(
    ("authorization", "message"),
    [
        (None, "Missing authorization header"),
        ("Basic abc", "Invalid authorization header format (expected: Bearer <token>)"),
        ("Bearer a.b.c", "Invalid or expired token: Invalid token: Invalid token: Signature verification failed"),
    ],
)
def test_missing_or_wrong_token_is_401(server: LookAlike, authorization: str | None, message: str):
    answer = bearing(server, authorization)

    assert (answer.status_code, answer.json()["message"]) == (401, message)


def test_token_dies_by_logout_revocation_and_time(api: httpx.Client, server: LookAlike, user: Account):
    revoked, expired = server.token(user), server.token(user)
    server.revoke(revoked)
    server.expire(expired)

    logout = api.post("/api/v1/auth/logout")

    assert (logout.status_code, logout.content, "content-length" in logout.headers) == (204, b"", False)
    assert api.get(ME).json()["message"] == "Invalid or expired token: Token has been revoked or expired"
    assert bearing(server, f"Bearer {revoked}", ME).status_code == 401
    assert bearing(server, f"Bearer {expired}", ME).json()["message"].endswith("Token has expired")


def test_introspection_tells_good_from_bad_and_is_never_refused(api: httpx.Client, server: LookAlike, user: Account):
    good = api.post("/api/v1/auth/introspect", json={}).json()
    bad = orders.post(server.url + "/api/v1/auth/introspect", json={"token": "a.b.c"})
    none = orders.post(server.url + "/api/v1/auth/introspect", json={})

    assert good["active"]
    assert list(good["claims"]) == [
        *("sub", "jti", "email", "username", "role", "is_admin", "permissions", "is_active", "exp")
    ]
    assert good["claims"]["sub"] == str(user.id)
    assert (bad.status_code, bad.json()["active"], none.status_code) == (200, False, 400)


def test_shut_out_user_is_403(api: httpx.Client, server: LookAlike, user: Account):
    server.change_user(user, is_active=False)

    assert api.get(ME).status_code == 403


def test_registration_of_a_taken_address_is_500(server: LookAlike):
    body = {"email": "twice@example.com", "username": "twice", "password": "long enough"}

    first, second = (orders.post(server.url + "/api/v1/auth/register", json=body) for _ in range(2))

    assert first.status_code == 201
    assert (second.status_code, second.json()["code"]) == (500, "internal_error")
    assert second.json()["message"] == "Registration failed: User already exists: email=twice@example.com"


def test_open_routes_need_no_token(server: LookAlike):
    version = orders.get(server.url + "/api/v1/version").json()

    assert orders.get(server.url + "/").json() == {"name": "PixSim7", "version": "0.1.0", "status": "running"}
    assert orders.get(server.url + "/health").json()["providers"] == ["pixverse", "sora", "remaker"]
    assert orders.get(server.url + "/ready").json()["plugins_loaded"]
    assert list(version) == ["api_version", "build_sha", "build_time", "server_time"]
    assert len(orders.get(server.url + "/api/v1/generation-operations").json()) == 8


def test_unknown_path_wrong_method_and_missing_slash(api: httpx.Client, server: LookAlike):
    server.scenes([{"id": 7, "world_id": 1, "title": "park", "entry_node_id": 1}])

    assert (api.get("/api/v1/nope").status_code, api.get("/api/v1/nope").json()["message"]) == (404, "Not Found")
    assert api.get(LOGIN).json()["code"] == "http_405"
    moved = api.get("/api/v1/game/scenes?world_id=1")
    assert (moved.status_code, moved.headers["location"]) == (307, server.url + "/api/v1/game/scenes/?world_id=1")
    assert api.get(moved.headers["location"]).json()[0]["id"] == 7
    assert api.get("/api/v1/game/scenes/7").json()["id"] == "7"
    assert api.get("/api/v1/game/scenes/8").status_code == 404


def test_own_request_id_comes_back(api: httpx.Client):
    answer = api.get("/api/v1/assets/999999", headers={"X-Request-ID": "mine"})

    assert answer.headers["x-request-id"] == answer.json()["request_id"] == "mine"


def test_providers_tell_their_parameters(api: httpx.Client):
    pixverse, sora, remaker = api.get("/api/v1/providers").json()

    assert list(pixverse) == ["provider_id", "name", "domains", "supported_operations", "capabilities"]
    assert remaker["supported_operations"] == ["image_to_image"]
    parameters = {
        entry["name"]: entry for entry in sora["capabilities"]["operation_specs"]["text_to_video"]["parameters"]
    }
    assert (parameters["duration"]["max"], parameters["model"]["enum"]) == (30, ["turbo", "standard"])
    assert pixverse["capabilities"]["parameter_hints"]["TEXT_TO_VIDEO"][0] == "prompt"


def test_clock_of_the_server_may_be_ahead(api: httpx.Client, server: LookAlike):
    before = api.get("/api/v1/version").json()["server_time"]

    server.configure(clock_skew_s=3600)

    assert api.get("/api/v1/version").json()["server_time"][:13] != before[:13]


def test_login_without_a_name_or_a_password_is_422(server: LookAlike):
    no_name = orders.post(server.url + LOGIN, json={"password": "x"})
    no_password = orders.post(server.url + LOGIN, json={"username": "x"})
    no_object = orders.post(server.url + LOGIN, json=[])
    nobody = orders.post(server.url + "/api/v1/auth/register", json={"email": "x@example.com"})

    assert (no_name.status_code, no_name.json()["message"].startswith("[{")) == (422, True)
    assert no_password.json()["fields"][0]["loc"] == ["body", "password"]
    assert no_object.json()["fields"][0]["type"] == "dict_type"
    assert [field["loc"][1] for field in nobody.json()["fields"]] == ["username", "password"]


def test_introspection_tells_a_revoked_token(server: LookAlike, user: Account):
    token = server.token(user)
    server.revoke(token)

    answer = orders.post(server.url + "/api/v1/auth/introspect", json={"token": token}).json()

    assert (answer["active"], answer["error"]) == (False, "Token has been revoked or expired")


def test_all_tokens_may_be_worth_nothing_from_now_on(api: httpx.Client, server: LookAlike, user: Account):
    short_lived = server.token(user, life_s=600)
    server.revoke_all()

    login = orders.post(server.url + LOGIN, json={"username": user.username, "password": user.password})

    assert api.get(ME).status_code == bearing(server, f"Bearer {short_lived}", ME).status_code == 401
    assert bearing(server, f"Bearer {login.json()['access_token']}", ME).status_code == 200
