"""Whether a create body has the right shape, and what of it counts: what becomes `canonical_params` and `inputs`."""

from __future__ import annotations

import re
from typing import Any, Final

from service.providers import OPERATIONS
from service.replies import Refused, invalid

_PURPOSES: Final = ("gap_fill", "variation", "adaptive", "ambient")
_STRATEGIES: Final = ("once", "per_playthrough", "per_player", "always")
_FALLBACKS: Final = ("default_content", "skip", "retry", "placeholder")
_KNOBS: Final = (
    *("model", "quality", "off_peak", "audio", "multi_shot", "aspect_ratio", "seed", "camera_movement"),
    *("negative_prompt", "motion_mode", "style", "template_id", "api_method", "pixverse_api_mode", "use_openapi"),
    *("task_type", "image_resolution"),
)
_OPTIONAL: Final = (
    *("intent", "priority", "layer", "ref_name", "influence_type", "influence_region", "character_id", "location_id"),
    *("pose_id", "expression_id", "camera_view_id", "camera_framing_id", "surface_type", "prop_id"),
)
_META: Final = ("role", *(name for name in _OPTIONAL if name != "prop_id"), "tags", "prop_id")
# What an input is when it does not say so. An operation that is missing here drops its inputs.
_DEFAULTS: Final = {
    "image_to_video": ("image", "source_image"),
    "image_to_image": ("image", "composition_reference"),
    "video_extend": ("video", "source_video"),
    "video_transition": ("image", "transition_input"),
    "fusion": ("image", "composition_reference"),
}
_CAMEL: Final = re.compile(r"(?<!^)(?=[A-Z])")

_HERE: Final[list[str | int]] = ["body", "config"]

Fields = list[tuple[list[str | int], str, str]]


def check_shape(body: dict[str, Any]) -> None:
    """Returns when the schema takes it.

    Raises:
        Refused: 422 that names every field that is missing or wrong.
    """
    faults: Fields = []
    config = body.get("config")
    if config is None:
        faults.append((["body", "config"], "Field required", "missing"))
    elif not isinstance(config, dict):
        faults.append((["body", "config"], "Input should be a valid dictionary", "model_type"))
    else:
        faults += _config_faults(snake(config))
    faults += _text_faults(body, "provider_id", 50, required=True) + _text_faults(body, "name", 255)
    priority = body.get("priority", 5)
    if not isinstance(priority, int) or not 0 <= priority <= 10:
        faults.append((["body", "priority"], "Input should be less than or equal to 10", "less_than_equal"))
    for scene in ("from_scene", "to_scene"):
        given = body.get(scene)
        if given is not None and not (isinstance(given, dict) and isinstance(given.get("id"), str)):
            faults.append((["body", scene, "id"], "Field required", "missing"))
    if faults:
        raise invalid(*faults)


def snake(config: dict[str, Any]) -> dict[str, Any]:
    """The known fields in snake case; only those that the real server takes in camel case are renamed."""
    camel = {"generationType", "seedSource", "semanticType"}
    return {(_CAMEL.sub("_", key).lower() if key in camel else key): value for key, value in config.items()}


def _config_faults(config: dict[str, Any]) -> Fields:
    faults = _operation_faults(config.get("generation_type"))
    for key, values in (("purpose", _PURPOSES), ("strategy", _STRATEGIES)):
        if key not in config:
            faults.append(([*_HERE, key], "Field required", "missing"))
        elif config[key] not in values:
            faults.append(([*_HERE, key], f"Input should be {_either(values)}", "literal_error"))
    for key in ("style", "duration", "constraints", "fallback"):
        if key not in config:
            faults.append(([*_HERE, key], "Field required", "missing"))
        elif not isinstance(config[key], dict):
            faults.append(([*_HERE, key], "Input should be a valid dictionary", "model_type"))
    return faults + _value_faults(config)


def _operation_faults(operation: Any) -> Fields:
    if operation is None:
        return [([*_HERE, "generationType"], "Field required", "missing")]
    if operation in OPERATIONS:
        return []
    words = f"Value error, Invalid generation_type '{operation}'. Must be one of: {sorted(OPERATIONS)}"
    return [([*_HERE, "generationType"], words, "value_error")]


def _value_faults(config: dict[str, Any]) -> Fields:
    faults: Fields = []
    fallback, duration, prompt = config.get("fallback"), config.get("duration"), config.get("prompt")
    if isinstance(fallback, dict) and fallback.get("mode") not in _FALLBACKS:
        faults.append(([*_HERE, "fallback", "mode"], f"Input should be {_either(_FALLBACKS)}", "literal_error"))
    if prompt is not None and not isinstance(prompt, str):
        faults.append(([*_HERE, "prompt"], "Input should be a valid string", "string_type"))
    target = duration.get("target") if isinstance(duration, dict) else None
    if target is not None and not (isinstance(target, int | float) and target >= 0):
        words = "Input should be greater than or equal to 0"
        faults.append(([*_HERE, "duration", "target"], words, "greater_than_equal"))
    return faults


def _text_faults(body: dict[str, Any], key: str, longest: int, *, required: bool = False) -> Fields:
    value = body.get(key)
    if value is None:
        return [(["body", key], "Field required", "missing")] if required else []
    if not isinstance(value, str):
        return [(["body", key], "Input should be a valid string", "string_type")]
    if len(value) > longest:
        return [(["body", key], f"String should have at most {longest} characters", "string_too_long")]
    return []


def _either(values: tuple[str, ...]) -> str:
    quoted = [f"'{value}'" for value in values]
    return ", ".join(quoted[:-1]) + f" or {quoted[-1]}"


def check_inputs(operation: str, config: dict[str, Any]) -> None:
    """Returns when the operation has what it needs.

    Raises:
        Refused: 500, as the real server says it.
    """
    prompt, count = config.get("prompt"), len(config.get("composition_assets") or [])
    speaks = operation in {"text_to_image", "text_to_video"}
    speaks = speaks or (operation in {"image_to_image", "image_to_video"} and count > 0)
    if speaks and not (isinstance(prompt, str) and prompt.strip()):
        raise _trouble(f"{operation} operation requires a non-empty 'prompt'")
    least = {"video_transition": 2}.get(operation, 1)
    if operation not in {"text_to_image", "text_to_video", "video_modify"} and count < least:
        entries = "entry" if least == 1 else "entries"
        raise _trouble(
            f"{operation.upper()} operation requires 'composition_assets' list with at least {least} {entries}"
        )
    if operation == "video_transition" and len(config.get("prompts") or []) != count - 1:
        raise _trouble(f"VIDEO_TRANSITION operation requires exactly {count - 1} prompts for {count} images")


def check_provider(operation: str, provider_id: str, providers: list[dict[str, Any]]) -> None:
    """Returns when the provider is known and can do it.

    Raises:
        Refused: 500, as the real server says it.
    """
    found = next((entry for entry in providers if entry["provider_id"] == provider_id), None)
    if found is None:
        raise _trouble(f"Provider '{provider_id}' not found or not registered")
    if operation not in found["supported_operations"]:
        able = found["supported_operations"]
        raise _trouble(
            f"Provider '{provider_id}' does not support operation '{operation}'. Supported operations: {able}"
        )


def _trouble(why: str) -> Refused:
    return Refused(500, f"Failed to create generation: {why}")


def canonical(body: dict[str, Any]) -> dict[str, Any]:
    """What counts of a request, in the real order."""
    config = snake(body["config"])
    params: dict[str, Any] = {}
    target = config["duration"].get("target")
    if target is not None:
        params["duration"] = float(target)
    if rating := config["constraints"].get("rating"):
        params["content_rating"] = rating
    style = config["style"]
    if pacing := style.get("pacing"):
        params["pacing"] = pacing
    knobs = style.get(body["provider_id"]) or {}
    params |= {key: knobs[key] for key in _KNOBS if key in knobs}
    if config.get("prompt"):
        params["prompt"] = config["prompt"]
    operation = config["generation_type"]
    if config.get("composition_assets") and operation in _DEFAULTS:
        params["composition_assets"] = [_composed(entry, operation) for entry in config["composition_assets"]]
    if operation in {"image_to_image", "fusion"}:
        params["composition_metadata"] = [
            {"asset": entry["asset"] or entry["url"], "sequence_order": order, "role": entry["role"]}
            for order, entry in enumerate(params["composition_assets"])
        ]
    if config.get("prompts") and operation == "video_transition":
        params["prompts"] = config["prompts"]
    scenes = {key: _scene(body.get(key)) for key in ("from_scene", "to_scene")}
    params["scene_context"] = scenes if any(scenes.values()) else None
    params["player_context"] = body.get("player_context")
    params["social_context"] = body.get("social_context")
    return params


def inputs_of(params: dict[str, Any]) -> list[dict[str, Any]]:
    """The assets that go in, numbered; an address instead of an asset has none."""
    return [
        {
            "role": entry["role"],
            "sequence_order": order,
            **({"asset": entry["asset"]} if entry["asset"] else {"url": entry["url"]}),
            "meta": {"composition": {key: entry[key] for key in _META if entry.get(key) is not None}},
        }
        for order, entry in enumerate(params.get("composition_assets", []))
    ]


def _composed(entry: dict[str, Any], operation: str) -> dict[str, Any]:
    media_type, default_role = _DEFAULTS[operation]
    role = entry.get("role") or default_role
    # The one alias that was seen: a role of the real server's vocabulary comes back under its full name.
    is_alias = role == "main_character"
    role = f"entities:{role}" if is_alias else role
    return {
        "media_type": entry.get("media_type") or media_type,
        "asset": _asset_ref(entry),
        "url": entry.get("url"),
        "role": role,
        **{key: entry.get(key) for key in _OPTIONAL},
        "tags": entry.get("tags") or [],
        "provider_params": entry.get("provider_params") or {},
        **({"role_concept": {"kind": "role", "id": role, "meta": None}} if is_alias else {}),
    }


def _asset_ref(entry: dict[str, Any]) -> str | None:
    given = next((entry[key] for key in ("asset", "asset_id", "assetId", "asset_ref") if entry.get(key)), None)
    if isinstance(given, dict):
        given = given.get("id")
    if given is None:
        return None
    return given if isinstance(given, str) and given.startswith("asset:") else f"asset:{given}"


def _scene(given: dict[str, Any] | None) -> dict[str, Any] | None:
    if given is None:
        return None
    return {key: given.get(key) for key in ("id", "mood", "summary", "location", "emotionalState")}


def parameter_fault(job: dict[str, Any], providers: list[dict[str, Any]]) -> str | None:
    """The error code with which a vendor turns parameters down once the job runs; None: it takes them."""
    provider = next(entry for entry in providers if entry["provider_id"] == job["provider"])
    specs = (provider.get("capabilities") or {}).get("operation_specs") or {}
    for spec in specs.get(job["operation"], {}).get("parameters", []):
        value = job["params"].get(spec["name"])
        if value is None:
            continue
        if isinstance(value, str) and len(value) > spec.get("max_length", len(value)):
            return "param_too_long"
        if spec.get("enum") is not None and value not in spec["enum"]:
            return "param_invalid"
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        if is_number and not spec.get("min", value) <= value <= spec.get("max", value):
            return "param_invalid"
    return None
