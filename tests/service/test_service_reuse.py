"""Old rows handed out again, as coarsely as the real server does it, and its three ways with equal orders."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx

from service import orders
from service.orders import ended, order

if TYPE_CHECKING:
    from service.harness import Account, LookAlike

JOBS = "/api/v1/generations"


def post(api: httpx.Client, **changes: Any) -> int:
    answer = api.post(JOBS, json=order(**changes))
    assert answer.status_code == 201
    return answer.json()["id"]


def test_equal_order_gets_the_same_row_and_no_second_charge(api: httpx.Client, server: LookAlike):
    first = post(api, scene="equal")
    ended(api, first)

    assert post(api, scene="equal") == first
    assert len([charge for charge in server.charges() if charge["nonce"] == "equal"]) == 1


def test_strategy_cache_hands_out_another_prompts_row(api: httpx.Client):
    first = post(api, scene="coarse", prompt="rain")

    assert post(api, scene="coarse", prompt="sun", strategy="once") == first
    assert post(api, scene="coarse", prompt="sun", force_new=True) != first


def test_fine_scene_id_makes_both_keys_fine(api: httpx.Client):
    assert post(api, scene="digest-1") != post(api, scene="digest-2")


def test_order_without_strategy_cache_is_still_deduplicated_by_hash(api: httpx.Client):
    first = post(api, scene="always", strategy="always")

    assert post(api, scene="always", strategy="always") == first
    assert post(api, scene="always", strategy="always", prompt="other") != first


def test_other_users_row_is_handed_out_and_cannot_be_read(api: httpx.Client, server: LookAlike):
    stranger = server.user("stranger")
    headers = {"authorization": f"Bearer {stranger.token}"}
    secret = orders.post(server.url + JOBS, json=order(scene="shared", prompt="secret"), headers=headers).json()

    answer = api.post(JOBS, json=order(scene="shared", prompt="mine"))

    assert (answer.status_code, answer.json()["id"], answer.json()["final_prompt"]) == (201, secret["id"], "secret")
    assert answer.json()["user"]["id"] == stranger.id
    assert api.get(f"{JOBS}/{secret['id']}").status_code == 500


def test_per_player_is_cached_for_each_user_and_per_playthrough_for_nobody_in_particular(
    api: httpx.Client, server: LookAlike
):
    headers = {"authorization": f"Bearer {server.user('second').token}"}
    other = httpx.Client(verify=False, base_url=server.url, headers=headers)

    with other:
        mine = post(api, scene="player", strategy="per_player", prompt="a")
        theirs = post(other, scene="player", strategy="per_player", prompt="b")
        played = post(api, scene="play", strategy="per_playthrough", prompt="a", player_context={"playthroughId": "1"})
        again = post(other, scene="play", strategy="per_playthrough", prompt="b", player_context={"playthroughId": "2"})

    assert mine != theirs
    assert played == again


def test_cancelled_row_is_handed_out_and_a_failed_one_is_not(api: httpx.Client, server: LookAlike):
    server.script(outcomes=["waits"], match={"scene": "cancelled"})
    server.script(outcomes=["failed:provider_auth"], match={"scene": "failed"}, times=1)
    cancelled, failed = post(api, scene="cancelled"), post(api, scene="failed")
    api.post(f"{JOBS}/{cancelled}/cancel")
    ended(api, failed, "failed")

    answer = api.post(JOBS, json=order(scene="cancelled")).json()

    assert (answer["id"], answer["status"]) == (cancelled, "cancelled")
    assert post(api, scene="failed") != failed


def test_racy_server_sells_twice_while_it_settles(api: httpx.Client, server: LookAlike):
    server.configure(dedup="racy", settle_s=600.0)

    assert post(api, scene="racy") != post(api, scene="racy")


def test_racy_server_knows_its_row_once_it_has_settled(api: httpx.Client, server: LookAlike):
    server.configure(dedup="racy", settle_s=0.0)

    assert post(api, scene="settled") == post(api, scene="settled")


def test_silent_server_never_reuses_and_does_not_list(api: httpx.Client, server: LookAlike):
    server.configure(dedup="silent")

    first, second = post(api, scene="silent"), post(api, scene="silent")

    assert first != second
    assert api.get(JOBS).json()["total"] == 0
    assert api.get(f"{JOBS}/{first}").status_code == 200


def test_quota_and_limit_come_before_a_hit(api: httpx.Client, server: LookAlike, user: Account):
    post(api, scene="quota")
    server.change_user(user, max_daily_jobs=1)

    assert api.post(JOBS, json=order(scene="quota")).status_code == 500
