"""Every chart of the page after every kind of selection: its order, its words, its colours."""

import base64
import re
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from conftest import PostgresServer
from pages import Page, fetch, needs_browser, number

from report.page import write_report

pytestmark = needs_browser

SVG_CHARTS = ("spectrum", "percentiles", "throughput")
CHARTS = (*SVG_CHARTS, "scatter")
PLACES = (*CHARTS, "percentile_table")
PHONE = {"width": 390, "height": 844, "deviceScaleFactor": 2, "mobile": True}


@pytest.fixture(scope="module")
def marts(server: PostgresServer, published: tuple[str, dict[str, str]]) -> Iterator[Any]:
    """A connection to good marts, to read them."""
    with closing(server.connect(published[0])) as connection:
        yield connection


@pytest.fixture(scope="module")
def files(marts: Any, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The page over these marts in each language, after a good run: other tests spoil theirs."""
    folder = tmp_path_factory.mktemp("pages")
    marts.autocommit = False
    with marts.cursor() as cursor:
        cursor.execute("delete from ops.pipeline_runs where status <> 'OK'")
    written = {
        locale: write_report(marts, folder / f"{locale}.html", locale=locale)
        for locale in ("en", "ru")
    }
    marts.rollback()
    marts.autocommit = True
    return written


@pytest.fixture
def page(browser: Any, files: dict[str, Path]) -> Page:
    return Page(browser, files["en"])


@pytest.fixture
def seen(browser: Any, files: dict[str, Path]) -> Iterator[Callable[..., Page]]:
    """Opens the page in a theme, a width and a language."""

    def see(theme: str = "light", *, is_phone: bool = False, locale: str = "en") -> Page:
        feature = {"name": "prefers-color-scheme", "value": theme}
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [feature]})
        if is_phone:
            browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", PHONE)
        return Page(browser, files[locale])

    yield see
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})
    browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


@pytest.fixture(scope="module")
def known(marts: Any) -> dict[str, list[str]]:
    """The values of the selectors, in order of time where they have one."""
    sprints = fetch(
        marts,
        "select sprint from marts.agg_sprint_throughput group by sprint "
        'order by min(sprint_start_date), sprint collate "C"',
    )
    quarters = fetch(marts, "select distinct quarter from marts.agg_lead_time_spectrum order by 1")
    teams = fetch(
        marts, "select team from marts.agg_lead_time_spectrum group by 1 order by sum(1) desc, 1"
    )
    types = fetch(marts, "select distinct issue_type from marts.agg_lead_time_spectrum order by 1")
    return {
        "sprint": [name for (name,) in sprints],
        "quarter": [name for (name,) in quarters],
        "team": [name for (name,) in teams],
        "issue_type": [name for (name,) in types],
    }


AXIS = """
    const axis = document.querySelector(`#chart_${arguments[0]} [aria-label^="${arguments[1]}"]`);
    if (!axis || !axis.checkVisibility()) return [];
    return [...axis.querySelectorAll(".role-axis-label text")].map((text) => {
      const box = text.getBoundingClientRect();
      const lines = [...text.children].map((line) => line.textContent);
      return {
        text: (lines.length ? lines.join("|") : text.textContent).trim(), left: box.left,
        right: box.right, top: box.top, bottom: box.bottom, opacity: getComputedStyle(text).opacity,
      };
    });
"""


def labels(page: Page, place: str, axis: str = "X-axis") -> list[dict[str, Any]]:
    """The labels of an axis as they stand from left to right, or down."""
    # words that stand askew end under their place
    side = "right" if axis == "X-axis" else "top"
    return sorted(page.script(AXIS, place, axis), key=lambda label: label[side])


def texts(page: Page, place: str, axis: str = "X-axis") -> list[str]:
    return [label["text"] for label in labels(page, place, axis)]


def assert_in_order(page: Page, known: dict[str, list[str]]) -> None:
    """Every chart's axis holds what the tables hold, in the order of time (of days)."""
    buckets = [row[0] for row in page.table("spectrum")]
    if not page.script("return document.getElementById('empty_spectrum').hidden"):
        buckets = []
    assert [text.replace("|", " ") for text in texts(page, "spectrum")] == buckets
    # the first group is of all: of the quarters in it, the newest stands first
    rows = [row[0] for row in page.table("percentiles")]
    first = rows[1 : next((i for i, name in enumerate(rows) if i and name not in known["quarter"]),
                          len(rows))]  # fmt: skip
    shown = ["-".join(text.split("|")[:2]) for text in texts(page, "percentiles")]
    assert shown == first[::-1] == sorted(first)
    for line in page.script(
        "return [...document.querySelectorAll('#chart_percentiles .mark-line path')]"
        ".map((path) => path.getAttribute('d'))"
    ):
        places = [float(x) for x in re.findall(r"[ML](-?[\d.]+)", line)]
        assert places == sorted(places)
    sprints = [row[0] for row in page.table("throughput")][::-1][-16:]
    assert sprints == [name for name in known["sprint"] if name in sprints]
    shown = [text.removeprefix("running: ") for text in texts(page, "throughput")]
    assert len(shown) == len(sprints)
    for text, sprint in zip(shown, sprints, strict=True):
        assert sprint.startswith(text.removesuffix("…"))


def test_each_axis_keeps_its_order_after_any_sequence_of_selections(
    page: Page, known: dict[str, list[str]]
) -> None:
    page.script("document.getElementById('stories_only').click()")
    assert len(known["quarter"]) > 3, "a check of nothing"
    assert len(known["sprint"]) > 16, "a check of nothing"
    assert_in_order(page, known)
    first, second, *_ = known["team"]
    kind = known["issue_type"][0]
    # a team, another one, both, back to everything
    for team in (first, second, first, second):
        page.pick("team", team)
        assert_in_order(page, known)
    # the newest, the oldest, then what lies between
    newest, *between, oldest = known["quarter"][::-1]
    for quarter in (newest, oldest, *between, newest, newest):
        page.pick("quarter", quarter)
        assert_in_order(page, known)
    page.pick("issue_type", kind)
    assert_in_order(page, known)
    page.clear()
    assert_in_order(page, known)
    sprints = known["sprint"]
    for sprint in (sprints[-1], sprints[2], sprints[9], sprints[0], sprints[-1]):
        page.pick("sprint", sprint)
        assert_in_order(page, known)
    page.pick("team", first)
    page.clear()
    assert_in_order(page, known)
    # all sprints, and back
    for count in (len(known["sprint"]), 16):
        page.script("document.getElementById('sprints_toggle').click()")
        page._wait.until(lambda _, count=count: len(texts(page, "throughput")) == count)
    assert_in_order(page, known)
    assert page.complaints() == []


def test_the_dots_stand_in_the_order_of_their_dates(
    page: Page, known: dict[str, list[str]]
) -> None:
    page.pick("quarter", known["quarter"][-1], known["quarter"][0], known["quarter"][1])
    found = page.script(
        """
        const canvas = document.querySelector("#chart_scatter canvas");
        canvas.scrollIntoView({ block: "center" });
        const { left, top, width, height } = canvas.getBoundingClientRect();
        const tooltip = document.getElementById("tooltip");
        const dates = [];
        for (let x = left; x < left + width; x += 6) {
          for (let y = top; y < top + height; y += 6) {
            const place = { clientX: x, clientY: y, bubbles: true };
            canvas.dispatchEvent(new MouseEvent("pointermove", place));
            if (tooltip.hidden) continue;
            dates.push(Date.parse(tooltip.textContent.split("Resolved: ")[1].split("\\n")[0]));
            break;
          }
        }
        return dates;
        """
    )
    assert len(found) > 10, "a check of nothing"
    # a dot is wider than a day
    slack = 5 * 86_400_000
    assert all(later - earlier > -slack for earlier, later in zip(found, found[1:], strict=False))
    assert found[-1] - found[0] > 40 * slack


def empty_words(page: Page) -> dict[str, str]:
    """What each empty chart says, which then is hidden."""
    return page.script(
        """
        const words = {};
        for (const place of arguments[0]) {
          const line = document.getElementById(`empty_${place}`);
          if (line.hidden) continue;
          const chart = document.getElementById(`chart_${place}`);
          words[place] = chart === null || chart.hidden ? line.textContent : "drawn all the same";
        }
        return words;
        """,
        PLACES,
    )


NO_ISSUE = "No issue of this selection is done and has a lead time."


def test_each_chart_without_data_says_why(page: Page, marts: Any, known: dict) -> None:
    assert empty_words(page) == {}
    ((kind, quarter),) = fetch(
        marts,
        "select a.issue_type, b.quarter from "
        "(select distinct issue_type from marts.agg_lead_time_spectrum) a cross join "
        "(select distinct quarter from marts.agg_sprint_throughput union "
        " select distinct quarter from marts.agg_lead_time_spectrum) b "
        "where (a.issue_type, b.quarter) not in "
        "(select issue_type, quarter from marts.agg_lead_time_spectrum union "
        " select issue_type, quarter from marts.agg_sprint_throughput) order by 1, 2 limit 1",
    )
    page.pick("issue_type", kind)
    page.pick("quarter", quarter)
    assert empty_words(page) == {
        **dict.fromkeys(("spectrum", "percentiles", "scatter", "percentile_table"), NO_ISSUE),
        "throughput": "No sprint has an issue of this selection.",
    }
    assert page.text("#tile_n") == "0"
    # the numbers behind it are not offered either
    assert not page.script(
        "return [...document.querySelectorAll('.numbers')].some((one) => one.checkVisibility())"
    )
    page.clear()
    assert empty_words(page) == {}
    assert_in_order(page, known)
    assert page.complaints() == []


def test_bugs_are_no_stories_and_the_throughput_says_so(page: Page, marts: Any) -> None:
    assert page.text("#counted").startswith("Counted: stories only (")
    page.pick("issue_type", "Bug")
    assert empty_words(page) == {
        "throughput": "No sprint has a story of this selection, and only stories are counted here."
    }
    page.script("document.getElementById('count_all').click()")
    page._wait.until(lambda _: empty_words(page) == {})
    assert page.text("#counted") == "Counted: issues of every type."
    assert not page.script("return document.getElementById('stories_only').checked")
    assert page.script("return document.getElementById('count_all').hidden")
    wanted = fetch(
        marts, "select count(distinct sprint) from marts.agg_sprint_throughput "
        "where issue_type = 'Bug'"
    )  # fmt: skip
    assert len(page.table("throughput")) == wanted[0][0]


def test_points_that_nobody_gave_are_no_row_of_zeros(page: Page, marts: Any) -> None:
    ((kind, sprint),) = fetch(
        marts,
        "select issue_type, sprint from marts.agg_sprint_throughput group by 1, 2 "
        "having sum(planned_points + completed_points + added_points + carried_over_points) = 0 "
        "order by 1, 2 limit 1",
    )
    page.pick("issue_type", kind)
    page.pick("sprint", sprint)
    page.script(
        "document.getElementById('stories_only').click();"
        "const unit = document.getElementById('unit'); unit.value = 'points';"
        "unit.dispatchEvent(new Event('change'));"
    )
    page._wait.until(lambda _: "estimated" in empty_words(page).get("throughput", ""))


def test_sprints_that_run_are_hatched_and_carry_nothing_over(page: Page, marts: Any) -> None:
    page.script("document.getElementById('stories_only').click()")
    wanted = fetch(
        marts,
        "select sprint, is_closed, sum(carried_over_count) from marts.agg_sprint_throughput "
        "group by 1, 2",
    )
    running = {sprint: float(count) for sprint, is_closed, count in wanted if not is_closed}
    assert running, "a check of nothing"
    shown = {row[0]: row[4:6] for row in page.table("throughput")}
    assert {name: number(cells[1]) for name, cells in shown.items() if cells[0] == "—"} == running
    assert all(
        cells[1] == "—" and number(cells[0]) >= 0
        for name, cells in shown.items() if name not in running
    )  # fmt: skip
    named = [text for text in texts(page, "throughput") if text.startswith("running: ")]
    assert len(named) == len(running)
    fills = page.script(
        "return [...document.querySelectorAll('#chart_throughput .mark-rect.role-mark path')]"
        ".map((bar) => [bar.getAttribute('aria-label'), bar.getAttribute('fill')])"
    )
    hatched = {label for label, fill in fills if fill == "url(#hatch)"}
    assert len(hatched) == len(running)
    assert all("Still open" in label and "running: " in label for label in hatched)
    # the pattern is there, and draws
    assert page.script(
        "return getComputedStyle(document.querySelector('#hatch rect')).fill"
    ) == page.script("return getComputedStyle(document.querySelector('.note')).color")


def test_a_team_alone_stands_once_and_only_its_sprints_are_offered(
    page: Page, marts: Any, known: dict[str, list[str]]
) -> None:
    assert page.table("percentiles")[0][0] == "All teams"
    everything = page.script(OFFERED)
    assert set(everything) >= set(known["sprint"])
    # and what another team has not is no filter that nobody sees
    ((team, sprint, other),) = fetch(
        marts,
        "with pairs as (select sprint, team from marts.agg_sprint_throughput union "
        " select sprint, team from marts.agg_lead_time_spectrum) "
        "select sprints.team, sprints.sprint, teams.team from pairs as sprints "
        "cross join (select distinct team from pairs) as teams where (sprints.sprint, teams.team) "
        "not in (select sprint, team from pairs) order by 1, 2, 3 limit 1",
    )
    page.pick("team", team)
    titles = [row[0] for row in page.table("percentiles")]
    assert titles[0] == team
    assert all(title in known["quarter"] for title in titles[1:])
    wanted = fetch(
        marts,
        "select sprint from marts.agg_lead_time_spectrum where team = %s union "
        "select sprint from marts.agg_sprint_throughput where team = %s",
        team,
        team,
    )
    offered = page.script(OFFERED)
    assert set(offered) == {sprint for (sprint,) in wanted}
    assert len(offered) < len(everything)
    page.pick("sprint", sprint)
    page.pick("team", other)
    assert page.text("[data-dimension=sprint] .chosen") == sprint
    page.pick("team", team)
    assert page.text("[data-dimension=sprint] .chosen") == "all"


OFFERED = (
    "return [...document.querySelectorAll('[data-dimension=sprint] .options label')]"
    ".filter((label) => !label.hidden).map((label) => label.querySelector('input').value)"
)


def test_the_page_says_what_a_lead_time_is_and_whose_word(
    page: Page, marts: Any, known: dict[str, list[str]]
) -> None:
    filters = "is_done and not is_excluded_team and not has_time_error and lead_time_days >= 0"
    share = (
        "select round(100.0 * count(*) filter (where lead_time_source = 'field') / count(*), 1) "
        f"from marts.fct_issues where {filters}"
    )
    ((everywhere,),) = fetch(marts, share)
    assert 0 < everywhere < 100, "a check of nothing"
    assert f"{everywhere} % have it from the tracker's field" in page.text("#meaning")
    assert "creation to resolution" in page.text("#meaning")
    page.pick("quarter", known["quarter"][0])
    ((then,),) = fetch(marts, f"{share} and quarter = %s", known["quarter"][0])
    assert then != everywhere
    said = page.text("#meaning")
    assert (f"{then} %" in said) if then else ("calendar days" in said and "field" not in said)
    # one line under each title
    assert page.script(
        "return [...document.querySelectorAll('section')].every((one) => "
        "one.querySelector('h2 + .note').textContent.length > 40)"
    )


def test_whose_sprint_it_is_is_told_as_a_guess_where_it_is_one(page: Page, marts: Any) -> None:
    teams = dict(fetch(marts, "select sprint, team from marts.dim_sprints"))
    guessed = fetch(marts, "select sprint from marts.dim_sprints where is_team_inferred")
    assert guessed, "a check of nothing"
    for sprint, *_, team in page.table("throughput"):
        is_guess = (sprint,) in guessed
        assert team == (f"{teams[sprint]} (a guess)" if is_guess else teams[sprint])
    assert not page.script("return document.getElementById('guess_note').hidden")


def test_p85_has_its_trend_and_its_row_of_each_team(page: Page, marts: Any) -> None:
    key = page.script(
        "return [...document.querySelectorAll('#key_percentiles li')]"
        ".map((item) => [item.textContent, getComputedStyle(item, '::before').borderTopColor])"
    )
    assert [text for text, _ in key] == ["P10", "P25", "P50", "P75", "P85", "P90"]
    lines = page.script(
        "return [...document.querySelectorAll('#chart_percentiles .mark-line path')]"
        ".map((line) => [getComputedStyle(line).stroke, getComputedStyle(line).strokeWidth])"
    )
    assert {colour for colour, _ in lines} == {colour for _, colour in key}
    # the median and the headline are the thick ones
    thick = [colour for colour, width in lines if float(width.removesuffix("px")) > 2]
    assert sorted(thick) == sorted((key[2][1], key[4][1]))
    head = page.script(
        "return [...document.querySelectorAll('#table_percentiles thead th')]"
        ".map((cell) => cell.textContent)"
    )
    wanted = dict(
        fetch(
            marts,
            "select team, p85 from marts.agg_lead_time_percentiles where issue_type = '(all)' "
            "and sprint = '(all)' and quarter = '(all)' and team <> '(all)'",
        )
    )
    shown = {row[0]: number(row[head.index("P85")]) for row in page.table("percentiles")}
    assert {team: shown[team] for team in wanted} == pytest.approx(
        {team: float(days) for team, days in wanted.items()}, abs=0.011
    )


# ---- how it looks


LOOKS = [(theme, is_phone) for theme in ("light", "dark") for is_phone in (False, True)]


def overlap(one: dict[str, Any], other: dict[str, Any]) -> bool:
    return (
        one["left"] < other["right"] - 0.5 and other["left"] < one["right"] - 0.5
        and one["top"] < other["bottom"] - 0.5 and other["top"] < one["bottom"] - 0.5
    )  # fmt: skip


@pytest.mark.parametrize("locale", ["en", "ru"])
def test_on_a_phone_every_label_is_there_and_none_lies_on_another(
    seen: Callable[..., Page], known: dict[str, list[str]], locale: str
) -> None:
    page = seen(is_phone=True, locale=locale)
    buckets = [row[0] for row in page.table("spectrum")]

    def assert_labels() -> None:
        assert texts(page, "spectrum", "Y-axis") == buckets
        quarters = labels(page, "percentiles")
        assert ["-".join(one["text"].split("|")[:2]) for one in quarters] == shown
        for found in (labels(page, "spectrum", "Y-axis"), quarters):
            assert all(one["opacity"] == "1" for one in found)
            for one, other in zip(found, found[1:], strict=False):
                assert not overlap(one, other), (one["text"], other["text"])
        assert len(texts(page, "throughput")) == len({*texts(page, "throughput")}) <= 6

    shown = known["quarter"]
    assert_labels()
    assert page.script("return document.documentElement.scrollWidth") <= PHONE["width"]
    # what is wider than the screen says so
    assert page.script(CUT, "scroll_percentiles") == [True, True]
    page.pick("quarter", known["quarter"][1])
    page.pick("quarter", known["quarter"][0])
    shown = known["quarter"][:2]
    assert_labels()
    page.clear()
    page.open("flow")
    assert page.script("return document.documentElement.scrollWidth") <= PHONE["width"]
    for place, table, column in (("state_times", "state_times", 0), ("ageing", "in_work", 2)):
        found = labels(page, place, "Y-axis")
        assert {row[column] for row in page.table(table)} <= {one["text"] for one in found}
        assert all(one["opacity"] == "1" for one in found)
        for one, other in zip(found, found[1:], strict=False):
            assert not overlap(one, other), (one["text"], other["text"])
    assert page.complaints() == []


CUT = """
    const place = document.getElementById(arguments[0]);
    const hint = place.previousElementSibling;
    return [place.scrollWidth > place.clientWidth + 1, hint.matches(".cut") && !hint.hidden];
"""


def test_a_table_that_fits_has_no_hint(page: Page) -> None:
    assert page.script(CUT, "scroll_percentiles") == [False, False]


# Text against the nearest ground behind it, and what is drawn against the paper of its section.
CONTRASTS = """
    const parts = (colour) => (colour.match(/[\\d.]+/g) ?? []).map(Number);
    const light = (colour) => {
      const [r, g, b] = parts(colour).map((part) => {
        const share = part / 255;
        return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
      });
      return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    const contrast = (one, other) => {
      const [low, high] = [light(one), light(other)].sort((a, b) => a - b);
      return (high + 0.05) / (low + 0.05);
    };
    const isSolid = (colour) => colour.startsWith("rgb") && (parts(colour)[3] ?? 1) > 0.9;
    const ground = (start) => {
      for (let one = start; one; one = one.parentElement) {
        const colour = getComputedStyle(one).backgroundColor;
        if (isSolid(colour)) return colour;
      }
      return "rgb(255, 255, 255)";
    };
    const weak = [];
    let looked = 0;
    const hold = (what, colour, behind, wanted) => {
      looked++;
      const found = contrast(colour, behind);
      if (found < wanted) weak.push(`${what}: ${colour} on ${behind} is ${found.toFixed(2)}`);
    };
    const words = "h1, h2, p, li, dt, dd, dd small, summary, .name, label, b, th, td, button, "
      + ".tiles span, .tiles small, select, a, #badge, .demo";
    document.querySelectorAll(words).forEach((one) => {
      if (!one.textContent.trim() || !one.checkVisibility()) return;
      hold(one.tagName + " " + one.textContent.slice(0, 20), getComputedStyle(one).color,
        ground(one), 4.5);
    });
    document.querySelectorAll(".chart svg text").forEach((one) => {
      if (one.textContent.trim()) {
        hold(one.textContent, getComputedStyle(one).fill, ground(one), 4.5);
      }
    });
    const marks = ".role-mark path";
    document.querySelectorAll(`.chart svg :is(${marks})`).forEach((one) => {
      const { fill, stroke } = getComputedStyle(one);
      for (const colour of [fill, stroke]) {
        if (isSolid(colour)) hold(one.getAttribute("aria-label"), colour, ground(one), 3);
      }
    });
    document.querySelectorAll(".key li").forEach((one) => {
      const { backgroundColor, borderTopColor } = getComputedStyle(one, "::before");
      const colour = isSolid(backgroundColor) ? backgroundColor : borderTopColor;
      if (!one.matches(".hatched") && one.checkVisibility()) {
        hold("key " + one.textContent, colour, ground(one), 3);
      }
    });
    hold("hatch", getComputedStyle(document.querySelector("#hatch rect")).fill,
      ground(document.querySelector("#chart_throughput")), 3);
    const canvas = document.querySelector("#chart_scatter canvas");
    if (!canvas?.checkVisibility()) return [looked, weak];
    const pixels = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
    const behind = ground(canvas);
    let best = 0;
    for (let i = 0; i < pixels.length; i += 4) {
      if (pixels[i + 3] > 150) {
        best = Math.max(best, contrast(`rgb(${pixels[i]},${pixels[i + 1]},${pixels[i + 2]})`, behind));
      }
    }
    if (best < 4.5) weak.push(`the canvas: ${best.toFixed(2)}`);
    return [looked, weak];
"""  # noqa: E501


@pytest.mark.parametrize(("theme", "is_phone"), LOOKS)
def test_everything_can_be_told_from_what_is_behind_it(
    seen: Callable[..., Page], theme: str, is_phone: bool
) -> None:
    page = seen(theme, is_phone=is_phone)
    ground = page.script("return getComputedStyle(document.body).backgroundColor")
    assert (ground == "rgb(245, 246, 248)") == (theme == "light")
    looked, weak = page.script(CONTRASTS)
    assert looked > 150
    assert weak == []
    page.pick("issue_type", "Bug")  # an empty chart's words, and buttons that are at work
    assert page.script(CONTRASTS)[1] == []
    page.open("flow")
    assert page.script(CONTRASTS)[1] == []
    page.clear()
    looked, weak = page.script(CONTRASTS)
    assert looked > 150
    assert weak == []


def test_a_theme_that_changes_is_drawn_anew(seen: Callable[..., Page], browser: Any) -> None:
    page = seen("light")
    page.pick("issue_type", "Bug")
    before = page.shown()
    feature = {"name": "prefers-color-scheme", "value": "dark"}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [feature]})
    page._wait.until(lambda _: page.shown() > before)
    assert page.script(CONTRASTS)[1] == []
    # what was selected still is
    assert "throughput" in empty_words(page)
    assert page.complaints() == []


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_printed_it_is_a_report_of_a_few_pages(
    seen: Callable[..., Page], browser: Any, theme: str
) -> None:
    page = seen(theme)
    for view, most in (("lead_time", 5), ("flow", 3)):
        page.open(view)
        printed = browser.execute_cdp_cmd(
            "Page.printToPDF", {"preferCSSPageSize": True, "printBackground": True}
        )
        content = base64.b64decode(printed["data"])
        assert 2 <= len(re.findall(rb"/Type\s*/Page\b", content)) <= most
