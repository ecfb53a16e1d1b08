"""The manifest that `assetctl manifest init` writes: one to start from, with every field and its meaning."""

from __future__ import annotations

from typing import Final

from assetctl.prefetch.manifest.fields import field_infos

_HEAD: Final = """\
# A chapter for assetctl: scenes and choices, with what each of them needs.
# `assetctl manifest check` reads it, `assetctl prefetch --plan` says what it would take.

[chapter]
id = "chapter-1"
title = "First date"

# What holds for all; a scene or a choice may say otherwise, and the innermost counts.
[defaults]
type = "video"
style = "anime"
duration_s = 5

# A scene without choices is one asset.
[[scenes]]
id = "opening"
prompt = "A park at dusk, lanterns are lit one by one"

# A scene with choices is one asset for each of them.
[[scenes]]
id = "romance_5"
location = "park"
prompt = "Two friends on a bench under a lantern"

[[scenes.choices]]
id = "confess"
prompt = "She says it at last"

[[scenes.choices]]
id = "wait"

# Every field that may stand in defaults, a scene or a choice:
#
"""


def example_manifest() -> str:
    """A commented manifest in TOML."""
    width = max(len(info.name) for info in field_infos())
    fields = "".join(f"#   {info.name:{width}}  {info.help}\n" for info in field_infos())
    return _HEAD + fields
