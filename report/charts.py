"""The page's charts as Vega-Lite specifications; their data come later, from the page's scripts."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

import altair as alt

# What the tiles, the lines of the scatter and the chart by quarter show, and the table.
HEADLINES = (50, 85, 95)
CHARTED = (10, 25, 50, 75, 85, 90)
TABLED = (10, 25, 50, 75, 85, 90, 95)

OUTCOMES = ("planned", "completed", "added", "carried_over", "still_open")
# the pattern of the page that open sprints' open issues are drawn with (template/page.html)
HATCHED = "url(#hatch)"

FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Noto Sans', sans-serif"
DATES = {"year": "%Y", "quarter": "%b", "month": "%b", "week": "%-d %b", "date": "%-d %b"}

DASHES = {"solid": [1, 0], "dashed": [7, 4], "dotted": [2, 3]}
# how the lines of CHARTED and of HEADLINES are drawn, here and in the keys above the charts
CHARTED_STYLES = ("dotted", "dashed", "solid", "solid", "solid", "dashed")
HEADLINE_STYLES = ("solid", "dashed", "dotted")
CHARTED_WIDTHS = (1.6, 1.6, 3.4, 1.6, 2.6, 1.6)


@dataclass(frozen=True)
class Theme:
    """The colours of one theme; everything drawn has a contrast of 3 to the page's paper."""

    paper: str
    muted: str
    grid: str
    domain: str
    accent: str
    headline: str
    percentiles: tuple[str, ...]
    outcomes: tuple[str, ...]


THEMES = {
    "light": Theme(
        paper="#ffffff",
        muted="#5b6675",
        grid="#e7eaef",
        domain="#c9d0da",
        accent="#2f6fab",
        headline="#b4533b",
        percentiles=("#6b8fb3", "#4f86bd", "#2f6fab", "#1f4f80", "#b4533b", "#122f4f"),
        outcomes=("#8493a8", "#2f6fab", "#b9770e", "#8f3d28", HATCHED),
    ),
    "dark": Theme(
        paper="#1a212b",
        muted="#a3aebd",
        grid="#2c3643",
        domain="#465263",
        accent="#5b9bd8",
        headline="#f0936f",
        percentiles=("#6089b3", "#7ba6d1", "#5b9bd8", "#a9cdf2", "#f0936f", "#dcebfa"),
        outcomes=("#8b9bb0", "#5b9bd8", "#e3a64e", "#e07a5f", HATCHED),
    ),
}


def keys() -> dict[str, Any]:
    """What the keys above the charts are made of: they stand outside, where nothing is cut off."""
    return {
        "colours": {name: asdict(theme) for name, theme in THEMES.items()},
        "charted_styles": CHARTED_STYLES,
        "headline_styles": HEADLINE_STYLES,
        "outcomes": OUTCOMES,
    }


def specifications(texts: dict[str, Any], *, buckets: int) -> dict[str, dict[str, dict[str, Any]]]:
    """By theme, every chart by its name, for a spectrum of so many buckets."""
    return {name: _of_theme(texts, theme, buckets) for name, theme in THEMES.items()}


def _of_theme(texts: dict[str, Any], theme: Theme, buckets: int) -> dict[str, dict[str, Any]]:
    charts = {
        "spectrum": _spectrum(texts, theme),
        "spectrum_narrow": _spectrum_narrow(theme, buckets),
        "percentiles": _percentiles(texts, theme),
        "throughput": _throughput(texts, theme, angle=-35),
        # upright words take no room beside a phone's few bars
        "throughput_narrow": _throughput(texts, theme, angle=-90),
        "scatter": _scatter(texts, theme, "linear"),
        "scatter_log": _scatter(texts, theme, "symlog"),
    }
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
    ticks = {} if scale == "linear" else {"values": [0, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000]}
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
            x=alt.X(
                "date:T",
                title=None,
                scale=alt.Scale(type="utc"),
                axis=alt.Axis(tickCount=8, format=DATES),
            ),
            y=y,
            tooltip="i:N",
        )
        .add_params(opacity)
    )
    # what they are stands in the key: a label here would lie on dots
    lines = alt.Chart(alt.NamedData("lines")).encode(y=y)
    halo = lines.mark_rule(color=theme.paper, strokeWidth=5, opacity=0.75)
    rules = lines.mark_rule(color=theme.headline, strokeWidth=2).encode(
        strokeDash=alt.StrokeDash(
            "percent:N",
            scale=alt.Scale(
                domain=list(HEADLINES), range=[DASHES[style] for style in HEADLINE_STYLES]
            ),
            legend=None,
        )
    )
    return (dots + halo + rules).properties(height=330)


def _whole_numbers() -> alt.Axis:
    """No half issue: tickMinStep alone lets one tick through between 0 and 1."""
    return alt.Axis(tickMinStep=1, format=",d", labelExpr="datum.value % 1 ? '' : datum.label")


def _lines_of_words() -> alt.Axis:
    """Labels in which | ends a line; none is left out."""
    return alt.Axis(labelAngle=0, labelExpr="split(datum.label, '|')", labelOverlap=False)


def _dressed(chart: Any, theme: Theme) -> Any:
    return (
        chart.properties(
            width="container",
            background="transparent",
            autosize=alt.AutoSizeParams(type="fit-x", contains="padding"),
        )
        .configure(font=FONT)
        .configure_view(stroke=None)
        .configure_axis(
            labelColor=theme.muted,
            titleColor=theme.muted,
            titleFontWeight="normal",
            labelFontSize=11,
            titleFontSize=11,
            gridColor=theme.grid,
            domainColor=theme.domain,
            tickColor=theme.domain,
            labelPadding=5,
        )
        .configure_axisX(grid=False)
    )
