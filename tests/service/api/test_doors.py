"""Who is let in: the token's holder, else this machine alone; never a page from elsewhere, never an exposed address."""

import falcon.testing
import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry

from service.api.app import Sources, app
from service.api.doors import is_local
from service.api.serving import Serving
from service.api.views import Facts, Views, models
from service.errors import ConfigurationError
from service.settings import HttpSettings
from tests.service.cli import gruard
from tests.service.real import MODELS

TOKEN = "0123456789abcdef-secret"
GUARDED = ("/api/v1/status", "/api/v1/devices", "/api/v1/devices/x", "/api/v1/models", "/openapi.json")
OPEN = ("/livez", "/readyz", "/startupz", "/metrics")


class Well:
    def live(self):
        return ""

    ready = started = live

    def partitions(self):
        return 1, 0


class Nobody:
    """A detector without devices."""

    def rosters(self):
        return []

    def devices(self):
        return 0

    def open_alerts(self, partition):
        return {}


def client(scoreboard=None, **settings):
    own = HttpSettings(**settings)
    serving, probes = Serving(own), Well()
    facts = Facts("1", "nowhere", 0.5, lambda: 0)
    views = Views(facts, probes, serving.news(Nobody()), serving._book, serving.recorder)
    return falcon.testing.TestClient(app(own, Sources(views, models([]), probes, CollectorRegistry(), scoreboard)))


@pytest.fixture
def token_file(tmp_path):
    path = tmp_path / "token"
    path.write_text(TOKEN + "\n")
    return path


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0"])
def test_with_a_token_file_its_token_opens_and_nothing_else_does(token_file, host):
    asked = client(host=host, token_file=token_file)
    good = {"Authorization": f"Bearer {TOKEN}", "Host": "anything.example"}
    said = [asked.simulate_get(path, headers=good).status_code for path in GUARDED]
    assert said == [200, 503, 503, 200, 200]  # of devices a worker that never turned has nothing to say yet
    for header in (None, "", TOKEN, f"Basic {TOKEN}", f"Bearer {TOKEN}x", f"Bearer {TOKEN[:-1]}", "Bearer", "Bearer é"):
        for path in GUARDED:
            said = asked.simulate_get(path, headers={"Authorization": header} if header is not None else {})
            assert (said.status_code, said.json["title"]) == (401, "Unauthorized")
            assert said.headers["WWW-Authenticate"] == "Bearer"
            assert TOKEN not in said.text


@given(st.text(st.characters(min_codepoint=32, max_codepoint=255), max_size=40))
def test_no_other_token_opens(text):
    from service.api.doors import Doors

    doors = Doors(HttpSettings())
    doors._token = TOKEN.encode()
    if text.strip() != TOKEN:
        with pytest.raises(falcon.HTTPUnauthorized):
            doors._check(f"Bearer {text}")


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "gruard"])
def test_exposed_without_a_token_the_api_is_shut_and_says_the_way_out(host):
    asked = client(host=host)
    for path in GUARDED:
        said = asked.simulate_get(path, headers={"Host": "localhost"})
        assert (said.status_code, said.json["title"]) == (403, "Forbidden")
        assert "http.token_file" in said.json["detail"]
        assert "127.0.0.1" in said.json["detail"]
        assert "\n" not in said.json["detail"]
    assert [asked.simulate_get(path).status_code for path in OPEN] == [200] * 4


def test_a_page_that_points_its_own_name_at_this_machine_is_refused():
    asked = client()
    for name in ("evil.example", "evil.example:8080", "127.0.0.1.evil.example", "localhost.evil.example", "10.0.0.1"):
        assert asked.simulate_get("/api/v1/status", headers={"Host": name}).status_code == 403
        assert asked.simulate_get("/livez", headers={"Host": name}).status_code == 200
    for name in ("localhost", "localhost:8080", "127.0.0.1:80", "127.0.0.2", "[::1]:8080", "LOCALHOST"):
        assert asked.simulate_get("/api/v1/status", headers={"Host": name}).status_code == 200


def test_addresses_of_this_machine_alone():
    assert all(map(is_local, ("127.0.0.1", "127.1.2.3", "::1", "[::1]", "localhost")))
    assert not any(map(is_local, ("0.0.0.0", "::", "10.1.2.3", "example", "", "localhost.example")))


@pytest.mark.parametrize(
    ("text", "told"),
    [(None, "cannot be read"), (b"", "at least 16"), (b"short", "at least 16"), (b"\xff" * 20, "cannot be read"),
     (b"with a space inside", "without a space"), ("é".encode() * 20, "ASCII")],
)  # fmt: skip
def test_a_token_that_can_not_be_had_ends_the_start_with_78(tmp_path, text, told):
    path = tmp_path / "token"
    if text is not None:
        path.write_bytes(text)
    with pytest.raises(ConfigurationError, match=told) as caught:
        client(token_file=path)
    assert str(caught.value).startswith(f"http.token_file {path}: ")
    assert text is None or not text or text.decode("latin-1") not in str(caught.value)


def test_gruard_run_ends_with_78_for_it(tmp_path):
    own = {"GRUARD_HTTP__TOKEN_FILE": "none", "GRUARD_HTTP__PORT": "0", "GRUARD_MODELS__PATH": str(MODELS)}
    said = gruard("run", cwd=tmp_path, env=own)
    assert (said.code, "http.token_file none" in said.line) == (78, True)
