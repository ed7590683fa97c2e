"""Where Herald's settings come from, and what is said of those that cannot work."""

import json
import os
import pickle
import subprocess
import sys

import pytest

from airview_herald._secret import Secret
from airview_herald.errors import ConfigurationError
from airview_herald.herald._settings import Settings

PRODUCTION = "https://api.global-services.global.alertlogic.com"
INTEGRATION = "https://api.global-integration.product.dev.alertlogic.com"


@pytest.fixture
def home(tmp_path, monkeypatch):
    """The folder of the user's files."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    folder = tmp_path / ".alertlogic"
    folder.mkdir()
    return folder


@pytest.fixture
def find(home):
    """Find settings with a file of that text, if any."""

    def finding(text=None, environ=None, **options):
        if text is not None:
            (home / "config").write_text(text, encoding="utf-8")
        return Settings.find(environ=environ or {}, **options)

    return finding


def pair(settings):
    """Return the access key in the clear."""
    return tuple(half and half.reveal() for half in (settings.access_key_id, settings.secret_key))


FILE = """
[default]
access_key_id = FILEKEY
secret_key    = file-secret
account_id    = 1
global_endpoint = integration
residency = emea

[prod]
account_id = 2
"""
ENVIRON = {
    "ALERTLOGIC_ACCESS_KEY_ID": "ENVKEY",
    "ALERTLOGIC_SECRET_KEY": "env-secret",
    "ALERTLOGIC_ACCOUNT_ID": "3",
    "ALERTLOGIC_ENDPOINT": "https://env.example/",
    "ALERTLOGIC_RESIDENCY": "us",
}
ARGUMENTS = {
    "access_key_id": "ARGKEY",
    "secret_key": "arg-secret",
    "account_id": "4",
    "global_endpoint": "https://arg.example",
    "residency": "default",
}


def facts(settings):
    """Return all that was found."""
    return pair(settings), settings.account_id, settings.urls, settings.residency


def test_without_any_source_the_defaults_hold(find):
    """No file, no variables, no arguments: production, and no credential."""
    settings = find()
    assert facts(settings) == ((None, None), None, {"aims": PRODUCTION}, "default")


def test_the_file_is_above_the_defaults(find):
    """What the default profile says holds when nobody says otherwise."""
    settings = find(FILE)
    assert facts(settings) == (
        ("FILEKEY", "file-secret"),
        "1",
        {"aims": INTEGRATION},
        "emea",
    )


def test_the_environment_is_above_the_file(find):
    """Variables win over the file, the residency's among them."""
    settings = find(FILE, ENVIRON)
    everything = dict.fromkeys(("aims", "herald"), "https://env.example")
    assert facts(settings) == (("ENVKEY", "env-secret"), "3", everything, "us")


def test_arguments_are_above_all(find):
    """What the caller says wins over the environment and the file."""
    settings = find(FILE, ENVIRON, **ARGUMENTS)
    everything = dict.fromkeys(("aims", "herald"), "https://arg.example")
    assert facts(settings) == (("ARGKEY", "arg-secret"), "4", everything, "default")


def test_an_empty_variable_is_none(find):
    """A variable that is set to nothing leaves the file its say."""
    assert facts(find(FILE, dict.fromkeys(ENVIRON, ""))) == facts(find(FILE))


def test_an_empty_key_is_none(find):
    """A key without a value leaves the default its say."""
    settings = find("[default]\naccount_id =\nresidency =\n")
    assert (settings.account_id, settings.residency) == (None, "default")


def test_the_environment_is_that_of_the_process(home, monkeypatch):
    """Without another mapping the process's own variables count."""
    monkeypatch.setenv("ALERTLOGIC_ACCOUNT_ID", "77")
    assert Settings.find().account_id == "77"


# The access key moves as a pair


@pytest.mark.parametrize(
    ("environ", "arguments", "found"),
    [
        ({}, {}, ("FILEKEY", "file-secret")),
        (ENVIRON, {}, ("ENVKEY", "env-secret")),
        ({"ALERTLOGIC_SECRET_KEY": "x"}, {}, ("FILEKEY", "file-secret")),
        ({"ALERTLOGIC_ACCESS_KEY_ID": "x"}, {}, ("FILEKEY", "file-secret")),
        ({}, {"access_key_id": "a", "secret_key": "b"}, ("a", "b")),
        ({}, {"access_key_id": "a", "secret_key": Secret("b")}, ("a", "b")),
    ],
)
def test_halves_are_never_mixed(find, environ, arguments, found):
    """Both halves are from the arguments, or from the environment, or else from the file."""
    assert pair(find(FILE, environ, **arguments)) == found


@pytest.mark.parametrize(
    ("text", "environ", "arguments", "where"),
    [
        ("", {"ALERTLOGIC_SECRET_KEY": "x"}, {}, "ALERTLOGIC_SECRET_KEY"),
        ("[default]\nsecret_key = x", {}, {}, "{home}/config [default] secret_key"),
    ],
)
def test_half_a_pair_is_refused(find, home, text, environ, arguments, where):
    """A half without its other one is named with the place it is from."""
    with pytest.raises(ConfigurationError) as caught:
        find(text, environ, **arguments)
    assert str(caught.value) == (
        f"{where.format(home=home)}: the other half of the access key is missing, and "
        f"{home}/config [default] has no whole one"
    )


def test_a_client_with_another_credential_has_no_use_for_keys(find):
    """Keys that are configured elsewhere, whole or half, are not looked at."""
    assert pair(find(FILE, {"ALERTLOGIC_SECRET_KEY": "x"}, keyless=True)) == (None, None)


@pytest.mark.parametrize(
    ("key", "secret", "skips"),
    [("skip", "skip", True), ("skip", "x", False), ("x", "skip", False), (None, None, False)],
)
def test_the_skip_pair(find, key, secret, skips):
    """Both halves say `skip`: no credential is sent."""
    assert find(access_key_id=key, secret_key=secret).skips is skips


def test_a_percent_sign_is_no_interpolation(find):
    """Secrets hold what they hold."""
    text = "[default]\naccess_key_id = %(x)s\nsecret_key = 50%off%%"
    assert pair(find(text)) == ("%(x)s", "50%off%%")


def test_secrets_do_not_show(find):
    """Settings may be printed; they refuse to be pickled."""
    settings = find(FILE, ENVIRON, **ARGUMENTS)
    assert settings.secret_key == Secret("arg-secret")
    assert "ARGKEY" not in repr(settings)
    assert "arg-secret" not in repr(settings)
    with pytest.raises(TypeError, match="cannot be pickled"):
        pickle.dumps(settings)


@pytest.mark.parametrize("value", ["geheim\n", "gehéim"])
def test_a_secret_that_cannot_be_sent_is_named_without_it(find, value):
    """The message has the place, not the value."""
    with pytest.raises(ConfigurationError, match=r"^ALERTLOGIC_SECRET_KEY: must be") as caught:
        find(environ=ENVIRON | {"ALERTLOGIC_SECRET_KEY": value})
    assert value.strip() not in str(caught.value)


# The file and its profiles


def test_another_profile(find):
    """A profile is a section: by argument, or by variable; what it lacks is not set."""
    for environ, options in (({"ALERTLOGIC_PROFILE": "prod"}, {}), ({}, {"profile": "prod"})):
        settings = find(FILE, environ, **options)
        assert facts(settings) == ((None, None), "2", {"aims": PRODUCTION}, "default")


def test_the_argument_names_the_profile_before_the_variable(find):
    """A variable that names no section does no harm to who names another."""
    assert find(FILE, {"ALERTLOGIC_PROFILE": "none"}, profile="prod").account_id == "2"


@pytest.mark.parametrize(
    ("environ", "options"), [({"ALERTLOGIC_PROFILE": "stage"}, {}), ({}, {"profile": "stage"})]
)
def test_a_profile_that_is_not_there_is_an_error(find, home, environ, options):
    """Who names a profile means it, even when nothing is needed of it."""
    words = f"profile: there is no [stage] in {home}/config"
    with pytest.raises(ConfigurationError) as caught:
        find(FILE, environ, **options, **ARGUMENTS)
    assert str(caught.value) == words
    (home / "config").unlink()
    with pytest.raises(ConfigurationError) as caught:
        find(None, environ, **options)
    assert str(caught.value) == f"{words}, which is not there or empty"


def test_a_file_without_the_default_profile_is_fine(find):
    """Nobody named it."""
    assert find("[other]\naccount_id = 1").account_id is None


def test_the_file_may_lie_elsewhere(find, home, tmp_path):
    """`ALERTLOGIC_CONFIG` names it, below the home folder too; one that is not there is fine."""
    (tmp_path / "al.ini").write_text("[default]\naccount_id = 9", encoding="utf-8")
    for name in (str(tmp_path / "al.ini"), "~/al.ini"):
        assert find(FILE, {"ALERTLOGIC_CONFIG": name}).account_id == "9"
    assert find(FILE, {"ALERTLOGIC_CONFIG": str(tmp_path / "none")}).account_id is None


def test_there_need_be_no_home_folder(find, monkeypatch):
    """A container may run under a user id that the machine does not know."""
    monkeypatch.setattr("os.path.expanduser", lambda path: path)
    settings = find(environ=ENVIRON)
    assert pair(settings) == ("ENVKEY", "env-secret")
    assert settings.profile == "~/.alertlogic/config [default]"
    assert find(environ={"ALERTLOGIC_CONFIG": "~/al.ini"}).account_id is None
    with pytest.raises(ConfigurationError, match=r"^~/\.alertlogic/endpoint_map\.json: cannot"):
        find(environ={"ALERTLOGIC_ENDPOINT": "map"})


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"secret_key = geheim\n", ", line 1: MissingSectionHeaderError"),
        (b"[default]\nsecret_key geheim\n", ", line 2: ParsingError"),
        (
            b"[default]\nsecret_key = geheim\nsecret_key = geheim\n",
            ", line 3: DuplicateOptionError",
        ),
        (b"[a]\n[a]\n", ", line 2: DuplicateSectionError"),
        (b"[default]\nsecret_key = \xff\n", ": is not UTF-8 text"),
    ],
)
def test_a_file_that_is_no_ini_is_an_error(find, home, content, words):
    """The message has the file and the line, not what is on it."""
    (home / "config").write_bytes(content)
    with pytest.raises(ConfigurationError) as caught:
        find()
    assert str(caught.value) == f"{home}/config{words}"
    assert (caught.value.__cause__, caught.value.__context__) == (None, None)


def test_a_file_that_cannot_be_read_is_an_error(find, home):
    """A folder in the file's place is said to be one."""
    (home / "config").mkdir()
    with pytest.raises(ConfigurationError, match=r"/config: cannot be read: Is a directory$"):
        find()


def test_a_file_that_nobody_needs_is_not_read(find, home):
    """With everything said elsewhere a broken file does no harm."""
    (home / "config").write_text("broken", encoding="utf-8")
    assert find(environ=ENVIRON).account_id == "3"


@pytest.mark.parametrize(
    ("setting", "value", "words"),
    [
        ("residency", "mars", "must be one of default, us, emea"),
        ("global_endpoint", "staging", "must be production, integration, map, or an http(s) URL"),
        ("global_endpoint", "ftp://x", "must be production, integration, map, or an http(s) URL"),
        ("global_endpoint", "http://x.example", "plain http would show the credential to the"),
        ("global_endpoint", "https://u:p@x.example", "must not carry credentials"),
    ],
)
def test_a_setting_that_cannot_work_is_named_with_its_place(find, home, setting, value, words):
    """Argument, variable, or file with profile and key."""
    variable = {"residency": "ALERTLOGIC_RESIDENCY", "global_endpoint": "ALERTLOGIC_ENDPOINT"}
    places = {
        setting: {setting: value},
        variable[setting]: {"environ": {variable[setting]: value}},
        f"{home}/config [a] {setting}": {"text": f"[a]\n{setting} = {value}", "profile": "a"},
    }
    for place, given in places.items():
        with pytest.raises(ConfigurationError) as caught:
            find(**given)
        assert str(caught.value).startswith(f"{place}: {words}")


@pytest.mark.parametrize("name", ["access_key_id", "account_id", "profile", "residency"])
@pytest.mark.parametrize(
    ("value", "rule"), [("", "must not be empty"), (7, "must be a text, not int")]
)
def test_an_argument_that_is_no_text_is_refused(find, name, value, rule):
    """An argument that is empty is a mistake, not a wish for the next source."""
    with pytest.raises(ConfigurationError, match=f"^{name}: {rule}$"):
        find(**{name: value})


@pytest.mark.parametrize(
    ("given", "missing"), [("access_key_id", "secret_key"), ("secret_key", "access_key_id")]
)
def test_half_a_pair_of_arguments_is_refused(find, given, missing):
    """What a caller names is never put aside for a whole pair that is somewhere else."""
    with pytest.raises(ConfigurationError) as caught:
        find(FILE, ENVIRON, **{given: "x"})
    assert str(caught.value) == f"{missing}: must be given together with {given}"


@pytest.mark.parametrize(
    ("profile", "overruling"),
    [
        (None, ()),
        (
            "default",
            (
                "the access key",
                "ALERTLOGIC_ACCOUNT_ID",
                "ALERTLOGIC_ENDPOINT",
                "ALERTLOGIC_RESIDENCY",
            ),
        ),
        ("same", ()),
    ],
)
def test_a_variable_that_overrules_a_named_profile_is_known(find, profile, overruling):
    """Whoever names a profile learns what the environment says otherwise; others expect it."""
    same = "[same]\naccess_key_id = ENVKEY\nsecret_key = env-secret\naccount_id = 3\n"
    found = find(FILE + same, ENVIRON, profile=profile)
    assert (pair(found), found.account_id) == (("ENVKEY", "env-secret"), "3")
    assert found.overruling == overruling


# Where services are


@pytest.mark.parametrize(
    ("name", "url"), [("production", PRODUCTION), ("integration", INTEGRATION)]
)
def test_a_named_endpoint_is_the_global_host(find, name, url):
    """The other services are looked up."""
    settings = find(global_endpoint=name)
    assert settings.urls == {"aims": url}


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("http://127.0.0.1:8080/", "http://127.0.0.1:8080"),
        ("HTTPS://al.example/api", "https://al.example/api"),
    ],
)
def test_a_url_serves_everything(find, given, kept):
    """Nothing is looked up."""
    settings = find(global_endpoint=given)
    assert settings.urls == dict.fromkeys(("aims", "herald"), kept)


def test_plain_http_elsewhere_needs_permission(find):
    """With it, credentials may go there."""
    settings = find(global_endpoint="http://al.example", allow_http=True)
    assert settings.urls["herald"] == "http://al.example"


MAP = {"herald": "http://127.0.0.1:1/", "aims": "https://aims.example", "other": 7}


@pytest.mark.parametrize("where", ["default", "relative", "absolute", "in the file"])
def test_an_endpoint_map(find, home, tmp_path, where):
    """Services are where a JSON file says; a relative name is below `~/.alertlogic`."""
    name, environ, text = {
        "default": (home / "endpoint_map.json", {}, ""),
        "relative": (home / "own.json", {"ALERTLOGIC_ENDPOINT_MAP": "own.json"}, ""),
        "absolute": (
            tmp_path / "x.json",
            {"ALERTLOGIC_ENDPOINT_MAP": str(tmp_path / "x.json")},
            "",
        ),
        "in the file": (home / "f.json", {}, "endpoint_map_file = f.json"),
    }[where]
    config = tmp_path / "elsewhere.ini"
    config.write_text(f"[default]\nglobal_endpoint = map\n{text}", encoding="utf-8")
    name.write_text(json.dumps(MAP), encoding="utf-8")
    settings = find(environ=environ | {"ALERTLOGIC_CONFIG": str(config)})
    assert settings.urls == {"herald": "http://127.0.0.1:1", "aims": "https://aims.example"}
    assert settings.urls_from == str(name)


def test_a_map_needs_no_aims(find, home):
    """Who has a token, or skips, needs none."""
    (home / "endpoint_map.json").write_text('{"herald": "https://h.example"}', encoding="utf-8")
    assert find(global_endpoint="map").urls == {"herald": "https://h.example"}


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, ": cannot be read: No such file or directory"),
        ("{", ": is not JSON"),
        ("[" * 100_000, ": is not JSON"),
        ("[]", ": must be an object of URLs with one for herald"),
        ('{"aims": "https://x"}', ": must be an object of URLs with one for herald"),
        ('{"herald": "h.example"}', " herald: must start with http:// or https:// and name a host"),
        ('{"herald": 7}', " herald: must be a text, not int"),
        ('{"herald": "https://x", "aims": "http://x"}', " aims: plain http would show"),
    ],
)
def test_a_map_that_cannot_work_is_an_error(find, home, content, words):
    """The file is named, and the service."""
    if content is not None:
        (home / "endpoint_map.json").write_text(content, encoding="utf-8")
    with pytest.raises(ConfigurationError) as caught:
        find(global_endpoint="map")
    assert str(caught.value).startswith(f"{home}/endpoint_map.json{words}")


def test_parsers_are_loaded_only_when_there_is_a_file():
    """Who has no INI file does not load what reads one."""
    code = (
        # httpx has a command line of its own, whose display may read INI files.
        "import sys, types; sys.modules['httpx._main'] = types.SimpleNamespace(main=lambda: None)\n"
        "from airview_herald.herald._settings import Settings\n"
        "Settings.find(environ={'ALERTLOGIC_CONFIG': '/nonexistent/config'})\n"
        "print('configparser' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=os.environ
    )
    assert done.stdout == "False\n"
