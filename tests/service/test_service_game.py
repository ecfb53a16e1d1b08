"""The one-step request of a game, as it was once proposed: there when told, and charged when it makes something."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import httpx

    from service.harness import Account, LookAlike

GAME = "/api/v1/game/assets/request"
BODY = {"scene_id": "romance_5", "choice_id": "confess", "context": {"character_id": "Anna"}}


def test_request_is_there_only_when_told(api: httpx.Client, server: LookAlike):
    absent = api.post(GAME)
    server.configure(game_assets=True)
    assert (absent.status_code, api.post(GAME).status_code) == (404, 422)


def test_what_the_library_has_costs_nothing(api: httpx.Client, server: LookAlike, user: Account):
    server.configure(game_assets=True)
    charged = len(server.charges())
    made = server.add_asset(user, tags=["scene:romance_5", "choice:confess", "npc:anna"])
    server.add_asset(user, tags=["scene:romance_5"])
    answer = api.post(GAME, json=BODY | {"strategy": "generate_if_needed"}).json()
    assert (answer["asset_id"], answer["source"]) == (made["id"], "pre_made")
    assert api.post(GAME, json={"scene_id": "none", "strategy": "pre_made_only"}).status_code == 404
    assert len(server.charges()) == charged


def test_what_is_made_is_charged_and_here_at_once(api: httpx.Client, server: LookAlike):
    server.configure(game_assets=True)
    charged = len(server.charges())
    answers = [api.post(GAME, json=BODY | {"strategy": "generate_always"}).json() for _ in range(2)]
    assert [answer["source"] for answer in answers] == ["generated", "generated"]
    assert [asset["id"] for asset in server.assets()[-2:]] == [answer["asset_id"] for answer in answers]
    assert api.get(answers[0]["url"]).status_code == 200
    assert len(server.charges()) == charged + 2


def test_script_decides_what_is_made(api: httpx.Client, server: LookAlike):
    server.configure(game_assets=True)
    server.script(outcomes=["failed:provider_generic"], times=1)
    assert api.post(GAME, json=BODY | {"strategy": "generate_always"}).status_code == 500
    server.script(file={"media_type": "image"}, match={"scene": "romance_5"})
    api.post(GAME, json=BODY | {"strategy": "generate_always"})
    assert [asset["media_type"] for asset in server.assets()][-1] == "image"
