"""Nobody gets in who should not, and nobody else's page speaks for who is in."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
import requests
from conftest import REPOSITORY, PostgresServer, fresh_database
from pages import needs_browser
from walls import House, Running, Screen, house, running, until

from extract.errors import ConfigurationError
from pipeline.settings import KNOWN_VARIABLES, SECRETS
from wall.access import Budget
from wall.settings import WallSettings, read_wall_settings

PASSWORD = "correct horse battery"
ALL = [
    ("GET", "/api/incidents"), ("GET", "/api/ticket/1"), ("POST", "/api/ticket"),
    ("POST", "/api/comment"), ("POST", "/api/sign-out"),
]  # fmt: skip


@pytest.fixture(scope="module")
def home(server: PostgresServer) -> Iterator[House]:
    for name in fresh_database(server):
        with house(server, name) as made:
            made.burn(incident_id="1", host="secret-host")
            yield made


@pytest.fixture
def locked(home: House) -> Iterator[Running]:
    home.read()
    settings = {"wall_password": PASSWORD}
    with running(home, settings=settings, zabbix_url="http://zabbix.example") as wall:
        yield wall


def signed_in(wall: Running) -> requests.Session:
    session = requests.Session()
    answer = wall.post("/api/sign-in", {"password": PASSWORD}, session)
    assert answer.status_code == 200, answer.text
    return session


def test_without_the_password_there_is_nothing_to_see(locked: Running) -> None:
    for method, path in ALL:
        answer = requests.request(
            method, locked.url + path, json={},
            headers={"X-Wall": "1", "Origin": locked.url}, timeout=10,
        )  # fmt: skip
        assert answer.status_code == 401, path
        assert "secret-host" not in answer.text
    page = locked.get("/").text
    assert "secret-host" not in page and "zabbix.example" not in page


def test_the_password_lets_in_and_signing_out_ends_it(locked: Running) -> None:
    session = signed_in(locked)
    assert "secret-host" in session.get(f"{locked.url}/api/incidents", timeout=10).text
    cookie = session.cookies.get("wall")
    assert PASSWORD not in cookie
    assert locked.post("/api/sign-out", {}, session).ok
    assert session.get(f"{locked.url}/api/incidents", timeout=10).status_code == 401


def test_the_session_is_for_the_server_alone_and_outlives_a_restart(
    home: House, locked: Running
) -> None:
    answer = locked.post("/api/sign-in", {"password": PASSWORD})
    cookie = answer.headers["Set-Cookie"]
    assert "HttpOnly" in cookie and "SameSite=Strict" in cookie and "Secure" not in cookie
    there = {"X-Wall": "1", "Origin": "https://wall.example", "Host": "wall.example"}
    over_https = requests.post(
        f"{locked.url}/api/sign-in", json={"password": PASSWORD}, headers=there, timeout=10
    )
    assert "Secure" in over_https.headers["Set-Cookie"]
    jar = answer.cookies.get("wall")
    with running(home, settings={"wall_password": PASSWORD}) as again:
        assert again.get("/api/incidents", Cookie=f"wall={jar}").ok
        forged = jar[:-2] + ("aa" if not jar.endswith("aa") else "bb")
        assert again.get("/api/incidents", Cookie=f"wall={forged}").status_code == 401
    with running(home, settings={"wall_password": PASSWORD + "!"}) as changed:
        assert changed.get("/api/incidents", Cookie=f"wall={jar}").status_code == 401


def test_guessing_is_slow(locked: Running) -> None:
    codes = [locked.post("/api/sign-in", {"password": f"guess {n}"}).status_code for n in range(8)]
    assert codes == [403] * 5 + [429] * 3
    assert locked.post("/api/sign-in", {"password": PASSWORD}).status_code == 429


def test_behind_a_proxy_the_header_says_who_it_is(home: House) -> None:
    with running(home, settings={"wall_user_header": "X-Remote-User"}) as wall:
        assert wall.get("/").status_code == 401
        assert wall.get("/api/incidents").status_code == 401
        page = wall.get("/", **{"X-Remote-User": "a.<b>person"})
        assert page.status_code == 200 and "a.<b>person" not in page.text
        assert "a.\\u003cb\\u003eperson" in page.text
        assert wall.get("/api/incidents", **{"X-Remote-User": "x"}).ok
        # no password opens it
        assert wall.post("/api/sign-in", {"password": ""}).status_code == 403


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"X-Wall": "1"},
        {"Origin": "http://evil.example", "X-Wall": "1"},
        {"Origin": "null", "X-Wall": "1"},
        {"Sec-Fetch-Site": "cross-site", "X-Wall": "1"},
        {"Sec-Fetch-Site": "same-site", "X-Wall": "1"},
        {"Sec-Fetch-Site": "none", "X-Wall": "1"},
        # the own page, without what only its script sends
        {"Sec-Fetch-Site": "same-origin"},
    ],
)
def test_another_site_s_request_is_not_heard(locked: Running, headers: dict[str, str]) -> None:
    session = signed_in(locked)
    for path in ("/api/comment", "/api/ticket", "/api/sign-out"):
        answer = session.post(f"{locked.url}{path}", json={}, headers=headers, timeout=10)
        assert answer.status_code == 403, path
    assert session.get(f"{locked.url}/api/incidents", timeout=10).ok


def test_a_form_is_not_heard(locked: Running) -> None:
    session = signed_in(locked)
    for kind in ("application/x-www-form-urlencoded", "text/plain", "multipart/form-data"):
        answer = session.post(
            f"{locked.url}/api/comment", data="{}", timeout=10,
            headers={"X-Wall": "1", "Origin": locked.url, "Content-Type": kind},
        )  # fmt: skip
        assert answer.status_code == 403


def test_an_open_wall_answers_to_its_own_name_only(home: House) -> None:
    """Else a page whose name turns to 127.0.0.1 would read it."""
    with running(home) as wall:
        assert wall.get("/api/incidents").ok
        assert wall.get("/api/incidents", Host="localhost:1").ok
        assert wall.get("/api/incidents", Host="rebound.example").status_code == 400
        assert "secret-host" not in wall.get("/api/incidents", Host="rebound.example").text


def test_writing_is_limited_and_looking_is_not(home: House) -> None:
    with running(home, zabbix_url="http://127.0.0.1:9") as wall:
        wall.wall.writing = Budget(3, 60)
        codes = [wall.post("/api/comment", {}).status_code for _ in range(5)]
        assert codes == [400, 400, 400, 429, 429]
        assert all(wall.get("/api/incidents").ok for _ in range(50))


def test_every_answer_forbids_what_the_page_does_not_need(locked: Running) -> None:
    page = locked.get("/")
    file = re.search(r"/static/\w+/main\.js", page.text)[0]
    for path in ("/", file, "/api/incidents", "/nowhere", "/health"):
        headers = locked.get(path).headers
        policy = headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy and "script-src 'self'" in policy
        assert "unsafe" not in policy and "frame-ancestors 'none'" in policy
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Referrer-Policy"] == "no-referrer"
        assert "Server" not in headers or "waitress" in headers["Server"]
    assert not re.search(r"<script(?![^>]*(src=|application/json))", page.text)
    assert not re.search(r"\son\w+=|style=|javascript:", page.text)
    assert locked.get("/static/x/../app.py").status_code == 404
    assert locked.get("/static/x/wall.html").status_code == 404


def test_a_request_that_is_too_large_is_refused(home: House) -> None:
    with running(home, zabbix_url="http://127.0.0.1:9") as wall:
        answer = wall.post("/api/comment", {"ids": ["1"] * 100_000})
        assert answer.status_code in (400, 413)


def test_a_budget_forgets_and_does_not_grow() -> None:
    budget = Budget(1, 0.01, most_keys=50)
    for number in range(1000):
        assert budget.allows(str(number))
    assert len(budget._moments) <= 51


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"WALL_HOST": "0.0.0.0"}, "lets a network in"),  # noqa: S104
        ({"WALL_HOST": "wall.internal"}, "lets a network in"),
        ({"WALL_PASSWORD": "short"}, "less than 12"),
        ({"WALL_PASSWORD": PASSWORD, "WALL_USER_HEADER": "X-User"}, "both set"),
        ({"WALL_USER_HEADER": "X User:"}, "name of a header"),
        ({"WALL_PORT": "0"}, "WALL_PORT"),
        ({"WALL_TEMPLATES": "/nonexistent"}, "no such folder"),
        ({"WALL_YOUTRACK_TOKEN": "a\nb"}, "WALL_YOUTRACK_TOKEN"),
    ],
)
def test_a_setting_that_is_wrong_is_named_without_its_value(
    monkeypatch: pytest.MonkeyPatch, given: dict[str, str], said: str
) -> None:
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(ConfigurationError, match=said) as told:
        read_wall_settings()
    assert "short" not in str(told.value) and "a\nb" not in str(told.value)


def test_every_setting_is_known_documented_and_hidden() -> None:
    names = {name.upper() for name in WallSettings.model_fields}
    assert names <= KNOWN_VARIABLES
    for page in ("README.md", ".env.example", "docs/wall.md"):
        text = (REPOSITORY / page).read_text(encoding="utf-8")
        assert {name for name in names if name not in text} == set(), page
    secrets = {name for name in names if name.endswith(("_TOKEN", "_PASSWORD"))}
    assert secrets <= set(SECRETS)
    shown = repr(WallSettings(wall_password=PASSWORD, wall_youtrack_token="perm:x"))
    assert PASSWORD not in shown and "perm:x" not in shown


@needs_browser
def test_a_person_signs_in_on_the_page(locked: Running, browser: Any) -> None:
    screen = Screen(browser, locked.url)
    screen.until("return document.querySelector('#sign_in_dialog').open")
    assert "secret-host" not in screen.text("body")
    screen.script("document.querySelector('#password').value = 'something else'")
    screen.click("#sign_in_dialog [type=submit]")
    screen.until("return document.querySelector('#sign_in_dialog .fault').textContent")
    assert screen.text("#sign_in_dialog .fault") == "That is not the password."
    screen.script("document.querySelector('#password').value = arguments[0]", PASSWORD)
    screen.click("#sign_in_dialog [type=submit]")
    until(lambda: "secret-host" in screen.text("#list"))
    assert screen.script("return document.cookie") == ""
    screen.click("#sign_out")
    until(lambda: screen.script("return document.querySelector('#sign_in_dialog')?.open"))
    # 401 and 403 are the browser's own complaints
    screen.complaints()
