"""The page is one file that needs nobody and obeys nothing foreign, a card for each asset in the order of the story."""

from __future__ import annotations

import base64
import hashlib
import io
import re
from decimal import Decimal
from html.parser import HTMLParser
from typing import TYPE_CHECKING

import pytest
from PIL import Image

from assetctl.errors import AssetctlError, IntegrityError
from assetctl.explanation import Decision
from assetctl.media.stills import Still
from assetctl.models import AssetType, Availability, Cost, Estimate, Source, Would
from assetctl.prefetch.deeds import Deed
from assetctl.prefetch.report.as_page import page_report
from assetctl.prefetch.report.gallery import Gallery
from assetctl.prefetch.report.states import WORDS, State
from assetctl.prefetch.results import Outcome, Result
from assetctl.prefetch.walking import Planned
from fakes import FakeClock
from report_samples import HOSTILE, an_evening, asset, card, facts_of, item, made, planned

if TYPE_CHECKING:
    from pathlib import Path

    from assetctl.prefetch.report.facts import Facts
    from assetctl.prefetch.report.gathering import Gathering

VOID = {"meta", "img", "input"}


def webp(colour: tuple[int, int, int] = (200, 120, 40), size: tuple[int, int] = (36, 20)) -> bytes:
    data = io.BytesIO()
    Image.new("RGB", size, colour).save(data, "WEBP")
    return data.getvalue()


PICTURE = Still(webp(), 36, 20)


def draw(_: Path, asset_type: AssetType) -> Still:
    return Still(levels=(0, 50, 25)) if asset_type is AssetType.AUDIO else PICTURE


class Page(HTMLParser):
    """What stands in a page: elements with their attributes and their text; fails where it is not well formed."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.style = ""
        self._open: list[str] = []
        self.feed(text)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self._open[-1:] == ["style"]:
            self.style += data
        elif data.strip():
            self.texts.append(data.strip())

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


def page(facts: Facts, gathering: Gathering, **options: int) -> Page:
    return Page("".join(page_report(facts, gathering, Gallery(draw, FakeClock()), **options)))


def test_a_card_for_each_asset_in_the_order_of_the_story(gathering: Gathering) -> None:
    made_page = page(an_evening(gathering), gathering)
    assert [(one["id"], one["data-state"]) for one in made_page.all("article")] == [
        ("asset-1", "here"),
        ("asset-2", "generated"),
        ("asset-3", "failed"),
        ("asset-4", "placeholder"),
        ("asset-5", "library"),
        ("asset-6", "left"),
    ]
    assert [text for text in made_page.texts if text in ("opening", "romance_5", "ending")] == [
        "opening", "opening", "romance_5", "ending", "ending",
    ]  # fmt: skip
    assert [text for text in made_page.texts if re.fullmatch(r"\d\.?\d?", text) and "." in text] == [
        "2.1", "2.2", "2.3", "2.4",
    ]  # fmt: skip


def test_it_asks_nobody_for_anything_and_runs_nothing(gathering: Gathering) -> None:
    made_page = page(an_evening(gathering), gathering)
    assert {tag for tag, _ in made_page.elements} & {
        "script",
        "link",
        "iframe",
        "object",
        "embed",
        "base",
        "a",
    } == set()
    for tag, attributes in made_page.elements:
        assert not [name for name in attributes if name.startswith("on") or name in ("style", "srcset", "action")], tag
        for name in ("src", "href", "xlink:href", "poster", "data"):
            value = attributes.get(name) or ""
            assert value.startswith(("data:image/webp;base64,", "#")) or not value
    assert "url(" not in made_page.style
    assert "@import" not in made_page.style


def test_its_policy_comes_first_and_allows_its_own_style_and_pictures_alone(gathering: Gathering) -> None:
    made_page = page(an_evening(gathering), gathering)
    assert [tag for tag, _ in made_page.elements[:4]] == ["html", "head", "meta", "meta"]
    policy = made_page.all("meta")[1]
    assert policy["http-equiv"] == "Content-Security-Policy"
    digest = base64.b64encode(hashlib.sha256(made_page.style.encode()).digest()).decode()
    assert policy["content"] == (
        f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:; base-uri 'none'; form-action 'none'"
    )


def test_what_is_foreign_is_text(gathering: Gathering) -> None:
    facts = an_evening(gathering)
    made_page = page(
        facts_of(
            gathering, title=HOSTILE, chapter_id=HOSTILE, manifest=HOSTILE, run_id=HOSTILE, ended_by=facts.ended_by
        ),
        gathering,
    )
    shown = r"</script><b onclick=x>`|\x1b[31m\u202eevil⏎::error::]]> & \x00 "
    assert sum(shown.strip() in text for text in made_page.texts) >= 5
    assert "b" not in {tag for tag, attributes in made_page.elements if attributes}


def test_every_picture_says_what_it_shows_and_loads_late(gathering: Gathering) -> None:
    sound = item(7, "ending", "rain", asset_type=AssetType.AUDIO, prompt="Rain")
    gathering.plan(planned(sound))
    gathering.ended(Result(sound, Outcome.GENERATED, asset(sound, asset_type=AssetType.AUDIO)), 1.0)
    rude = item(8, "ending", "rude", prompt='"> <script>')
    gathering.plan(planned(rude))
    gathering.ended(made(rude), 1.0)
    made_page = page(facts_of(gathering), gathering)
    (picture,) = made_page.all("img")
    assert picture["alt"] == 'Still from ending / rude: "> <script>'
    assert (picture["loading"], picture["width"], picture["height"]) == ("lazy", "36", "20")
    assert base64.b64decode((picture["src"] or "").partition(",")[2]) == PICTURE.picture
    assert [one["aria-label"] for one in made_page.all("svg") if one.get("class") == "wave"] == ["Waveform of rain"]


def test_a_placeholder_is_marked_as_one(gathering: Gathering) -> None:
    one = item(1, "a")
    gathering.plan(planned(one))
    gathering.ended(card(one), 1.0)
    made_page = page(facts_of(gathering), gathering)
    assert made_page.texts.count("Placeholder") == 1
    assert "the shop is closed" in made_page.texts
    assert (made_page.all("img")[0]["alt"] or "").startswith("Placeholder card for a")


def test_every_state_can_be_chosen_and_says_how_many(gathering: Gathering) -> None:
    facts = an_evening(gathering)
    made_page = page(facts, gathering)
    chosen = [one["id"] for one in made_page.all("input")]
    assert chosen == [
        "show-all", "show-attention", "show-failed", "show-placeholder", "show-left", "show-generated", "show-library",
        "show-here",
    ]  # fmt: skip
    assert [one["for"] for one in made_page.all("label")] == chosen
    assert len({one["name"] for one in made_page.all("input")}) == 1
    assert made_page.all("input")[0].get("checked", "-") is None


def test_the_style_knows_every_state() -> None:
    style = page_style()
    for state in State:
        assert f"body:has(#show-{state.value}:checked) .card:not(.{state.value})" in style
        assert f"body:has(#show-{state.value}:checked) .scene:not(:has(.{state.value}))" in style
        assert re.search(rf"\.{state.value}\b[^{{}}]*\{{ --tone:", style), state
        assert state in WORDS


def page_style() -> str:
    from importlib.resources import files  # noqa: PLC0415 - only this needs it

    return files("assetctl.prefetch.report").joinpath("page.css").read_text()


def test_a_run_that_ended_early_says_so_and_what_is_left(gathering: Gathering) -> None:
    texts = page(an_evening(gathering), gathering).texts
    assert "3 of 6 assets are here. 2 need attention." in texts
    assert any(text.startswith("This is a partial report: it was interrupted. 1 asset is left") for text in texts)


def test_a_plan_is_called_one(gathering: Gathering) -> None:
    for number, deed in enumerate((Deed.HERE, Deed.MAKE)):
        gathering.plan(planned(item(number, "a", str(number)), deed))
    texts = page(facts_of(gathering, spent={}), gathering).texts
    assert "Plan · chapter-1" in texts
    assert "3 assets: 3 to generate" in texts
    assert "Spent" not in texts


def test_a_plan_says_what_each_asset_would_cost_at_most(gathering: Gathering) -> None:
    one = item(1, "a", character_id="mei", location_id="park")
    price = Cost(Decimal("0.40"), "USD")
    offered = Availability(Would.GENERATE, estimate=Estimate(price, price), generator="shop", is_paid=True)
    gathering.plan(Planned(one, Deed.MAKE, Decision("generator", offered)))
    texts = page(facts_of(gathering), gathering).texts
    assert "up to 0.40 USD" in texts
    assert [texts[texts.index(term) + 1] for term in ("Place", "With", "Source")] == ["park", "mei", "shop"]


def test_what_has_no_room_is_told(gathering: Gathering) -> None:
    for number in range(12):
        one = item(number, "a", str(number))
        gathering.plan(planned(one))
        gathering.ended(made(one), 1.0)
    for number in range(12, 20):
        gathering.plan(planned(item(number, f"scene-{number}")))
    gathering.lost = 3
    size_bytes = len(base64.b64encode(PICTURE.picture))
    gallery = Gallery(draw, FakeClock(), max_bytes=4 * size_bytes + 1)
    made_page = Page("".join(page_report(facts_of(gathering, lost=3), gathering, gallery, max_cards=10)))
    assert (len(made_page.all("article")), len(made_page.all("img"))) == (10, 4)
    told = " ".join(made_page.texts[-4:])
    assert "10 assets are not shown" in told
    assert "6 pictures were left out to stay within" in told
    assert "The details of 3 assets could not be kept" in told


def test_pictures_stop_when_the_time_is_up(gathering: Gathering) -> None:
    for number in range(40):
        one = item(number, "a", str(number))
        gathering.plan(planned(one))
        gathering.ended(made(one), 1.0)
    clock = FakeClock()
    drawn: list[Path] = []

    def slow(path: Path, _: AssetType) -> Still:
        drawn.append(path)
        clock.advance(seconds=10.0)
        return PICTURE

    made_page = Page("".join(page_report(facts_of(gathering), gathering, Gallery(slow, clock, max_seconds=45.0))))
    assert len(made_page.all("img")) == len(drawn) < 40
    assert f"{40 - len(drawn)} pictures were left out" in " ".join(made_page.texts)
    assert len(made_page.all("article")) == 40


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (IntegrityError("broken"), "1 file could not be drawn."),
        (AssetctlError("no process"), "1 picture was not drawn: no process."),
    ],
)
def test_a_file_that_cannot_be_drawn_costs_its_picture_alone(
    gathering: Gathering, error: AssetctlError, told: str
) -> None:
    for number in range(3):
        one = item(number, "a", str(number))
        gathering.plan(planned(one))
        gathering.ended(Result(one, Outcome.FETCHED, asset(one, Source.PRE_MADE)), 1.0)

    def draw_some(path: Path, asset_type: AssetType) -> Still:
        if path.name == "1.mp4":
            raise error
        return draw(path, asset_type)

    made_page = Page("".join(page_report(facts_of(gathering), gathering, Gallery(draw_some, FakeClock()))))
    assert (len(made_page.all("article")), len(made_page.all("img"))) == (3, 2)
    assert told in made_page.texts


def test_a_mistake_while_drawing_is_not_hidden(gathering: Gathering) -> None:
    one = item(1, "a")
    gathering.plan(planned(one))
    gathering.ended(made(one), 1.0)

    def mistaken(*_: object) -> Still:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        "".join(page_report(facts_of(gathering), gathering, Gallery(mistaken, FakeClock())))
