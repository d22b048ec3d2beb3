"""The page's charts as Vega-Lite specifications; their data come later, from the page's scripts."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

import altair as alt
from altair.utils.schemapi import debug_mode

# What the tiles, the lines of the scatter and the chart by quarter show, and the table.
HEADLINES = (50, 85, 95)
CHARTED = (10, 25, 50, 75, 85, 90)
TABLED = (10, 25, 50, 75, 85, 90, 95)

OUTCOMES = ("planned", "completed", "added", "carried_over", "still_open")
# the bands of the cumulative flow from the bottom up, and the bars of time in state
BANDS = ("done", "waiting", "in_progress", "todo")
CONFIDENCES = (50, 70, 85, 95)
# the pattern of the page that open sprints' open issues are drawn with (template/page.html)
HATCHED = "url(#hatch)"

FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Noto Sans', sans-serif"
DATES = {"year": "%Y", "quarter": "%b", "month": "%b", "week": "%-d %b", "date": "%-d %b"}

DASHES = {"solid": [1, 0], "dashed": [7, 4], "dotted": [2, 3]}
# how the lines of CHARTED and of HEADLINES are drawn, here and in the keys above the charts
CHARTED_STYLES = ("dotted", "dashed", "solid", "solid", "solid", "dashed")
HEADLINE_STYLES = ("solid", "dashed", "dotted")
CHARTED_WIDTHS = (1.6, 1.6, 3.4, 1.6, 2.6, 1.6)
CONFIDENCE_STYLES = ("dotted", "dashed", "solid", "dashed")

# of times to acknowledge and to restore, and how they and the shares of incidents are drawn
INCIDENT_PERCENTILES = (50, 75, 90)
INCIDENT_SHARES = ("noise", "flapping", "never_seen")
INCIDENT_STYLES = ("solid", "dashed", "dotted")

# Days on a scale on which both an hour and a year can be told.
LOGARITHMIC_TICKS = (0, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)


@dataclass(frozen=True)
class Theme:
    """The colours of one theme; everything drawn has a contrast of 3 to the page's paper."""

    paper: str
    muted: str
    grid: str
    domain: str
    accent: str
    headline: str
    rolling: str
    percentiles: tuple[str, ...]
    confidences: tuple[str, ...]
    outcomes: tuple[str, ...]
    bands: tuple[str, ...]
    # steps of one hue, from hardly anything to most: told apart by their lightness alone
    heat: tuple[str, ...]
    incidents: tuple[str, ...]


THEMES = {
    "light": Theme(
        paper="#ffffff",
        muted="#5b6675",
        grid="#e7eaef",
        domain="#c9d0da",
        accent="#2f6fab",
        headline="#b4533b",
        rolling="#122f4f",
        percentiles=("#6b8fb3", "#4f86bd", "#2f6fab", "#1f4f80", "#b4533b", "#122f4f"),
        confidences=("#6b8fb3", "#2f6fab", "#b4533b", "#122f4f"),
        outcomes=("#8493a8", "#2f6fab", "#b9770e", "#8f3d28", HATCHED),
        bands=("#3c7d4f", "#b9770e", "#2f6fab", "#8493a8"),
        heat=("#d5e5f4", "#9cc3e6", "#5b96cc", "#2b649d", "#0d3157"),
        incidents=("#122f4f", "#2f6fab", "#b4533b"),
    ),
    "dark": Theme(
        paper="#1a212b",
        muted="#a3aebd",
        grid="#2c3643",
        domain="#465263",
        accent="#5b9bd8",
        headline="#f0936f",
        rolling="#f5d76e",
        percentiles=("#6089b3", "#7ba6d1", "#5b9bd8", "#a9cdf2", "#f0936f", "#dcebfa"),
        confidences=("#6089b3", "#5b9bd8", "#f0936f", "#dcebfa"),
        outcomes=("#8b9bb0", "#5b9bd8", "#e3a64e", "#e07a5f", HATCHED),
        bands=("#57a773", "#e3a64e", "#5b9bd8", "#8b9bb0"),
        heat=("#25415f", "#356594", "#5590c9", "#93c0ec", "#e4f0fc"),
        incidents=("#dcebfa", "#5b9bd8", "#f0936f"),
    ),
}


def drawn(texts: dict[str, Any], *, buckets: int, has_incidents: bool) -> dict[str, Any]:
    """What the page draws with, as JSON takes it: percents, charts and the keys above them."""
    return {
        "percents": {
            "headlines": HEADLINES,
            "charted": CHARTED,
            "tabled": TABLED,
            "incidents": INCIDENT_PERCENTILES,
        },
        "charts": specifications(texts, buckets=buckets, has_incidents=has_incidents),
        "keys": keys(),
    }


def keys() -> dict[str, Any]:
    """What the keys above the charts are made of: they stand outside, where nothing is cut off."""
    return {
        "colours": {name: asdict(theme) for name, theme in THEMES.items()},
        "charted_styles": CHARTED_STYLES,
        "headline_styles": HEADLINE_STYLES,
        "outcomes": OUTCOMES,
        "bands": BANDS,
        "confidences": CONFIDENCES,
        "confidence_styles": CONFIDENCE_STYLES,
        "incident_shares": INCIDENT_SHARES,
        "incident_styles": INCIDENT_STYLES,
    }


def specifications(
    texts: dict[str, Any], *, buckets: int, has_incidents: bool
) -> dict[str, dict[str, dict[str, Any]]]:
    """By theme, every chart by its name, for a spectrum of so many buckets.

    They are not held against Vega-Lite's schema, which takes half the time: a test does that.
    """
    with debug_mode(False):
        return {
            name: _of_theme(texts, theme, buckets, has_incidents=has_incidents)
            for name, theme in THEMES.items()
        }


def _of_theme(
    texts: dict[str, Any], theme: Theme, buckets: int, *, has_incidents: bool
) -> dict[str, dict[str, Any]]:
    charts = {
        "spectrum": _spectrum(texts, theme),
        "spectrum_narrow": _spectrum_narrow(theme, buckets),
        "percentiles": _percentiles(texts, theme),
        "throughput": _throughput(texts, theme, angle=-35),
        # upright words take no room beside a phone's few bars
        "throughput_narrow": _throughput(texts, theme, angle=-90),
        "scatter": _scatter(texts, theme, "linear"),
        "scatter_log": _scatter(texts, theme, "symlog"),
        "ageing": _ageing(texts, theme, label_limit=180),
        "ageing_narrow": _ageing(texts, theme, label_limit=96),
        "cumulative": _cumulative(texts, theme),
        "weekly": _weekly(texts, theme),
        "forecast": _forecast(texts, theme),
        "state_times": _state_times(theme, label_limit=180),
        "state_times_narrow": _state_times(theme, label_limit=96),
        "efficiency": _efficiency(theme),
    }
    if has_incidents:
        charts |= _of_incidents(texts, theme)
    return {name: _dressed(chart, theme).to_dict() for name, chart in charts.items()}


def _in_order() -> alt.EncodingSortField:
    """The order of the data's field `order`, whatever was selected before.

    Without it Vega keeps the order in which values came to a chart.
    """
    return alt.EncodingSortField("order", op="min")


def _spectrum(texts: dict[str, Any], theme: Theme) -> alt.LayerChart:
    base = alt.Chart(alt.NamedData("spectrum")).encode(
        x=alt.X("label:N", sort=_in_order(), title=None, axis=_lines_of_words()),
        y=alt.Y("n:Q", title=texts["issues_short"], axis=_whole_numbers()),
        tooltip="tip:N",
    )
    bars = base.mark_bar(color=theme.accent, cornerRadiusEnd=2)
    numbers = base.mark_text(dy=-7, color=theme.muted, fontSize=11).encode(
        text=alt.Text("n:Q", format=",d")
    )
    return (bars + numbers).properties(height=270)


def _spectrum_narrow(theme: Theme, buckets: int) -> alt.LayerChart:
    """The bars lie, so that a phone shows every bucket's name."""
    base = alt.Chart(alt.NamedData("spectrum")).encode(
        x=alt.X("n:Q", title=None, axis=None),
        y=alt.Y("name:N", sort=_in_order(), title=None, axis=alt.Axis(labelOverlap=False)),
        tooltip="tip:N",
    )
    bars = base.mark_bar(color=theme.accent, cornerRadiusEnd=2)
    numbers = base.mark_text(align="left", dx=5, color=theme.muted, fontSize=11).encode(
        text=alt.Text("n:Q", format=",d")
    )
    # room for the number beside the longest bar
    padding = {"left": 5, "top": 5, "right": 46, "bottom": 5}
    return (bars + numbers).properties(height=max(1, buckets) * 30, padding=padding)


def _percentiles(texts: dict[str, Any], theme: Theme) -> alt.LayerChart:
    series = [texts["percentile"].format(p=percent) for percent in CHARTED]

    def by_series(channel: Any, values: Iterable[Any]) -> Any:
        scale = alt.Scale(type="ordinal", domain=series, range=list(values))
        return channel("series:N", sort=series, scale=scale, legend=None)

    base = alt.Chart(alt.NamedData("percentiles")).encode(
        x=alt.X("label:O", sort=_in_order(), title=None, axis=_lines_of_words()),
        # on the right, where the newest quarters are when the chart is wider than its place
        y=alt.Y(
            "days:Q", title=texts["days"], scale=alt.Scale(nice=5), axis=alt.Axis(orient="right")
        ),
        color=by_series(alt.Color, theme.percentiles),
        tooltip="tip:N",
    )
    lines = base.mark_line().encode(
        order="order:Q",
        strokeWidth=by_series(alt.StrokeWidth, CHARTED_WIDTHS),
        strokeDash=by_series(alt.StrokeDash, (DASHES[style] for style in CHARTED_STYLES)),
    )
    return (lines + base.mark_point(filled=True, size=42, opacity=1)).properties(height=240)


def _throughput(texts: dict[str, Any], theme: Theme, *, angle: int) -> alt.Chart:
    series = [texts[name] for name in OUTCOMES]
    # a sprint has carried over or still open, never both: they share a place
    places = [texts[name] for name in OUTCOMES[:-1]]
    return (
        alt.Chart(alt.NamedData("throughput"))
        .mark_bar(cornerRadiusEnd=1.5)
        .encode(
            x=alt.X(
                "sprint:N",
                sort=_in_order(),
                title=None,
                axis=alt.Axis(labelAngle=angle, labelLimit=200, labelOverlap=False),
                scale=alt.Scale(paddingInner=0.28, paddingOuter=0.14),
            ),
            xOffset=alt.XOffset("place:N", sort=places, scale=alt.Scale(domain=places)),
            y=alt.Y(
                "value:Q",
                title=None,
                scale=alt.Scale(nice=5),
                axis=alt.Axis(tickCount=6, orient="right"),
            ),
            color=alt.Color(
                "series:N",
                sort=series,
                scale=alt.Scale(domain=series, range=list(theme.outcomes)),
                legend=None,
            ),
            tooltip="tip:N",
        )
        .properties(height=270)
    )


def _scatter(texts: dict[str, Any], theme: Theme, scale: str) -> alt.LayerChart:
    ticks = {} if scale == "linear" else {"values": list(LOGARITHMIC_TICKS)}
    y = alt.Y(
        "days:Q",
        title=texts["days"],
        scale=alt.Scale(type=scale, nice=scale == "linear"),
        axis=alt.Axis(**ticks),
    )
    opacity = alt.param(name="opacity", value=0.5)
    dots = (
        alt.Chart(alt.NamedData("scatter"))
        # 50,000 of them: no accessible name and no check of validity for each
        .mark_circle(color=theme.accent, size=26, opacity=opacity, aria=False, invalid=None)
        .encode(
            x=_dates(),
            y=y,
            tooltip="i:N",
        )
        .add_params(opacity)
    )
    # what they are stands in the key: a label here would lie on dots
    lines = alt.Chart(alt.NamedData("lines")).encode(y=y)
    halo = lines.mark_rule(color=theme.paper, strokeWidth=5, opacity=0.75)
    rules = lines.mark_rule(color=theme.headline, strokeWidth=2).encode(
        strokeDash=_headline_dashes()
    )
    base = alt.Chart(alt.NamedData("rolling")).encode(x=_dates(), y=y)
    # a gap where the days have too few issues
    rolled = [
        base.mark_line(color=colour, strokeWidth=width, invalid="break-paths-filter-domains")
        for colour, width in ((theme.paper, 5), (theme.rolling, 2))
    ]
    return alt.layer(dots, halo, rules, *rolled).properties(height=330)


def _ageing(texts: dict[str, Any], theme: Theme, *, label_limit: int) -> alt.LayerChart:
    """The states lie below each other, so that a phone shows every name.

    The page gives it its height, of so many states as there are.
    """
    x = alt.X(
        "days:Q",
        title=texts["days"],
        scale=alt.Scale(type="symlog", domainMin=0, nice=False),
        axis=alt.Axis(values=list(LOGARITHMIC_TICKS), grid=True),
    )
    y = alt.Y(
        "state:N",
        sort=_in_order(),
        title=None,
        axis=alt.Axis(labelOverlap=False, labelLimit=label_limit),
    )
    lines = alt.Chart(alt.NamedData("ageing_lines")).encode(x=x)
    halo = lines.mark_rule(color=theme.paper, strokeWidth=5, opacity=0.75)
    rules = lines.mark_rule(color=theme.headline, strokeWidth=2).encode(
        strokeDash=_headline_dashes()
    )
    dots = (
        alt.Chart(alt.NamedData("ageing"))
        .mark_circle(color=theme.accent, size=34, opacity=0.7, aria=False)
        .encode(
            x=x,
            y=y,
            yOffset=alt.YOffset("place:Q", scale=alt.Scale(domain=[-0.15, 1.15])),
            tooltip="i:N",
        )
    )
    return (halo + rules + dots).properties(height=46)


def _headline_dashes() -> alt.StrokeDash:
    return alt.StrokeDash(
        "percent:N",
        scale=alt.Scale(domain=list(HEADLINES), range=[DASHES[style] for style in HEADLINE_STYLES]),
        legend=None,
    )


def _dates(field: str = "date:T") -> alt.X:
    return alt.X(
        field,
        title=None,
        scale=alt.Scale(type="utc"),
        axis=alt.Axis(tickCount=8, format=DATES, labelOverlap=True),
    )


def _told(data: str, theme: Theme, x: alt.X, *, width: float) -> alt.Chart:
    """Unseen lines to point at, each with words for all that stands at its place."""
    return (
        alt.Chart(alt.NamedData(data))
        .mark_rule(color=theme.muted, opacity=0, strokeWidth=width, aria=False)
        .encode(x=x, tooltip="tip:N")
    )


def _cumulative(texts: dict[str, Any], theme: Theme) -> alt.LayerChart:
    series = [texts["categories"][name] for name in BANDS]
    x = _dates()
    areas = (
        alt.Chart(alt.NamedData("cumulative"))
        .mark_area()
        .encode(
            x=x,
            y=alt.Y("n:Q", title=texts["issues_short"], stack="zero", axis=_whole_numbers()),
            color=alt.Color(
                "series:N", scale=alt.Scale(domain=series, range=list(theme.bands)), legend=None
            ),
            order="order:Q",
        )
    )
    return (areas + _told("cumulative_told", theme, x, width=8)).properties(height=300)


def _weekly(texts: dict[str, Any], theme: Theme) -> alt.LayerChart:
    y = alt.Y("done:Q", title=texts["issues_short"], axis=_whole_numbers())
    bars = (
        alt.Chart(alt.NamedData("weekly"))
        .mark_bar(cornerRadiusEnd=1.5)
        .encode(
            x=_dates("from:T"),
            x2="to:T",
            y=y,
            y2=alt.Y2Datum(0),
            color=alt.Color(
                "is_complete:N",
                scale=alt.Scale(domain=[True, False], range=[theme.accent, HATCHED]),
                legend=None,
            ),
            tooltip="tip:N",
        )
    )
    mean = (
        alt.Chart(alt.NamedData("weekly_mean"))
        .mark_rule(color=theme.headline, strokeWidth=2)
        .encode(x="from:T", x2="to:T", y=y)
    )
    return (bars + mean).properties(height=240)


def _forecast(texts: dict[str, Any], theme: Theme) -> alt.LayerChart:
    base = alt.Chart(alt.NamedData("forecast"))
    x = alt.X(
        "week:Q",
        title=texts["weeks_ahead"],
        scale=alt.Scale(nice=False),
        axis=alt.Axis(tickMinStep=1, format="d", grid=False),
    )

    def done(field: str) -> alt.Y:
        return alt.Y(f"{field}:Q", title=texts["issues_short"], axis=_whole_numbers())

    fan = [
        base.mark_area(color=theme.accent, opacity=opacity).encode(x=x, y=done(low), y2=high)
        for low, high, opacity in (("p95", "p50", 0.16), ("p85", "p70", 0.22))
    ]
    lines = [
        base.mark_line(
            color=colour,
            strokeWidth=2.6 if percent == 85 else 1.6,
            strokeDash=DASHES[style],
        ).encode(x=x, y=done(f"p{percent}"))
        for percent, style, colour in zip(
            CONFIDENCES, CONFIDENCE_STYLES, theme.confidences, strict=True
        )
    ]
    open_issues = (
        alt.Chart(alt.NamedData("forecast_open"))
        .mark_rule(color=theme.muted, strokeWidth=1.6, strokeDash=DASHES["dashed"])
        .encode(y=done("open"))
    )
    told = _told("forecast", theme, x, width=22)
    return alt.layer(*fan, *lines, open_issues, told).properties(height=270)


def _state_times(theme: Theme, *, label_limit: int) -> alt.LayerChart:
    base = alt.Chart(alt.NamedData("state_times")).encode(
        x=alt.X("time:Q", title=None, axis=None),
        y=alt.Y(
            "state:N",
            sort=_in_order(),
            title=None,
            axis=alt.Axis(labelOverlap=False, labelLimit=label_limit),
        ),
        tooltip="tip:N",
    )
    bars = base.mark_bar(cornerRadiusEnd=2).encode(
        color=alt.Color(
            "category:N",
            scale=alt.Scale(domain=list(BANDS), range=list(theme.bands)),
            legend=None,
        )
    )
    numbers = base.mark_text(align="left", dx=5, color=theme.muted, fontSize=11).encode(
        text="number:N"
    )
    padding = {"left": 5, "top": 5, "right": 56, "bottom": 5}
    return (bars + numbers).properties(height=28, padding=padding)


def _efficiency(theme: Theme) -> alt.LayerChart:
    base = alt.Chart(alt.NamedData("efficiency")).encode(
        x=alt.X("label:O", sort=_in_order(), title=None, axis=_lines_of_words()),
        y=alt.Y(
            "share:Q",
            title=None,
            scale=alt.Scale(domain=[0, 100]),
            axis=alt.Axis(orient="right", labelExpr="datum.label + ' %'", tickCount=5),
        ),
        tooltip="tip:N",
    )
    bars = base.mark_bar(color=theme.accent, cornerRadiusEnd=2, size=30)
    numbers = base.mark_text(dy=-7, color=theme.muted, fontSize=11).encode(text="number:N")
    return (bars + numbers).properties(height=240)


def _of_incidents(texts: dict[str, Any], theme: Theme) -> dict[str, alt.Chart]:
    minutes = texts["minutes"]
    days = {"x": _dates("from:T"), "x2": "to:T"}
    hours = alt.X("hour:O", title=None, axis=alt.Axis(labelAngle=0, labelOverlap=True))
    percents = [texts["percentile"].format(p=percent) for percent in INCIDENT_PERCENTILES]
    shares = [texts[f"share_{name}"] for name in INCIDENT_SHARES]
    return {
        "incident_map": _heat("incident_map", theme, days, label_limit=180),
        "incident_map_narrow": _heat("incident_map", theme, days, label_limit=96),
        "incident_hours": _heat("incident_hours", theme, {"x": hours}, label_limit=96),
        "incident_year": _heat("incident_year", theme, days, label_limit=96),
        "acknowledging": _by_quarter("acknowledging", theme, percents, title=minutes),
        "restoring": _by_quarter("restoring", theme, percents, title=minutes),
        "incident_shares": _by_quarter(
            "incident_shares", theme, shares, title=None, label="datum.label + ' %'"
        ),
    }


def _heat(data: str, theme: Theme, x: dict[str, Any], *, label_limit: int) -> alt.Chart:
    """Cells in steps of a colour, a row each for what `row` says, in the order of `order`."""
    return (
        alt.Chart(alt.NamedData(data))
        # thousands of them: no accessible name for each; the table says the same
        .mark_rect(stroke=theme.paper, strokeWidth=0.5, aria=False)
        .encode(
            **x,
            y=alt.Y(
                "row:N",
                sort=_in_order(),
                title=None,
                axis=alt.Axis(labelOverlap=False, labelLimit=label_limit, ticks=False),
            ),
            color=alt.Color(
                "step:O",
                scale=alt.Scale(domain=list(range(len(theme.heat))), range=list(theme.heat)),
                legend=None,
            ),
            tooltip="tip:N",
        )
        .properties(height=24)
    )


def _by_quarter(
    data: str, theme: Theme, series: list[str], *, title: str | None, label: str | None = None
) -> alt.LayerChart:
    def by_series(channel: Any, values: Iterable[Any]) -> Any:
        scale = alt.Scale(type="ordinal", domain=series, range=list(values))
        return channel("series:N", sort=series, scale=scale, legend=None)

    words = {} if label is None else {"labelExpr": label}
    base = alt.Chart(alt.NamedData(data)).encode(
        x=alt.X("label:O", sort=_in_order(), title=None, axis=_lines_of_words()),
        y=alt.Y(
            "value:Q",
            title=title,
            scale=alt.Scale(nice=5),
            axis=alt.Axis(orient="right", tickCount=5, **words),
        ),
        color=by_series(alt.Color, theme.incidents),
        tooltip="tip:N",
    )
    lines = base.mark_line(strokeWidth=2).encode(
        order="order:Q",
        strokeDash=by_series(alt.StrokeDash, (DASHES[style] for style in INCIDENT_STYLES)),
    )
    return (lines + base.mark_point(filled=True, size=42, opacity=1)).properties(height=240)


def _whole_numbers() -> alt.Axis:
    """No half issue: tickMinStep alone lets one tick through between 0 and 1."""
    return alt.Axis(tickMinStep=1, format=",d", labelExpr="datum.value % 1 ? '' : datum.label")


def _lines_of_words() -> alt.Axis:
    """Labels in which | ends a line; none is left out."""
    return alt.Axis(labelAngle=0, labelExpr="split(datum.label, '|')", labelOverlap=False)


def _dressed(chart: Any, theme: Theme) -> Any:
    # everything in one step: each copies the whole chart
    return chart.properties(
        width="container",
        background="transparent",
        autosize=alt.AutoSizeParams(type="fit-x", contains="padding"),
        config=alt.Config(
            font=FONT,
            view=alt.ViewConfig(stroke=None),
            axis=alt.AxisConfig(
                labelColor=theme.muted,
                titleColor=theme.muted,
                titleFontWeight="normal",
                labelFontSize=11,
                titleFontSize=11,
                gridColor=theme.grid,
                domainColor=theme.domain,
                tickColor=theme.domain,
                labelPadding=5,
            ),
            axisX=alt.AxisConfig(grid=False),
        ),
    )
