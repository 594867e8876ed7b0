"""Which platform, and which token goes where."""

from __future__ import annotations

from pathlib import Path

import pytest

from ctfy_rx.cli.settings import Target, target
from ctfy_rx.connection.credentials import Login, Logins, saved_logins
from ctfy_rx.errors import ConfigurationError

HERE = "http://localhost:8100"
ELSEWHERE = "https://ctf.example"
LOGGED_IN = Logins(
    entries=(Login(HERE, "pt_here"), Login(ELSEWHERE, "pt_elsewhere")),
    current=Login(ELSEWHERE, "pt_elsewhere"),
)


def found(url: str | None = None, token: str | None = None, logins: Logins = LOGGED_IN, **env: str) -> Target:
    return target(url=url, token=token, env=env, logins=logins)


def saved(folder: Path, text: str) -> Logins:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.toml").write_text(text, encoding="utf-8")
    return saved_logins({"CTFY_CONFIG_HOME": str(folder)})


CONFIG = f"""
current = "ctf.example"

[hosts."localhost:8100"]
url = "{HERE}"
token = "pt_here"

[hosts."ctf.example"]
url = "{ELSEWHERE}"
token = "pt_elsewhere"
"""


def test_the_url_of_the_command_line_comes_first():
    assert found(HERE, CTFY_PLATFORM_URL=ELSEWHERE).url == HERE


def test_the_environments_url_comes_before_a_login():
    assert found(CTFY_PLATFORM_URL=HERE).url == HERE


def test_without_a_url_the_current_login_names_the_platform():
    assert found() == Target(ELSEWHERE, "pt_elsewhere")


def test_an_empty_variable_is_none():
    assert found(CTFY_PLATFORM_URL="", CTFY_TOKEN="") == Target(ELSEWHERE, "pt_elsewhere")


def test_without_any_platform_the_error_says_what_to_write():
    with pytest.raises(ConfigurationError, match=r"--platform-url http://127.0.0.1:8100.*ctfy auth login"):
        found(logins=Logins())


def test_several_logins_of_which_none_is_current_name_no_platform():
    with pytest.raises(ConfigurationError, match="no platform is named"):
        found(logins=Logins(entries=LOGGED_IN.entries))


@pytest.mark.parametrize("url", ["localhost:8100", "ftp://localhost", "http://", "//localhost"])
def test_a_url_that_is_none_is_an_error(url: str):
    with pytest.raises(ConfigurationError, match=r"http://127\.0\.0\.1:8100"):
        found(url)


def test_the_token_of_the_command_line_comes_first():
    assert found(HERE, "pt_mine", CTFY_PLATFORM_URL=HERE, CTFY_TOKEN="pt_env").token == "pt_mine"


def test_the_environments_token_goes_to_the_environments_platform():
    assert found(CTFY_PLATFORM_URL=HERE, CTFY_TOKEN="pt_env\n").token == "pt_env"


@pytest.mark.parametrize("url", [HERE + "/", HERE + "/api/v1/events", "http://LOCALHOST:8100"])
def test_the_environments_token_goes_to_the_same_origin_however_it_is_written(url: str):
    assert found(url, CTFY_PLATFORM_URL=HERE, CTFY_TOKEN="pt_env").token == "pt_env"


@pytest.mark.parametrize(
    "url", ["https://localhost:8100", "http://localhost:8101", "http://localhost", "http://other:8100"]
)
def test_the_environments_token_goes_to_no_other_origin(url: str):
    answer = found(url, logins=Logins(), CTFY_PLATFORM_URL=HERE, CTFY_TOKEN="pt_env")
    assert not answer.token
    assert any("CTFY_TOKEN is not sent" in note for note in answer.notes)


@pytest.mark.parametrize("root", [HERE, HERE + "/"])
def test_the_environments_token_goes_to_a_platform_named_by_its_root_as_the_platforms_own_does(root: str):
    assert found(root, CTFY_TOKEN="pt_env") == Target(root, "pt_env")


def test_the_environments_token_goes_nowhere_else_where_no_platform_is_named_with_it():
    answer = found(HERE + "/api/v1/events", logins=Logins(), CTFY_TOKEN="pt_env")
    assert not answer.token
    assert any("set CTFY_PLATFORM_URL" in note for note in answer.notes)
    assert found(CTFY_TOKEN="pt_env").token == "pt_elsewhere"


def test_another_origin_is_told_with_both_addresses():
    answer = found("http://127.0.0.1:8100", logins=Logins(), CTFY_PLATFORM_URL=HERE, CTFY_TOKEN="pt_env")
    assert any("http://127.0.0.1:8100" in note and HERE in note for note in answer.notes)
    assert not any("pt_env" in note for note in answer.notes)


@pytest.mark.parametrize("written", [" pt_mine\n", '"pt_mine"', "Bearer pt_mine", "'Bearer pt_mine' "])
def test_what_came_along_with_a_token_is_left_out_wherever_it_comes_from(written: str):
    assert found(HERE, written).token == "pt_mine"
    assert found(HERE, CTFY_TOKEN=written).token == "pt_mine"
    login = Login(HERE, written)
    assert found(logins=Logins(entries=(login,), current=login)).token == "pt_mine"


@pytest.mark.parametrize("written", ["pt_…", "pt_a\nb", "pt_a\x00b"])
def test_what_no_token_holds_is_refused(written: str):
    for use in (lambda: found(HERE, written), lambda: found(HERE, CTFY_TOKEN=written)):
        with pytest.raises(ConfigurationError, match="copy the whole of it") as raised:
            use()
        assert written not in str(raised.value)


def test_a_default_port_is_the_same_origin():
    assert found("https://ctf.example:443/").token == "pt_elsewhere"


def test_a_saved_login_goes_to_its_own_origin_alone():
    assert found(HERE).token == "pt_here"
    assert found("http://ctf.example").token is None
    assert found("https://ctf.example.evil").token is None
    assert found("https://ctf.example@evil.example").token is None


def test_no_token_is_told_and_what_it_means():
    [note] = found("http://other.example").notes
    assert note.startswith("no token for this platform, so only what everybody may hear")


def test_a_fine_grained_token_is_told_to_hear_nothing():
    assert "pf_" in found(HERE, "pf_0123").notes[0]
    assert "0123" not in found(HERE, "pf_0123").notes[0]


def test_a_token_that_is_used_needs_no_words():
    assert found(HERE).notes == ()


def test_no_repr_shows_a_token():
    assert "pt_" not in repr(found()) + repr(LOGGED_IN)


def test_the_address_that_is_shown_has_no_credentials():
    shown = found("http://user:secret@localhost:8100/?token=pt_secret", "pt_x").address
    assert "secret" not in shown


def test_the_platforms_own_logins_are_read(tmp_path: Path):
    assert saved(tmp_path, CONFIG) == LOGGED_IN


@pytest.mark.parametrize(
    ("env", "folder"),
    [
        ({"CTFY_CONFIG_HOME": "{home}/own", "XDG_CONFIG_HOME": "{home}/xdg"}, "own"),
        ({"XDG_CONFIG_HOME": "{home}/xdg"}, "xdg/ctfy"),
        ({}, ".config/ctfy"),
    ],
)
def test_logins_are_read_where_the_platform_saves_them(
    env: dict[str, str], folder: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("HOME", str(tmp_path))
    saved(tmp_path / folder, CONFIG)
    assert saved_logins({name: value.format(home=tmp_path) for name, value in env.items()}) == LOGGED_IN


def test_what_ctfy_itself_saves_is_understood(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    from ctfy.cli.host_config import upsert_host

    monkeypatch.setenv("CTFY_CONFIG_HOME", str(tmp_path))
    upsert_host(HERE, "pt_here", set_current=False)
    upsert_host(ELSEWHERE, "pt_elsewhere", set_current=True)
    logins = saved_logins({"CTFY_CONFIG_HOME": str(tmp_path)})
    assert logins.current == LOGGED_IN.current
    assert set(logins.entries) == set(LOGGED_IN.entries)


def test_no_saved_login_is_no_problem(tmp_path: Path):
    assert saved_logins({"CTFY_CONFIG_HOME": str(tmp_path)}) == Logins()


@pytest.mark.parametrize(
    "text",
    ["hosts = [", "\x00", "hosts = 7", 'hosts = ["a"]', "[hosts]\na = 1", '[hosts.a]\nurl = 3\ntoken = "x"'],
)
def test_a_damaged_file_has_no_logins(text: str, tmp_path: Path):
    logins = saved(tmp_path, text)
    assert (logins.entries, logins.current) == ((), None)


def test_a_file_that_is_no_toml_is_told(tmp_path: Path):
    notes = found(HERE, logins=saved(tmp_path, "hosts = [")).notes
    assert any("config.toml cannot be read" in note for note in notes)


def test_a_login_without_a_usable_url_is_left_out(tmp_path: Path):
    assert saved(tmp_path, '[hosts.a]\nurl = "ftp://a"\ntoken = "pt_a"').entries == ()


def test_the_old_token_file_which_names_no_platform_goes_nowhere_and_is_told(tmp_path: Path):
    (tmp_path / "token").write_text("pt_old\n")
    answer = found(HERE, logins=saved_logins({"CTFY_CONFIG_HOME": str(tmp_path)}))
    assert answer.token is None
    assert any("token file is not sent" in note for note in answer.notes)
