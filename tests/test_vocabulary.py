"""Words that are known, and what is said of those that aren't."""

from __future__ import annotations

import pytest

from assetctl.errors import InvalidRequest
from assetctl.models import Style
from assetctl.vocabulary import nearest_hint, word


@pytest.mark.parametrize("spelled", ["semi-realistic", "Semi_Realistic", " SEMI-REALISTIC "])
def test_a_word_is_known_however_it_is_spelled(spelled: str):
    assert word("style", spelled, Style) is Style.SEMI_REALISTIC


def test_unknown_word_suggests_the_nearest():
    with pytest.raises(InvalidRequest) as caught:
        word("style", "anim", Style)
    assert caught.value.hint == "did you mean `anime`?"


def test_what_is_no_text_is_no_word():
    with pytest.raises(InvalidRequest, match="`7` is no style") as caught:
        word("style", 7, Style)
    assert caught.value.hint == "known values: anime, realistic, semi-realistic, stylized"


def test_of_very_many_known_words_the_first_are_listed():
    hint = nearest_hint("zz", [f"scene_{number:03}" for number in range(100)])
    assert hint.startswith("known: scene_000, scene_001, ")
    assert hint.endswith(", scene_039 and 60 more")
