"""The wall as a shift has it before its eyes, in headless Chromium."""

from collections.abc import Iterator
from typing import Any

import pytest
from conftest import PostgresServer, fresh_database
from pages import needs_browser
from walls import House, Running, Screen, house, running, until

pytestmark = needs_browser

HOSTILE = "<img src=x onerror=document.title='pwned'>\"'&</script><script>document.title='pwned'"


@pytest.fixture(scope="module")
def database(server: PostgresServer) -> Iterator[House]:
    for name in fresh_database(server):
        with house(server, name) as made:
            yield made


@pytest.fixture
def home(database: House) -> House:
    database.execute("truncate marts.fct_open_incidents, marts.fct_incidents, ops.tickets")
    database.execute("delete from ops.watch")
    database.execute("insert into ops.watch values ('zabbix', now())")
    return database


@pytest.fixture
def wall(home: House) -> Iterator[Running]:
    with running(home, zabbix_url="http://zabbix.example") as made:
        yield made


def seen(wall: Running, screen: Screen, check: Any) -> Any:
    """What a check finds once the board was read and the page has asked."""

    def looked() -> Any:
        screen.look()
        return check()

    return until(looked)


@pytest.fixture
def calm_wall(home: House) -> Iterator[Running]:
    home.execute("insert into marts.fct_incidents values ('DC-1', 'A-01')")
    with running(home) as made:
        yield made


def test_an_incident_appears_changes_colour_is_taken_and_vanishes(
    home: House, calm_wall: Running, browser: Any
) -> None:
    wall = calm_wall
    screen = Screen(browser, wall.url)
    seen(wall, screen, lambda: screen.cell("DC-1 / A-01"))
    calm = screen.cell("DC-1 / A-01")
    assert calm["severity"] == -1 and "calm" in calm["text"]
    assert screen.text("#nothing") == "Nothing is open."

    one = home.burn(severity=3, trigger_name="Disk is full", host="srv-9", ago=75)
    seen(wall, screen, lambda: screen.row(one))
    row = screen.row(one)
    assert row["severity"] == "◇ Average" and "srv-9" in row["place"]
    assert row["trigger"] == "Disk is full" and row["since"].startswith("1 h 1")
    assert row["by"] == "—"
    burning = screen.cell("DC-1 / A-01")
    assert burning["severity"] == 3 and burning["colour"] != calm["colour"]
    assert "Average" in burning["text"] and "1" in burning["text"]
    assert screen.text("#said") == "1 new"
    assert screen.script("return document.title") == "(1) What burns now"

    home.change(one, severity=5)
    seen(wall, screen, lambda: screen.row(one)["severity"] == "◆ Disaster")
    worse = screen.cell("DC-1 / A-01")
    assert worse["severity"] == 5 and worse["colour"] != burning["colour"]

    home.take(one, by="42", comment="Смотрю")
    seen(wall, screen, lambda: "42" in screen.row(one)["by"])
    assert screen.row(one)["comment"].startswith("Смотрю")
    taken = screen.cell("DC-1 / A-01")
    assert taken["taken"] and "1 taken" in taken["text"]

    home.change(one, ticket="OPS-7", ticket_url="https://tracker.example/OPS-7")
    seen(wall, screen, lambda: screen.row(one)["ticket"] == "OPS-7")
    assert screen.script("return document.querySelector('#list .ticket a').href") == (
        "https://tracker.example/OPS-7"
    )

    home.end(one)
    seen(wall, screen, lambda: screen.row(one) is None)
    assert screen.cell("DC-1 / A-01")["severity"] == -1
    assert screen.text("#said") == "1 over"
    assert screen.complaints() == []


def test_the_list_is_by_severity_and_age_and_filters_stand_in_the_address(
    home: House, wall: Running, browser: Any
) -> None:
    young = home.burn(severity=4, ago=5, host="young", rack="B-02", service="Web")
    old = home.burn(severity=4, ago=500, host="old")
    worst = home.burn(severity=5, ago=1, host="worst", host_groups="Network", service="net")
    small = home.burn(severity=2, ago=9000, host="small")
    works = home.burn(severity=5, ago=9, host="works", is_suppressed=True)
    home.take(old)
    until(lambda: len(wall.incidents()) == 5)
    screen = Screen(browser, wall.url)

    def rows() -> list[str]:
        return screen.script(
            "return [...document.querySelectorAll('#list tr')].map((row) => row.dataset.id)"
        )

    assert rows() == [worst, old, young, small]
    assert screen.text("#hidden") == "1 on hosts in maintenance are not shown"
    for selector, value in (("#severity", "4"), ("#taken", "no")):
        screen.script(
            "const e = document.querySelector(arguments[0]); e.value = arguments[1];"
            "e.dispatchEvent(new Event('change'))", selector, value
        )  # fmt: skip
    assert rows() == [worst, young]
    screen.click("#by button[value=service]")
    screen.script(
        "[...document.querySelectorAll('#grid button')].find("
        "(e) => e.innerText.includes('Web')).click()"
    )
    assert rows() == [young]
    address = screen.script("return location.search")
    assert address == "?by=service&severity=4&taken=no&place=Web"
    again = Screen(browser, wall.url + "/" + address)
    assert rows() == [young]
    assert again.script("return document.querySelector('#by [aria-pressed=true]').value") == (
        "service"
    )
    again.click("#clear")
    assert rows() == [worst, old, young, small]
    again.click("#suppressed")
    assert works in rows() and "suppressed=1" in again.script("return location.search")
    Screen(browser, wall.url + "/?q=WORST net")
    assert rows() == [worst]
    groups = Screen(browser, wall.url + "/?by=host_group")
    assert groups.cell("Network")["severity"] == 5
    # a host of two groups stands in both
    assert groups.cell("Racks/DC-1")["severity"] == groups.cell("Services/Mobile")["severity"] == 4


def test_old_data_do_not_look_calm(home: House, wall: Running, browser: Any) -> None:
    home.burn()
    until(lambda: len(wall.incidents()) == 1)
    screen = Screen(browser, wall.url)
    assert screen.text("#troubles") == ""
    assert "ago" in screen.text("#fresh")
    home.read(ago=600)
    home.execute(
        "update ops.watch set trouble = 'HTTP 502', trouble_since = now() - interval '1 hour'"
    )
    seen(wall, screen, lambda: "HTTP 502" in screen.text("#troubles"))
    assert "The data are 10 min old" in screen.text("#troubles")
    assert screen.script("return getComputedStyle(document.querySelector('main')).filter") == (
        "grayscale(1)"
    )
    home.read()
    home.execute("update ops.watch set trouble = null")
    seen(wall, screen, lambda: screen.text("#troubles") == "")
    assert not screen.script("return document.body.classList.contains('old')")


def test_a_wall_that_is_gone_is_told_and_found_again(home: House, browser: Any) -> None:
    home.burn()
    with running(home) as wall:
        until(lambda: len(wall.incidents()) == 1)
        screen = Screen(browser, wall.url)
        assert len(screen.texts("#list tr")) == 1
    screen.look()
    assert "does not answer since" in screen.text("#troubles")
    assert len(screen.texts("#list tr")) == 1
    # a refused connection is the browser's own complaint
    screen.complaints()


def test_hostile_texts_stay_texts(home: House, wall: Running, browser: Any) -> None:
    names = dict.fromkeys(
        ("trigger_name", "host", "host_groups", "site", "rack", "position", "service",
         "last_comment", "acknowledged_by", "ticket"), HOSTILE
    )  # fmt: skip
    one = home.burn(**names, is_acknowledged=True, ticket_url="javascript:alert(1)")
    until(lambda: len(wall.incidents()) == 1)
    for by in ("rack", "host_group", "service"):
        screen = Screen(browser, f"{wall.url}/?by={by}&q=%3Cimg")
        assert HOSTILE in screen.row(one)["trigger"]
        assert (
            screen.script("return document.querySelectorAll('main img, main script').length") == 0
        )
        assert "pwned" not in screen.script("return document.title")
        assert screen.script("return document.querySelectorAll('#list .ticket a').length") == 0
    assert screen.complaints() == []


def test_a_thousand_incidents_draw_within_a_second(
    home: House, wall: Running, browser: Any
) -> None:
    home.execute(
        "insert into marts.fct_open_incidents (incident_id, severity, host, rack, started_at, "
        "last_comment) select n::text, 2 + n % 4, 'srv-' || n, 'A-' || n % 40, "
        "now() - make_interval(mins => n), 'A comment of some length, as people write ' || n "
        "from generate_series(1, 1000) as n"
    )
    until(lambda: len(wall.incidents()) == 1000)
    screen = Screen(browser, wall.url)
    screen.until("return document.querySelectorAll('#list tr').length === 1000")
    type_in = """
        const field = document.querySelector('#q');
        field.value = arguments[0];
        field.dispatchEvent(new Event('input'));
        document.body.offsetHeight;
        return document.querySelectorAll('#list tr').length;
        """
    assert screen.script(type_in, "nothing is called so") == 0
    # the page's own processor time, whatever else the machine does
    browser.execute_cdp_cmd("Performance.enable", {"timeDomain": "threadTicks"})

    def spent() -> float:
        metrics = browser.execute_cdp_cmd("Performance.getMetrics", {})["metrics"]
        return next(each["value"] for each in metrics if each["name"] == "TaskDuration")

    before = spent()
    assert screen.script(type_in, "") == 1000
    took = spent() - before
    browser.execute_cdp_cmd("Performance.disable", {})
    assert 0 < took < 1, took
    assert len(screen.texts("#grid li")) == 40


def test_the_television_s_view_is_large_and_has_nothing_to_press(
    home: House, wall: Running, browser: Any
) -> None:
    for number in range(20):
        home.burn(host=f"srv-{number}")
    until(lambda: len(wall.incidents()) == 20)
    screen = Screen(browser, wall.url)
    screen.click("#compact")
    assert "compact=1" in screen.script("return location.search")
    shown = screen.script(
        "return [...document.querySelectorAll('input, select, textarea, button.quiet')]"
        ".filter((e) => e.checkVisibility()).length"
    )
    assert shown == 0
    size = screen.script(
        "return parseFloat(getComputedStyle(document.querySelector('#grid .count')).fontSize)"
    )
    assert size >= 40
    assert (
        screen.script(
            "return [...document.querySelectorAll('#list tr')].filter((e) => e.checkVisibility()).length"
        )
        == 12
    )


def contrast(screen: Screen) -> list[tuple[str, float]]:
    """Every text that is seen, and how it stands out from what is behind it."""
    return screen.script(
        """
        const numbers = (text) => (text.match(/[\\d.]+/g) ?? []).map(Number);
        const light = ([r, g, b]) => {
          const [x, y, z] = [r, g, b].map((v) => (v /= 255) <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4);
          return .2126 * x + .7152 * y + .0722 * z;
        };
        const behind = (element) => {
          for (let e = element; e; e = e.parentElement) {
            const colour = numbers(getComputedStyle(e).backgroundColor);
            if (colour.length === 3 || colour[3] === 1) return colour;
          }
          return [255, 255, 255];
        };
        return [...document.querySelectorAll('body *')].filter((e) =>
          e.checkVisibility() && [...e.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim())
          && !e.closest('option')).map((e) => {
            const [one, other] = [light(numbers(getComputedStyle(e).color)), light(behind(e))].sort((a, b) => b - a);
            return [`${e.tagName}.${e.className} ${e.textContent.trim().slice(0, 20)}`, (one + .05) / (other + .05)];
          });
        """
    )


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_every_text_can_be_read_and_severities_differ_without_colour(
    home: House, wall: Running, browser: Any, theme: str
) -> None:
    for severity in range(6):
        home.burn(severity=severity, rack=f"R-{severity}", site="(none)")
        taken = home.burn(severity=severity, rack=f"T-{severity}", site="(none)")
        home.take(taken)
    home.execute("insert into marts.fct_incidents values ('(none)', 'Calm')")
    until(lambda: len(wall.incidents()) == 12)
    browser.execute_cdp_cmd(
        "Emulation.setEmulatedMedia",
        {"features": [{"name": "prefers-color-scheme", "value": theme}]},
    )
    try:
        screen = Screen(browser, wall.url)
        weak = [(text, round(ratio, 2)) for text, ratio in contrast(screen) if ratio < 4.5]
        assert weak == []
        signs = {screen.cell(f"R-{severity}")["text"].split("\n")[-1] for severity in range(2, 6)}
        assert len(signs) == 4
        lights = screen.script(
            """
            const light = (c) => { const [r, g, b] = c.match(/[\\d.]+/g).map(Number); return .2126*r + .7152*g + .0722*b; };
            return [2, 3, 4, 5].map((n) => light(getComputedStyle(
              document.querySelector(`#grid button[data-severity="${n}"]:not(.all-taken)`)).backgroundColor));
            """
        )
        assert lights == sorted(lights, reverse=theme == "light"), "lightness goes one way"
        steps = [abs(one - other) for one, other in zip(lights, lights[1:], strict=False)]
        assert min(steps) > 18, lights
    finally:
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})


def test_everything_is_reached_by_the_keyboard(home: House, wall: Running, browser: Any) -> None:
    from selenium.webdriver.common.keys import Keys

    one = home.burn()
    until(lambda: len(wall.incidents()) == 1)
    screen = Screen(browser, wall.url)
    body = browser.find_element("tag name", "body")
    body.send_keys("/")
    assert screen.script("return document.activeElement.id") == "q"
    met = set()
    for _ in range(40):
        browser.switch_to.active_element.send_keys(Keys.TAB)
        met.add(
            screen.script(
                "const e = document.activeElement; return e.closest('#grid') ? 'cell' : "
                "e.closest('.pick') ? 'pick' : e.closest('td.trigger') ? 'trigger' : "
                "e.closest('td.comment') ? 'comment' : e.id || e.value || e.tagName"
            )
        )
    assert {"cell", "pick", "trigger", "comment", "token", "compact", "severity", "taken",
            "rack", "host_group", "service", "clear"} <= met  # fmt: skip
    screen.script("document.querySelector('#grid button').focus()")
    browser.switch_to.active_element.send_keys(Keys.ENTER)
    assert "place=" in screen.script("return location.search")
    screen.script("document.querySelector('#list .pick input').focus()")
    browser.switch_to.active_element.send_keys(Keys.SPACE)
    assert screen.text("#chosen b") == "1 chosen"
    screen.script("document.querySelector('#write').focus()")
    browser.switch_to.active_element.send_keys(Keys.ENTER)
    assert screen.script("return document.querySelector('#token_dialog').open")
    browser.switch_to.active_element.send_keys(Keys.ESCAPE)
    assert not screen.script("return document.querySelector('#token_dialog').open")
    assert screen.row(one) is not None


def test_in_russian_and_on_a_phone(home: House, browser: Any) -> None:
    home.burn(host="очень-длинное-имя-хоста-" * 4, trigger_name="Слово" * 30)
    home.burn()
    with running(home, locale="ru", zabbix_url="http://zabbix.example") as wall:
        until(lambda: len(wall.incidents()) == 2)
        browser.execute_cdp_cmd(
            "Emulation.setDeviceMetricsOverride",
            {"width": 390, "height": 844, "deviceScaleFactor": 1, "mobile": True},
        )
        try:
            screen = Screen(browser, wall.url)
            assert screen.text("h1").startswith("Что горит сейчас")
            assert "Высокая" in screen.text("#list")
            assert screen.script("return document.documentElement.scrollWidth") <= 390
            english = screen.script(
                "return document.body.innerText.match(/\\b(open|taken|severity|search|since)\\b/i)"
            )
            assert english is None
            assert "built-in" not in screen.text("body")
        finally:
            browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
        assert screen.complaints() == []
