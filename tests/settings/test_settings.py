"""Which value is in effect, where it came from, and how cheap it is when nobody configured anything."""

from __future__ import annotations

import copy
import pickle
import subprocess
import sys
from itertools import product
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from assetctl.errors import ConfigError
from assetctl.settings import (
    PROCESS_VARIABLES,
    Secret,
    UserDirs,
    debug_wanted,
    file_locations,
    known_settings,
    load,
    shown_value,
    user_dirs,
)
from assetctl.settings.shape import SettingsTable


def test_without_anything_the_defaults_of_the_contract_hold(project, dirs):
    settings = load(environ={}, cwd=project, dirs=dirs)
    assert settings.data_dir == dirs.data
    assert (settings.backend.url, settings.backend.timeout_s, settings.backend.token) == (None, 30, None)
    assert (settings.backend.ca_file, settings.backend.orders_per_minute) == (None, 20)
    assert (settings.library.kind, settings.library.path) == ("folder", project / "assets")
    assert settings.generation.enabled
    assert (settings.generation.generator, settings.generation.default_provider) == ("storyboard", "pixverse")
    assert settings.generation.max_wait_s == 120
    assert settings.cache.max_size_bytes == 20 * 10**9
    assert settings.cache.min_free_bytes == 5 * 10**9
    assert settings.cache.max_unused_s == 180 * 86_400
    assert (settings.prefetch.concurrency, settings.budget.max_generations_per_run) == (8, 50)
    assert set(settings.origins.values()) == {"default"}


def test_with_a_backend_library_and_generator_are_the_backends(project, dirs):
    settings = load(environ={"ASSETCTL_BACKEND__URL": "https://assets.example.com/"}, cwd=project, dirs=dirs)
    assert settings.backend.url == "https://assets.example.com"
    assert (settings.library.kind, settings.generation.generator) == ("pixsim", "pixsim")


def test_the_checked_shape_and_the_known_settings_agree():
    shape = set()
    for name, field in SettingsTable.model_fields.items():
        fields = getattr(field.annotation, "model_fields", None)
        shape |= {f"{name}.{leaf}" for leaf in fields} if fields else {name}
    assert shape == {setting.name for setting in known_settings()}


def test_importing_and_loading_defaults_needs_neither_toml_nor_pydantic(project):
    code = (
        "import sys, pathlib; before = set(sys.modules); from assetctl.settings import load;"
        "load(environ={'ASSETCTL_DATA_DIR': 'd', 'ASSETCTL_DEBUG': '1'}, cwd=pathlib.Path.cwd());"
        "print(*sorted({'tomllib', 'pydantic', 'pydantic_settings', 'json'} & (set(sys.modules) - before)))"
    )
    told = subprocess.check_output([sys.executable, "-c", code], cwd=project, text=True, timeout=240)
    assert told.strip() == ""


# Precedence: each layer gives the setting another value, and every subset of layers is tried.

_LAYERS = ("option", "variable", "project profile", "user profile", "project", "user")


def _apply(layers: dict[str, int], folder: Path) -> tuple[dict, dict[str, str]]:
    dirs = UserDirs(home=folder / "home", config=folder / "home/config", data=folder / "home/data")
    dirs.config.mkdir(parents=True)
    files = {"project": folder / "assetctl.toml", "user": dirs.config / "config.toml"}
    for kind, file in files.items():
        text = f"[prefetch]\nconcurrency = {layers[kind]}\n" if kind in layers else "[prefetch]\n"
        profile = layers.get(f"{kind} profile")
        text += "[profiles.p]\n" + (f"prefetch.concurrency = {profile}\n" if profile else "")
        file.write_text(text)
    origins = {
        "option": "option --concurrency",
        "variable": "env ASSETCTL_PREFETCH__CONCURRENCY",
        "project profile": f"{files['project']} [profiles.p]",
        "user profile": f"{files['user']} [profiles.p]",
        "project": str(files["project"]),
        "user": str(files["user"]),
    }
    arguments = {
        "environ": {"ASSETCTL_PREFETCH__CONCURRENCY": str(layers["variable"])} if "variable" in layers else {},
        "overrides": {"prefetch.concurrency": layers.get("option")},
        "cwd": folder,
        "dirs": dirs,
    }
    return arguments, origins


@pytest.mark.parametrize("chosen", list(product([False, True], repeat=len(_LAYERS))))
def test_of_any_layers_that_set_a_value_the_strongest_wins_and_is_named(tmp_path, chosen):
    layers = {layer: number for number, layer in enumerate(_LAYERS, start=1) if chosen[number - 1]}
    arguments, origins = _apply(layers, tmp_path)
    settings = load(profile="p", **arguments)
    strongest = next(iter(layers), None)
    assert settings.prefetch.concurrency == (layers[strongest] if strongest else 8)
    assert settings.origins["prefetch.concurrency"] == (origins[strongest] if strongest else "default")


@given(values=st.fixed_dictionaries({}, optional={layer: st.integers(1, 256) for layer in _LAYERS}))
@hypothesis_settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
def test_without_a_profile_its_values_never_count(tmp_path_factory, values):
    arguments, origins = _apply(values, tmp_path_factory.mktemp("precedence"))
    settings = load(**arguments)
    strongest = next((layer for layer in _LAYERS if layer in values and "profile" not in layer), None)
    assert settings.prefetch.concurrency == (values[strongest] if strongest else 8)
    assert settings.origins["prefetch.concurrency"] == (origins[strongest] if strongest else "default")


def test_layers_that_set_different_values_of_one_table_are_joined(project, dirs, write_project, write_user):
    write_project('[cache]\nmax_size = "1GB"\n')
    write_user('[cache]\nmin_free = "2GB"\nmax_size = "9GB"\n')
    settings = load(environ={"ASSETCTL_CACHE__MAX_UNUSED": "12h"}, cwd=project, dirs=dirs)
    assert (settings.cache.max_size_bytes, settings.cache.min_free_bytes) == (10**9, 2 * 10**9)
    assert settings.cache.max_unused_s == 43_200


@pytest.mark.parametrize(
    ("variable", "value", "read"),
    [
        ("ASSETCTL_GENERATION__ENABLED", "no", lambda s: s.generation.enabled is False),
        ("ASSETCTL_GENERATION__ENABLED", "1", lambda s: s.generation.enabled is True),
        ("ASSETCTL_GENERATION__GENERATOR", "mine", lambda s: s.generation.generator == "mine"),
        ("ASSETCTL_GENERATION__MAX_WAIT_S", "2m", lambda s: s.generation.max_wait_s == 120),
        ("ASSETCTL_BACKEND__TIMEOUT_S", "2.5", lambda s: s.backend.timeout_s == 2.5),
        ("ASSETCTL_BACKEND__ORDERS_PER_MINUTE", "0", lambda s: s.backend.orders_per_minute == 0),
        ("ASSETCTL_CACHE__MAX_SIZE", "1GiB", lambda s: s.cache.max_size_bytes == 2**30),
        ("ASSETCTL_CACHE__MAX_SIZE", "1000", lambda s: s.cache.max_size_bytes == 1000),
        ("ASSETCTL_LIBRARY__KIND", "pixsim", lambda s: s.library.kind == "pixsim"),
        ("ASSETCTL_BUDGET__MAX_GENERATIONS_PER_RUN", "0", lambda s: s.budget.max_generations_per_run == 0),
        ("ASSETCTL_TOKEN", " abc\n", lambda s: s.backend.token.reveal() == "abc"),
    ],
)
def test_variable_is_read_from_text(project, dirs, variable, value, read):
    settings = load(environ={variable: value}, cwd=project, dirs=dirs)
    assert read(settings)
    name = next(setting.name for setting in known_settings() if setting.variable == variable)
    assert settings.origins[name] == f"env {variable}"


def test_empty_variables_count_as_not_set(project, dirs):
    settings = load(
        environ={"ASSETCTL_TOKEN": "", "ASSETCTL_DATA_DIR": "", "ASSETCTL_CONFIG": ""}, cwd=project, dirs=dirs
    )
    assert set(settings.origins.values()) == {"default"}


def test_the_process_environment_is_not_read(project, dirs, monkeypatch):
    monkeypatch.setenv("ASSETCTL_PREFETCH__CONCURRENCY", "3")
    settings = load(environ={"ASSETCTL_CACHE__MAX_SIZE": "1GB"}, cwd=project, dirs=dirs)
    assert settings.prefetch.concurrency == 8


def test_option_given_as_none_is_not_given(project, dirs):
    settings = load(environ={}, cwd=project, dirs=dirs, overrides={"data_dir": None, "generation.max_wait_s": None})
    assert set(settings.origins.values()) == {"default"}


def test_an_override_that_is_no_setting_is_a_programming_mistake(project, dirs):
    with pytest.raises(KeyError):
        load(environ={}, cwd=project, dirs=dirs, overrides={"cache.size": 1})


# Paths


@pytest.mark.parametrize("is_also_checked", [False, True])
def test_data_dir_by_option_wins_over_its_variable(project, dirs, is_also_checked):
    environ = {"ASSETCTL_DATA_DIR": "from-variable"} | (
        {"ASSETCTL_PREFETCH__CONCURRENCY": "1"} if is_also_checked else {}
    )
    by_variable = load(environ=environ, cwd=project, dirs=dirs)
    by_option = load(environ=environ, cwd=project, dirs=dirs, overrides={"data_dir": Path("~/from-option")})
    assert by_variable.data_dir == project / "from-variable"
    assert by_variable.origins["data_dir"] == "env ASSETCTL_DATA_DIR"
    assert by_option.data_dir == dirs.home / "from-option"
    assert by_option.origins["data_dir"] == "option --data-dir"


def test_path_in_a_file_is_relative_to_that_file(project, dirs, write_project, write_user):
    below = project / "scripts/deep"
    below.mkdir(parents=True)
    write_project('[library]\npath = "media/clips"\n')
    write_user('data_dir = "~"\n')
    settings = load(environ={}, cwd=below, dirs=dirs)
    assert settings.library.path == project / "media/clips"
    assert settings.data_dir == dirs.home


def test_path_in_a_variable_is_relative_to_the_working_directory(project, dirs, write_project):
    write_project('[library]\npath = "media"\n')
    below = project / "scripts"
    below.mkdir()
    assert load(environ={"ASSETCTL_LIBRARY__PATH": "x"}, cwd=below, dirs=dirs).library.path == below / "x"


def test_default_library_is_in_the_projects_folder(project, dirs, write_project):
    write_project("")
    below = project / "scripts"
    below.mkdir()
    assert load(environ={}, cwd=below, dirs=dirs).library.path == project / "assets"
    other = project / "ci.toml"
    other.write_text("")
    assert load(environ={}, cwd=below, dirs=dirs, config=other).library.path == project / "assets"


@pytest.mark.parametrize("text", ["~other/assets", "a\0b"])
@pytest.mark.parametrize("is_also_checked", [False, True])
def test_what_can_be_no_path_is_refused(project, dirs, text, is_also_checked):
    environ = {"ASSETCTL_PREFETCH__CONCURRENCY": "1"} if is_also_checked else {}
    with pytest.raises(ConfigError) as caught:
        load(environ=environ, cwd=project, dirs=dirs, overrides={"data_dir": text})
    assert "your own home" in caught.value.why or "NUL" in caught.value.why


def test_empty_data_dir_option_is_refused(project, dirs):
    with pytest.raises(ConfigError, match="must be the path of a folder"):
        load(environ={}, cwd=project, dirs=dirs, overrides={"data_dir": ""})


# Which files


def test_nearest_project_file_counts_alone(project, dirs, write_project):
    write_project("[prefetch]\nconcurrency = 2\n[budget]\nmax_generations_per_run = 7\n")
    inner = project / "inner"
    inner.mkdir()
    (inner / "assetctl.toml").write_text("[prefetch]\nconcurrency = 3\n")
    settings = load(environ={}, cwd=inner, dirs=dirs)
    assert (settings.prefetch.concurrency, settings.budget.max_generations_per_run) == (3, 50)


@pytest.mark.parametrize("by_variable", [False, True])
def test_explicit_file_is_the_only_one_read(project, dirs, write_project, write_user, by_variable):
    write_project("[prefetch]\nconcurrency = 2\n")
    write_user('[cache]\nmax_size = "1GB"\n')
    (project / "ci.toml").write_text('backend.url = "https://ci.example.com"\n')
    named = {"environ": {"ASSETCTL_CONFIG": "ci.toml"}} if by_variable else {"environ": {}, "config": Path("ci.toml")}
    settings = load(cwd=project, dirs=dirs, **named)
    assert (settings.prefetch.concurrency, settings.cache.max_size_bytes) == (8, 20 * 10**9)
    assert settings.backend.url == "https://ci.example.com"
    locations = file_locations(cwd=project, dirs=dirs, **named)
    assert [(place.kind, place.exists, place.is_read) for place in locations] == [
        ("explicit", True, True),
        ("project", True, False),
        ("user", True, False),
    ]


def test_explicit_project_file_marks_its_folder_as_the_project(tmp_path, project, dirs, write_project):
    file = write_project("")
    assert load(environ={}, cwd=tmp_path, dirs=dirs, config=file).library.path == project / "assets"


def test_locations_tell_where_a_missing_file_would_lie(project, dirs):
    places = file_locations(environ={}, cwd=project, dirs=dirs)
    assert [(place.kind, place.path, place.exists, place.is_read) for place in places] == [
        ("project", project / "assetctl.toml", False, False),
        ("user", dirs.config / "config.toml", False, False),
    ]


def test_profile_comes_from_option_before_variable(project, dirs, write_project):
    write_project("[profiles.a.prefetch]\nconcurrency = 2\n[profiles.b.prefetch]\nconcurrency = 3\n")
    environ = {"ASSETCTL_PROFILE": "a"}
    assert load(environ=environ, cwd=project, dirs=dirs).prefetch.concurrency == 2
    assert load(environ=environ, cwd=project, dirs=dirs, profile="b").prefetch.concurrency == 3


def test_user_dirs_are_the_systems(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "c"))
    found = user_dirs()
    assert found.home == tmp_path / "home"
    assert "assetctl" in str(found.config)
    assert found.config != found.data
    if sys.platform == "linux":
        assert found.config == tmp_path / "c/assetctl"
    assert load(environ={}, cwd=tmp_path).data_dir == found.data
    assert file_locations(environ={}, cwd=tmp_path)[-1].path == found.config / "config.toml"


# Showing


def test_shown_values_are_readable_and_hide_the_token(project, dirs):
    settings = load(
        environ={"ASSETCTL_TOKEN": "sentinel-7", "ASSETCTL_CACHE__MAX_SIZE": "1.5GB"}, cwd=project, dirs=dirs
    )
    shown = {setting.name: shown_value(settings, setting.name) for setting in known_settings()}
    assert shown["cache.max_size"] == "1.5 GB"
    assert shown["backend.url"] is None
    assert shown["generation.enabled"] is True
    assert shown["library.path"] == str(project / "assets")
    assert shown["backend.token"] == "**********"
    assert "sentinel-7" not in repr(settings) + str(settings) + f"{settings.backend.token}"


def test_secret_is_compared_but_never_copied_or_pickled():
    secret = Secret("sentinel")
    assert secret == Secret("sentinel")
    assert secret != Secret("other")
    assert secret != "sentinel"
    assert len({secret, Secret("sentinel")}) == 1
    for copier in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError, match="neither"):
            copier(secret)


@pytest.mark.parametrize(("value", "wanted"), [("", False), ("0", False), ("No", False), ("1", True), ("true", True)])
def test_debug_variable_is_a_flag(value, wanted):
    assert debug_wanted({"ASSETCTL_DEBUG": value}) is wanted


def test_debug_variable_that_is_no_flag_is_an_error():
    with pytest.raises(ConfigError, match="true or false"):
        debug_wanted({"ASSETCTL_DEBUG": "perhaps"})
    assert not debug_wanted({})


def test_process_variables_stand_for_global_options(project, dirs):
    assert all(option.startswith("--") for option in PROCESS_VARIABLES.values())
    load(environ={"ASSETCTL_DEBUG": "1"}, cwd=project, dirs=dirs)
