"""The vendors' adapters that are registered, with the parameters each says it takes."""

from __future__ import annotations

from typing import Any, Final

OPERATIONS: Final = {
    "text_to_image": "image",
    "image_to_image": "image",
    "text_to_video": "video",
    "image_to_video": "video",
    "video_extend": "video",
    "video_transition": "video",
    "video_modify": "video",
    "fusion": "video",
}
_VIDEO_QUALITIES: Final = ["360p", "540p", "720p", "1080p"]
_IMAGE_QUALITIES: Final = ["720p", "1080p", "2k", "4k"]
_RATIOS: Final = ["16:9", "9:16", "1:1"]
_VIDEO_MODELS: Final = ["v5", "v5.5", "v5.6", "v6"]
_IMAGE_MODELS: Final = ["qwen-image", "gemini-3.0", "seedream-4.0", "seedream-4.5"]


def known() -> list[dict[str, Any]]:
    """`GET /providers` of a fresh install with its three media adapters."""
    return [
        _provider("pixverse", "Pixverse AI", ["pixverse.ai", "app.pixverse.ai"], _pixverse()),
        _provider("sora", "OpenAI Sora", ["sora.chatgpt.com"], _sora()),
        _provider("remaker", "Remaker", ["remaker.ai"], {"image_to_image": [_prompt(), _inputs()]}),
    ]


def _provider(name: str, title: str, domains: list[str], specs: dict[str, list[dict[str, Any]]]) -> dict[str, Any]:
    operations = list(specs)
    features = ("embedded_assets", "asset_upload", "analysis_pipeline_ready", "supports_accountless")
    return {
        "provider_id": name,
        "name": title,
        "domains": domains,
        "supported_operations": operations,
        "capabilities": {
            "provider_id": name,
            "operations": operations,
            "features": {feature: feature == "asset_upload" for feature in features} | {"requires_credentials": True},
            "operation_specs": {operation: {"parameters": listed} for operation, listed in specs.items()},
            "credit_types": ["web"],
            "parameter_hints": {
                operation.upper(): [parameter["name"] for parameter in listed] for operation, listed in specs.items()
            },
        },
    }


def _parameter(name: str, kind: str, description: str, group: str, **more: Any) -> dict[str, Any]:
    plain = {"name": name, "type": kind, "required": False, "default": None, "enum": None}
    return plain | {"description": description, "group": group} | more


def _prompt(longest: int = 2048) -> dict[str, Any]:
    return _parameter("prompt", "string", "Primary text prompt", "core", required=True, max_length=longest)


def _inputs(most: int = 7) -> dict[str, Any]:
    about = "Assets used for multi-image composition"
    return _parameter("composition_assets", "array", about, "source", required=True, metadata={"max_items": most})


def _choice(
    name: str, values: list[str], default: str | None, description: str, group: str = "render"
) -> dict[str, Any]:
    return _parameter(name, "enum", description, group, enum=values, default=default)


def _duration(longest: int = 10) -> dict[str, Any]:
    presets = {"kind": "duration_presets", "source": "pixverse", "presets": list(range(1, longest + 1))}
    return _parameter(
        "duration", "number", "Video duration in seconds", "render", default=5, min=1, max=longest, metadata=presets
    )


def _switch(name: str, description: str) -> dict[str, Any]:
    return _parameter(name, "boolean", description, "advanced", default=False)


def _pixverse() -> dict[str, list[dict[str, Any]]]:
    seed = _parameter("seed", "integer", "Deterministic seed (leave blank for random)", "advanced")
    negative = _parameter("negative_prompt", "string", "Elements to discourage in generation", "advanced")
    style = _parameter("style", "string", "High-level style (e.g. anime, photoreal)", "style")
    ratio = _choice("aspect_ratio", _RATIOS, "16:9", "Frame aspect ratio")
    image = [
        _choice("model", _IMAGE_MODELS, "qwen-image", "Image generation model", "core"),
        _choice("quality", _IMAGE_QUALITIES, "1080p", "Image quality preset"),
    ]
    model = _choice("model", _VIDEO_MODELS, "v5", "Pixverse video model version", "core")
    quality = _choice("quality", _VIDEO_QUALITIES, "720p", "Output resolution preset")
    motion = _choice("motion_mode", ["normal", "fast"], None, "Motion speed (OpenAPI only)", "advanced")
    camera = _choice("camera_movement", ["none", "zoom_in", "zoom_out"], "none", "Camera movement preset", "style")
    switches = [
        _switch("multi_shot", "Multi-shot video generation (v5.5+ only)"),
        _switch("audio", "Native audio generation (v5.5+ only)"),
        _switch("off_peak", "Queue for off-peak processing"),
    ]
    picture_url = _parameter("image_url", "string", "Source image URL for image-to-video", "source", required=True)
    clip_url = _parameter("video_url", "string", "Original video URL for extension", "source", required=True)
    pictures = {"required": True, "metadata": {"min_items": 2, "max_items": 7}}
    moving = [model, quality, _duration(), ratio, seed]
    return {
        "text_to_image": [_prompt(5000), *image, ratio, seed, style, negative],
        "image_to_image": [_prompt(5000), _inputs(), *image, ratio, seed, style, negative],
        "text_to_video": [_prompt(), *moving, motion, style, negative, *switches],
        "image_to_video": [_prompt(), picture_url, *moving, camera, motion, style, negative, *switches],
        "video_extend": [_prompt(), clip_url, *moving, *switches],
        "video_transition": [
            _parameter("image_urls", "array", "Images for transition sequence", "source", **pictures),
            _parameter("prompts", "array", "Prompt list corresponding to transition images", "core", required=True),
            model,
            quality,
            _duration(8),
        ],
        "video_modify": [_prompt(), clip_url, model, quality],
        "fusion": [_prompt(), _inputs(3), *moving],
    }


def _sora() -> dict[str, list[dict[str, Any]]]:
    sides = [
        _parameter(side, "integer", f"Video {side}", "render", default=480, min=64, max=1280)
        for side in ("width", "height")
    ]
    rest = [
        _parameter("duration", "number", "Video duration in seconds", "render", default=5, min=1, max=30),
        _choice("model", ["turbo", "standard"], "turbo", "Sora model", "core"),
        _parameter("n_variants", "integer", "Number of variants", "advanced", default=2, min=1, max=8),
    ]
    return {
        "text_to_video": [_prompt(), *sides, *rest],
        "image_to_video": [
            _prompt(),
            _parameter("image_url", "string", "Source image URL", "source", required=True),
            *sides,
            *rest,
        ],
    }
