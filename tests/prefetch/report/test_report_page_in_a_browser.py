"""The page as a browser shows it: at every width, in the light, in the dark and on paper, by mouse and by keyboard."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

import browser as browsers
import pytest
from test_report_page import draw

from assetctl.models import AssetType
from assetctl.prefetch.deeds import Deed
from assetctl.prefetch.report.as_page import page_report
from assetctl.prefetch.report.gallery import Gallery
from assetctl.prefetch.report.gathering import Gathering
from assetctl.prefetch.results import Outcome
from fakes import FakeClock
from report_samples import HOSTILE, an_evening, facts_of, item, made, planned

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from browser import Browser

PROGRAM = browsers.find()
pytestmark = pytest.mark.skipif(PROGRAM is None, reason=f"there is no browser: none of {', '.join(browsers.NAMES)}")

#: Every text on the page with less contrast to its ground than WCAG 2.2 asks of level AA (1.4.3).
FAINT = """
(() => {
  const parts = colour => {
    const found = colour.match(/[\\d.]+/g).map(Number);
    return [...found.slice(0, 3), found[3] ?? 1];
  };
  const light = ([r, g, b]) => [r, g, b].map(c => (c /= 255) <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
    .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
  const ground = node => {
    for (; node; node = node.parentElement) {
      const colour = parts(getComputedStyle(node).backgroundColor);
      if (colour[3] === 1) return colour;
    }
    return [255, 255, 255, 1];
  };
  const faint = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const node = walker.currentNode.parentElement;
    if (!walker.currentNode.data.trim() || !node.checkVisibility()) continue;
    const style = getComputedStyle(node);
    const [a, b] = [light(parts(style.color)), light(ground(node))];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    const size = parseFloat(style.fontSize);
    const needed = size >= 24 || (size >= 18.66 && style.fontWeight >= 700) ? 3 : 4.5;
    if (ratio < needed) faint.push([walker.currentNode.data.trim().slice(0, 40), ratio.toFixed(2)]);
  }
  return faint;
})()
"""
SHOWN = (
    "[...document.querySelectorAll('article')].filter(card => card.checkVisibility()).map(card => card.dataset.state)"
)
SCENES = "[...document.querySelectorAll('section')].filter(one => one.checkVisibility()).length"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    assert PROGRAM is not None
    with browsers.browsing(PROGRAM) as opened:
        yield opened


@pytest.fixture(scope="module")
def storyboard(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A page with every state, a sound, a model, long words and hostile ones."""
    folder = tmp_path_factory.mktemp("storyboard")
    gathering = Gathering(folder / "scratch")
    ended_by = an_evening(gathering).ended_by
    sound = item(20, "sounds", "rain", asset_type=AssetType.AUDIO, prompt="Rain on a tin roof. " * 40)
    model = item(21, "sounds", "gate", asset_type=AssetType.MODEL_3D, prompt=HOSTILE.replace("\ud800", ""))
    wordy = item(22, "a" * 200, "b" * 200, prompt="c" * 900)
    for one in (sound, model, wordy):
        gathering.plan(planned(one))
        gathering.ended(made(one), 1.0)
    for number, outcome in enumerate(Outcome):
        one = item(30 + number, "everything", outcome.value)
        gathering.plan(planned(one, Deed.MAKE))
        gathering.ended(made(one).__class__(one, outcome), 1.0)
    facts = facts_of(gathering, title=HOSTILE, ended_by=ended_by)
    path = folder / "storyboard.html"
    text = "".join(page_report(facts, gathering, Gallery(draw, FakeClock())))
    path.write_text(text, encoding="utf-8", errors="backslashreplace")
    gathering.close()
    return path


@pytest.fixture
def opened(browser: Browser, storyboard: Path) -> Browser:
    browser.resize(1280, 900)
    browser.prefer()
    browser.open(storyboard)
    return browser


def test_it_is_shown_whole_asks_nobody_and_breaks_no_rule_of_its_own(opened: Browser, storyboard: Path) -> None:
    assert opened.value("document.querySelectorAll('article').length") == len(opened.value(SHOWN)) > 15
    assert (
        opened.value("Promise.all([...document.images].map(one => (one.loading = 'eager', one.decode())))") is not None
    )
    assert opened.value("[...document.images].every(one => one.naturalWidth > 0)")
    asked = {
        event["params"]["request"]["url"] for event in opened.events if event["method"] == "Network.requestWillBeSent"
    }
    assert {url for url in asked if not url.startswith("data:image/webp")} == {storyboard.as_uri()}
    told = [event for event in opened.events if event["method"] in ("Log.entryAdded", "Runtime.consoleAPICalled")]
    assert told == []
    assert opened.value("document.scripts.length") == 0


@pytest.mark.parametrize("width", [360, 768, 1280, 3840])
def test_it_fits_every_width(opened: Browser, width: int) -> None:
    opened.resize(width, 900)
    assert opened.value("document.documentElement.scrollWidth") <= width
    columns = opened.value("getComputedStyle(document.querySelector('.cards')).gridTemplateColumns").split()
    assert (len(columns) == 1) is (width == 360)
    assert opened.value(
        "[...document.querySelectorAll('.frame')].every(one => one.getBoundingClientRect().width > 200)"
    )


@pytest.mark.parametrize("dark", [False, True])
def test_every_text_stands_out_from_its_ground(opened: Browser, *, dark: bool) -> None:
    opened.prefer(dark=dark)
    ground = opened.value("getComputedStyle(document.body).backgroundColor.match(/\\d+/g).map(Number)")
    assert (max(ground) < 60) is dark
    assert opened.value(FAINT) == []


def test_states_are_chosen_by_mouse(opened: Browser) -> None:
    everything = opened.value(SHOWN)
    scenes = opened.value(SCENES)
    for state in sorted(set(everything)):
        opened.value(f"document.querySelector('label[for=show-{state}]').click()")
        assert opened.value(SHOWN) == [state] * everything.count(state)
        told = opened.value(f"document.querySelector('label[for=show-{state}] b').textContent")
        assert told == str(everything.count(state))
    assert opened.value(SCENES) < scenes
    opened.value("document.querySelector('label[for=show-all]').click()")
    assert opened.value(SHOWN) == everything


def test_states_are_chosen_by_keyboard_and_the_place_is_seen(opened: Browser) -> None:
    everything = opened.value(SHOWN)
    opened.press("Tab")
    assert opened.value("document.activeElement.id") == "show-all"
    opened.press("ArrowRight")
    assert opened.value("document.activeElement.id") == "show-attention"
    outline = opened.value("getComputedStyle(document.querySelector('label[for=show-attention]')).outlineStyle")
    assert outline == "solid"
    needing = {"failed", "unknown", "missing", "placeholder"}
    assert opened.value(SHOWN) == [state for state in everything if state in needing]
    opened.press("ArrowLeft")
    assert opened.value(SHOWN) == everything


def test_on_paper_nothing_is_only_for_a_screen_and_no_card_is_torn(opened: Browser) -> None:
    opened.prefer(dark=True, printed=True)
    assert opened.value("getComputedStyle(document.querySelector('.filters')).display") == "none"
    assert opened.value("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert opened.value(FAINT) == []
    inside = "[...new Set([...document.querySelectorAll('.card')].map(one => getComputedStyle(one).breakInside))]"
    assert opened.value(inside) == ["avoid"]
    folded = opened.value("document.querySelector('details.prompt:not([open])').getBoundingClientRect().height")
    opened.value("document.querySelector('details.prompt').open = true")
    assert opened.value("document.querySelector('details.prompt').getBoundingClientRect().height") == folded
    printed = base64.b64decode(opened.ask("Page.printToPDF", preferCSSPageSize=True)["data"])
    assert printed.startswith(b"%PDF-")
    assert printed.count(b"/Type /Page\n") + printed.count(b"/Type /Page/") + printed.count(b"/Type/Page/") >= 2
