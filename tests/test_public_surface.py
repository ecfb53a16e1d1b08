"""What `import assetctl` offers: every listed name, and nothing that is not."""

from __future__ import annotations

import inspect
import subprocess
import sys

import pytest

import assetctl


@pytest.mark.parametrize("name", assetctl.__all__)
def test_every_listed_name_is_there(name: str):
    assert getattr(assetctl, name) is not None


def test_names_are_the_real_ones():
    assert inspect.isclass(assetctl.AssetService)
    assert assetctl.AssetRequest(scene_id="s").scene_id == "s"
    assert issubclass(assetctl.errors.AssetUnavailable, assetctl.AssetctlError)


def test_unknown_name_is_refused_as_python_does():
    with pytest.raises(AttributeError, match="no attribute `nobody`"):
        _ = assetctl.nobody  # type: ignore[attr-defined]


def test_import_alone_loads_no_room():
    program = "import assetctl, sys; print([name for name in sys.modules if name.startswith('assetctl.')])"
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=240)
    assert told.stdout.strip() == "[]"
