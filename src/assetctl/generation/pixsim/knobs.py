"""The knobs of the server's providers: which there are, and whether a request's values fit one of them.

Which of them a provider has, and in which range, only the server knows. What it would drop without a word is refused
here, so that nobody pays for what he did not ask for.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from assetctl.errors import InvalidRequest
from assetctl.generation.base import ParameterSpec
from assetctl.generation.parameters import checked_value
from assetctl.generation.pixsim.operations import ASSET_TYPES, PARAMETER, Operation
from assetctl.models import AssetType
from assetctl.vocabulary import nearest_hint

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from assetctl.models import AssetRequest, ParameterValue
    from assetctl.pixsim.records import ProviderInfo, ProviderParameter

_VIDEO: Final = frozenset({AssetType.VIDEO})

PRIORITY: Final = "priority"
RATING: Final = "rating"
PACING: Final = "pacing"

#: What the server itself reads, whoever the provider is.
_OWN: Final = (
    ParameterSpec(
        PARAMETER,
        str,
        choices=tuple(Operation),
        help="the backend's operation; chosen by type and inputs",
        asset_types=ASSET_TYPES,
    ),
    ParameterSpec(PRIORITY, int, 5, 0, 10, help="0 is made first", asset_types=ASSET_TYPES),
    ParameterSpec(RATING, str, choices=("G", "PG", "PG-13", "R"), help="the content's rating", asset_types=ASSET_TYPES),
    ParameterSpec(PACING, str, choices=("slow", "medium", "fast"), help="how fast it moves", asset_types=_VIDEO),
)
#: What the server passes on to a provider; any other name it would drop. `model` and `seed` are options of their own.
_WORDS: Final = (
    ("quality", "the picture's quality, such as 720p"),
    ("aspect_ratio", "such as 16:9"),
    ("negative_prompt", "what is not to be seen"),
    ("image_resolution", "the picture's size"),
    ("camera_movement", "how the camera moves"),
    ("motion_mode", "how fast things move"),
    ("template_id", "a template of the provider's"),
    ("task_type", "the provider's kind of task"),
    ("api_method", "which of its interfaces the provider uses"),
    ("pixverse_api_mode", "which of its interfaces Pixverse uses"),
)
_SWITCHES: Final = (
    ("multi_shot", "several shots in one video"),
    ("audio", "sound in the video"),
    ("off_peak", "made when it is cheaper"),
    ("use_openapi", "the provider's open interface is used"),
)
SPECS: Final = (
    *_OWN,
    *(ParameterSpec(name, str, help=f"{text} (the provider's own)", asset_types=ASSET_TYPES) for name, text in _WORDS),
    *(ParameterSpec(name, bool, help=text, asset_types=ASSET_TYPES) for name, text in _SWITCHES),
)
_PASSED_ON: Final = frozenset(name for name, _ in (*_WORDS, *_SWITCHES)) | {"model", "seed", "style"}
_NO_KNOBS: Final = frozenset(
    {"prompt", "prompts", "composition_assets", "image_url", "image_urls", "video_url", "duration"}
)
_KINDS: Final[Mapping[str, type[str | int | float | bool]]] = MappingProxyType(
    {"integer": int, "number": float, "boolean": bool}
)


def provider_named(name: str | None, providers: Sequence[ProviderInfo], operation: Operation) -> ProviderInfo:
    """The provider called `name`, which can do `operation`.

    Raises:
        InvalidRequest: there is none of that name, or it can't.
    """
    able = [provider.provider_id for provider in providers if operation in provider.operations]
    who = f"`{operation}` is done by {', '.join(sorted(able))}" if able else f"no provider there does `{operation}`"
    if name is None:
        raise InvalidRequest(
            "no provider is named", why=who, hint="--provider ID, or set `generation.default_provider`"
        )
    for provider in providers:
        if provider.provider_id == name:
            if operation not in provider.operations:
                raise InvalidRequest(
                    f"the provider `{name}` can't do `{operation}`", why=who, hint="choose another with `--provider`"
                )
            return provider
    known = [provider.provider_id for provider in providers]
    hint = nearest_hint(name, known) if known else "the backend has no provider at all"
    raise InvalidRequest(f"the backend has no provider `{name}`", hint=hint)


def provider_knobs(request: AssetRequest) -> dict[str, ParameterValue]:
    """What goes to the provider, under the names that the server passes on; nothing is checked."""
    knobs = {name: value for name, value in request.parameters.items() if name in _PASSED_ON}
    named = {"model": request.model, "seed": request.seed, "style": request.style and request.style.value}
    return knobs | {name: value for name, value in named.items() if value is not None}


def checked_knobs(request: AssetRequest, provider: ProviderInfo, operation: Operation) -> dict[str, ParameterValue]:
    """`provider_knobs`, each typed and in the range that `provider` states for `operation`.

    Prompt and duration are checked, too. A provider that states nothing of a knob but the prompt, as those do that say
    nothing of themselves, is believed to take all.

    Raises:
        InvalidRequest: it has no such knob, or not that value.
    """
    knobs = provider_knobs(request)
    specs = {spec.name: spec for spec in specs_of(provider, operation)}
    stated = {parameter.name: parameter for parameter in provider.parameters.get(operation, ())}
    if "prompt" in stated:
        _check_prompt(request.prompt or "", stated["prompt"], provider)
    if not stated.keys() - _NO_KNOBS:
        return knobs
    if "duration" in stated:
        _check_duration(request.duration_s, _spec(stated["duration"], operation))
    return {name: _checked(name, value, specs, provider, operation) for name, value in knobs.items()}


def _check_prompt(prompt: str, stated: ProviderParameter, provider: ProviderInfo) -> None:
    if stated.max_length is not None and len(prompt) > stated.max_length:
        raise InvalidRequest(
            "the prompt is too long",
            why=f"`{provider.provider_id}` takes {stated.max_length:,} characters, it has {len(prompt):,}",
        )


def _check_duration(duration_s: float | None, spec: ParameterSpec) -> None:
    if duration_s is not None and spec.kind is not str:
        checked_value(int(duration_s) if duration_s.is_integer() else duration_s, spec)


def _checked(
    name: str,
    value: ParameterValue,
    specs: Mapping[str, ParameterSpec],
    provider: ProviderInfo,
    operation: Operation,
) -> ParameterValue:
    if name not in specs:
        raise InvalidRequest(
            f"the provider `{provider.provider_id}` takes no `{name}` for `{operation}`",
            why=f"it takes {', '.join(sorted(specs)) or 'nothing but the prompt'}",
            hint=f"leave it out; `assetctl generators show pixsim` lists what each provider takes (asked for: {value})",
        )
    return checked_value(value, specs[name])


def specs_of(provider: ProviderInfo, operation: str) -> list[ParameterSpec]:
    """The knobs of `provider` for `operation` that a request can turn, in its own order."""
    return [
        _spec(parameter, operation)
        for parameter in provider.parameters.get(operation, ())
        if parameter.name in _PASSED_ON
    ]


def _spec(parameter: ProviderParameter, operation: str) -> ParameterSpec:
    kind = _KINDS.get(parameter.kind, str)
    default = parameter.default if isinstance(parameter.default, str | int | float | bool) else None
    output = AssetType.IMAGE if operation.endswith("to_image") else AssetType.VIDEO
    return ParameterSpec(
        parameter.name,
        kind,
        default,
        parameter.minimum,
        parameter.maximum,
        parameter.choices if kind is str else (),
        parameter.description or "",
        frozenset({output}),
    )


def providers_table(providers: Iterable[ProviderInfo]) -> dict[str, dict[str, list[ParameterSpec]]]:
    """Provider -> operation -> its knobs, for a person; operations that assetctl has no use for are left out."""
    return {
        provider.provider_id: {
            operation: specs_of(provider, operation) for operation in Operation if operation in provider.operations
        }
        for provider in providers
    }
