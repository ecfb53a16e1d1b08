"""What is wrong with settings is told with its place and the way out, and never gives a secret away."""

from __future__ import annotations

import logging
import os
import tempfile
import traceback
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from assetctl.errors import ConfigError
from assetctl.settings import check, load
from assetctl.settings.files import key_positions
from assetctl.settings.layers import find_project_file

_SENTINEL = "sentinel-4711"


@pytest.fixture
def refused(project, dirs):
    def refused(environ=None, **arguments) -> ConfigError:
        with pytest.raises(ConfigError) as caught:
            load(environ=environ or {}, cwd=project, dirs=dirs, **arguments)
        return caught.value

    return refused


@pytest.mark.parametrize(
    ("text", "told", "suggestion"),
    [
        ("[backend]\nulr = 'x'\n", "2:1: there is no setting `backend.ulr`", "`backend.url`"),
        ("[cache]\n\n  max-size = 1\n", "3:3: there is no setting `cache.max-size`", "`cache.max_size`"),
        ("[cash]\nmax_size = 1\n", "1:2: there is no setting `cash`", "`cache`"),
        ("concurrency = 3\n", "1:1: there is no setting `concurrency`", "`prefetch.concurrency`"),
        ("prefetch.concurency = 3\n", "1:1: there is no setting `prefetch.concurency`", "`prefetch.concurrency`"),
        ("budget = { per_run = 3 }\n", "1:1: there is no setting `budget.per_run`", "budget.max_generations_per_run"),
        (
            "[profiles.ci.cache]\nmx_size = 1\n",
            "2:1: there is no setting `profiles.ci.cache.mx_size`",
            "`cache.max_size`",
        ),
        ("[profile.ci]\n", "1:2: there is no setting `profile`", "`profiles`"),
    ],
)
def test_unknown_name_in_a_file_suggests_the_nearest(write_project, refused, text, told, suggestion):
    file = write_project(text)
    error = refused()
    assert error.what == f"{file}:{told}"
    assert suggestion in error.hint
    assert error.exit_code == 2


@pytest.mark.parametrize(
    ("variable", "suggestion"),
    [
        ("ASSETCTL_CACHE_MAX_SIZE", "`ASSETCTL_CACHE__MAX_SIZE`"),
        ("ASSETCTL_TOKN", "`ASSETCTL_TOKEN`"),
        ("ASSETCTL_BACKEND__TOKEN", "`ASSETCTL_TOKEN`"),
        ("ASSETCTL_PROFIL", "`ASSETCTL_PROFILE`"),
        ("ASSETCTL_CACHE", "ASSETCTL_CACHE__"),
    ],
)
def test_unknown_variable_suggests_the_nearest_and_hides_its_value(refused, variable, suggestion):
    error = refused({variable: _SENTINEL})
    assert error.what == f"there is no variable `{variable}`"
    assert suggestion in error.hint
    assert _SENTINEL not in f"{error.what}{error.why}{error.hint}"


@pytest.mark.parametrize(
    ("text", "what", "why"),
    [
        (
            "[prefetch]\nconcurrency = '8'",
            "`prefetch.concurrency` must be a whole number from 1 to 256",
            "the text `8`",
        ),
        ("[prefetch]\nconcurrency = 8.0", "must be a whole number", "the number `8.0`"),
        ("[prefetch]\nconcurrency = 0", "from 1 to 256", "the number `0`"),
        ("[prefetch]\nconcurrency = true", "must be a whole number", "the flag `true`"),
        ("[generation]\nenabled = 1", "`generation.enabled` must be true or false", "the number `1`"),
        ("[generation]\ngenerator = ''", "must be the name of a generator", "printable"),
        ("[generation]\nmax_wait_s = 1e9", "from 0 to 604800", "the number `1000000000.0`"),
        ("[generation]\nmax_wait_s = nan", "from 0 to 604800", "finite"),
        ("[backend]\ntimeout_s = 0", "more than 0", "the number `0`"),
        ("[backend]\norders_per_minute = -1", "`backend.orders_per_minute` must be a whole", "the number `-1`"),
        ("[backend]\norders_per_minute = 100001", "from 0 to 100000", "the number `100001`"),
        ("[library]\nkind = 'zip'", "`library.kind` must be `folder` or `pixsim`", "the text `zip`"),
        ("[library]\npath = 3", "must be the path of a folder", "the number `3`"),
        ("[library]\npath = '~x/y'", "must be the path of a folder", "your own home"),
        ("[cache]\nmax_size = 'big'", "must be a size such as `20GB`", "`big` is no size"),
        ("[cache]\nmax_size = '5XB'", "must be a size such as `20GB`", "`xb` is no unit"),
        ("[cache]\nmax_unused = ['180d']", "must be a duration such as `180d`", "text with a unit"),
        ("[cache]\nmax_unused = -1", "must be a duration such as `180d`", "never negative"),
        ("[library]\nkind = 2020-01-01", "`library.kind` must be", "the date `2020-01-01`"),
        ("[library]\nkind = []", "`library.kind` must be", "a list"),
        ("[library.kind]\nx = 1", "`library.kind` must be", "a table"),
        ("cache = 3", "`cache` must be a table", "the number `3`"),
        ("profiles = 3", "`profiles` must be a table", "the number `3`"),
        ("[profiles]\nci = 'x'", "`profiles.ci` must be a table", "the text `x`"),
        ("[[profiles.ci]]", "`profiles.ci` must be a table", "a list"),
    ],
)
def test_wrong_value_in_a_file_names_field_and_what_was_found(write_project, refused, text, what, why):
    file = write_project(text)
    error = refused()
    assert error.what.startswith(f"{file}:")
    assert what in error.what
    assert why in error.why


@pytest.mark.parametrize(
    ("environ", "overrides", "what", "why"),
    [
        ({"ASSETCTL_PREFETCH__CONCURRENCY": "many"}, {}, "`ASSETCTL_PREFETCH__CONCURRENCY` must be a whole", "`many`"),
        ({"ASSETCTL_GENERATION__ENABLED": "maybe"}, {}, "`ASSETCTL_GENERATION__ENABLED` must be true", "`maybe`"),
        ({}, {"prefetch.concurrency": 0}, "`--concurrency` must be a whole number", "the number `0`"),
        ({}, {"generation.max_wait_s": "soon"}, "`--max-wait` must be seconds", "`soon` is no duration"),
        ({}, {"cache.max_size": object()}, "`cache.max_size` must be a size", "text with a unit"),
    ],
)
def test_wrong_variable_or_option_is_called_by_its_name(refused, environ, overrides, what, why):
    error = refused(environ, overrides=overrides)
    assert what in error.what
    assert why in error.why


def test_mistake_is_told_even_where_a_stronger_layer_hides_it(write_user, refused):
    write_user("[prefetch]\nconcurrency = 'x'\n")
    assert "config.toml:2:1" in refused({"ASSETCTL_PREFETCH__CONCURRENCY": "3"}).what


def test_further_problems_are_counted(write_project, refused):
    write_project("[cache]\nmax_size = 'x'\nmin_free = 'y'\nother = 1\n")
    assert "(2 more: `assetctl config validate` lists them)" in refused().what


def test_unknown_profile_suggests_the_nearest(write_project, refused):
    write_project("[profiles.release]\n")
    assert refused(profile="relase").hint == "did you mean `release`?"


def test_profile_without_any_file_tells_where_to_write_it(refused):
    error = refused({"ASSETCTL_PROFILE": "ci"})
    assert error.what == "there is no profile `ci`"
    assert "[profiles.ci]" in error.hint


# Files that cannot be used


@pytest.mark.parametrize(
    ("content", "place", "told"),
    [
        (b"[backend]\nurl = http\n", ":2:7", "this is not TOML Invalid value"),
        (b"[backend]\nurl = 'x", ":2", "not TOML"),
        (b"[backend", ":1", "not TOML"),
        (b"[cache]\nmax_size = " + b"9" * 5000, "", "too many digits"),
        (b"x = " + b"[" * 20_000, "", "nested too deeply"),
        (b"[cache]\n# \xff\n", ":2", "not UTF-8"),
        (b"#" * 65_537, "", "too large"),
    ],
)
def test_file_that_cannot_be_parsed_is_named_with_line_and_column(project, refused, content, place, told):
    file = project / "assetctl.toml"
    file.write_bytes(content)
    error = refused()
    assert error.what.startswith(f"{file}{place}: ")
    assert told in f"{error.what} {error.why}"


def test_file_that_cannot_be_parsed_has_that_one_problem(write_project, dirs, refused):
    problems = check(write_project("[backend]\nurl = http\n"), dirs=dirs)
    assert [problem.error().what for problem in problems] == [refused().what]


def test_explicit_file_that_is_missing_is_an_error(project, refused):
    error = refused(config=project / "none.toml")
    assert error.what == f"{project / 'none.toml'}: there is no such settings file"
    assert isinstance(error.__cause__, FileNotFoundError)


def test_explicit_file_that_is_a_folder_is_an_error(project, refused):
    assert "cannot be read" in refused(config=project).what


def test_byte_order_mark_is_ignored(project, dirs):
    (project / "assetctl.toml").write_bytes(b"\xef\xbb\xbf[prefetch]\nconcurrency = 2\n")
    assert load(environ={}, cwd=project, dirs=dirs).prefetch.concurrency == 2


def test_user_folder_that_cannot_be_looked_at_is_an_error(project, dirs):
    too_long = replace(dirs, config=dirs.config / ("x" * 300))
    dirs.config.mkdir(parents=True)
    with pytest.raises(ConfigError, match="may not be looked at"):
        load(environ={}, cwd=project, dirs=too_long)


@contextmanager
def _without_roots_rights():
    is_root = os.geteuid() == 0
    if is_root:
        os.seteuid(65_534)
    try:
        yield
    finally:
        if is_root:
            os.seteuid(0)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no file modes")
def test_file_that_may_not_be_read_is_an_error(refused):
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        file = Path(folder, "mine.toml")
        # What Python loads late must be loaded while the interpreter's own folder can be read.
        refused(config=file)
        file.touch(mode=0)
        with _without_roots_rights():
            error = refused(config=file)
    assert error.what == f"{file}: the settings file cannot be read"
    assert error.why == "Permission denied"


@pytest.mark.skipif(os.name == "nt", reason="Windows has no file modes")
def test_folders_that_may_not_be_looked_into_hold_no_project_file(project, write_project):
    file = write_project("")
    assert find_project_file(project / "below") == file
    project.chmod(0)
    with _without_roots_rights():
        found = find_project_file(project)
    project.chmod(0o700)
    assert found is None


def test_key_whose_line_is_not_found_is_named_without_one(write_user, refused):
    file = write_user('"back\\u0065nd" = 1\n')
    assert refused().what == f"{file}: `backend` must be a table"


@pytest.mark.parametrize("text", ["x.", "backend.", "[backend]\n", "[profiles.", "profiles.ci.backend."])
def test_endlessly_deep_names_are_an_error_of_ours(write_project, refused, text):
    write_project(text + "a." * 3_000 + ("a]" if text.startswith("[p") else "a = 1"))
    assert "there is no setting" in refused().what or "must be" in refused().what


def test_lines_are_counted_as_editors_count_them(write_project, refused):
    file = write_project("# form feed \u2028 separator\r\n[cache]\r\nmax_size = 'x'\r\n")
    assert refused().what.startswith(f"{file}:3:1: ")


# Validate


def test_check_lists_every_problem_in_the_order_of_lines(write_project, dirs):
    file = write_project(
        "[profiles.ci]\ncash = 1\n[cache]\nmax_size = 'x'\n[backend]\nurl = 'https://h'\ntimeout = 3\n"
    )
    problems = check(file, dirs=dirs)
    assert [(problem.line, problem.name) for problem in problems] == [
        (2, "profiles.ci.cash"),
        (4, "cache.max_size"),
        (6, "backend.url"),
        (7, "backend.timeout"),
    ]
    assert all(problem.file == file for problem in problems)
    assert problems[1].place == f"{file}:4:1"


def test_check_of_another_file_knows_no_restriction(project, dirs):
    file = project / "ci.toml"
    file.write_text("backend.url = 'https://h'\n")
    assert check(file, dirs=dirs) == []


def test_positions_skip_texts_over_many_lines():
    text = '[a]\nx = """\nfalse_key = 1\n[wrong]\n"""\n"y z".q = 1\n[[b]]\nx = 1\nx = 2\n'
    assert key_positions(text) == {
        ("a",): (1, 2),
        ("a", "x"): (2, 1),
        ("a", "y z"): (6, 1),
        ("a", "y z", "q"): (6, 1),
        ("b",): (7, 3),
        ("b", "x"): (8, 1),
    }


# The backend's address


@pytest.mark.parametrize(
    ("address", "kept"),
    [
        ("https://assets.example.com", "https://assets.example.com"),
        ("https://assets.example.com:8443/", "https://assets.example.com:8443"),
        ("http://127.0.0.1:8001", "http://127.0.0.1:8001"),
        ("http://127.9.9.9", "http://127.9.9.9"),
        ("http://[::1]:8001/", "http://[::1]:8001"),
        ("http://localhost", "http://localhost"),
        ("http://dev.localhost.", "http://dev.localhost."),
    ],
)
def test_addresses_that_are_taken(project, dirs, address, kept):
    assert load(environ={"ASSETCTL_BACKEND__URL": address}, cwd=project, dirs=dirs).backend.url == kept


@pytest.mark.parametrize(
    ("address", "why"),
    [
        ("http://example.com", "write `https://example.com`"),
        ("http://127.0.0.1.example.com", "this machine alone"),
        ("http://localhost.example.com", "this machine alone"),
        ("http://0.0.0.0", "this machine alone"),
        (f"https://me:{_SENTINEL}@example.com", "password"),
        (f"https://{_SENTINEL}@example.com", "password"),
        (f"https://example.com/?token={_SENTINEL}", "no query"),
        ("https://example.com/?", "no query"),
        ("https://example.com/#x", "no fragment"),
        ("ftp://example.com", "starts with"),
        ("example.com", "starts with"),
        ("https://", "starts with"),
        ("https://example.com:port", "no sense"),
        ("https://[::1", "no sense"),
        ("https://exa mple.com", "no spaces"),
        ("https://good.com\\@evil.com", "backslashes"),
        ("https://example.com/\x1b[31m", "control"),
    ],
)
def test_addresses_that_are_refused_are_never_repeated(refused, address, why):
    error = refused({"ASSETCTL_BACKEND__URL": address})
    assert why in error.why
    assert _SENTINEL not in "".join(traceback.format_exception(error))


# Secrets


@pytest.mark.parametrize("value", [f"{_SENTINEL} and more", f"{_SENTINEL}\nX-Evil: 1", f"{_SENTINEL}\u00e9"])
def test_token_a_header_cannot_carry_is_refused_unseen(refused, value):
    error = refused({"ASSETCTL_TOKEN": value})
    assert "`ASSETCTL_TOKEN` must be one line" in error.what
    assert _SENTINEL not in "".join(traceback.format_exception(error))


@pytest.mark.parametrize("value", [f"['{_SENTINEL}']", f"{{ x = '{_SENTINEL}' }}", "4711", "true"])
def test_token_of_a_wrong_type_is_refused_unseen(write_user, refused, value):
    write_user(f"[backend]\ntoken = {value}\n")
    error = refused()
    assert "2:1: `backend.token` must be" in error.what
    told = "".join(traceback.format_exception(error))
    assert _SENTINEL not in told
    assert "4711" not in told
    assert "`true`" not in told


@pytest.mark.skipif(os.name == "nt", reason="Windows has no file modes")
@pytest.mark.parametrize("text", ["[backend]\ntoken = 't'\n", "[profiles.x.backend]\ntoken = 't'\n"])
def test_token_in_a_file_that_others_can_read_is_refused(write_user, refused, text):
    file = write_user(text, mode=0o644)
    error = refused()
    assert "others can read" in error.what
    assert error.hint == f"chmod 600 {file}"


def test_token_in_a_private_user_file_is_taken(project, dirs, write_user):
    write_user("[backend]\ntoken = 'abc'\n")
    settings = load(environ={}, cwd=project, dirs=dirs)
    assert settings.backend.token.reveal() == "abc"
    assert load(environ={"ASSETCTL_TOKEN": "x"}, cwd=project, dirs=dirs).backend.token.reveal() == "x"


def test_debug_log_of_pydantic_settings_holds_no_token(project, dirs, write_user, monkeypatch, caplog):
    monkeypatch.setenv("PYDANTIC_SETTINGS_DEBUG", "1")
    caplog.set_level(logging.DEBUG)
    write_user(f"[backend]\ntoken = '{_SENTINEL}-file'\n")
    settings = load(environ={"ASSETCTL_TOKEN": f"{_SENTINEL}-variable"}, cwd=project, dirs=dirs)
    assert settings.backend.token.reveal() == f"{_SENTINEL}-variable"
    assert _SENTINEL not in caplog.text
