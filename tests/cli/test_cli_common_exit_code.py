"""One exit code of several."""

from __future__ import annotations

import pytest

from assetctl.cli.exit_codes import common_exit_code


@pytest.mark.parametrize(("codes", "code"), [((), 0), ((0, 0), 0), ((0, 7, 7), 7), ((7, 5), 1), ((0, 1), 1)], ids=str)
def test_what_fails_in_one_way_says_so_and_mixed_trouble_is_plain_failure(codes: tuple[int, ...], code: int) -> None:
    assert common_exit_code(codes) == code
