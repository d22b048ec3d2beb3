"""The page's charts as Vega-Lite specifications; their data comes later, from the page's script."""

from typing import Any

import altair as alt

INK, MUTED, GRID = "#1f2a37", "#667085", "#e7eaef"
ACCENT = "#2f6fab"
PERCENTILE_COLOURS = ["#a9c7e3", "#7fabd3", "#2f6fab", "#1f4f80", "#122f4f"]
# planned, completed, added, carried over: distinct in grey, too
OUTCOME_COLOURS = ["#b9c4d3", "#2f6fab", "#e3a64e", "#b4533b"]
FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Noto Sans', sans-serif"

DATES = {"year": "%Y", "quarter": "%b", "month": "%b", "week": "%-d %b", "date": "%-d %b"}

PERCENTS = (10, 25, 50, 75, 90)


def specifications(texts: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Every chart by the name of its place on the page."""
    charts = {
        "spectrum": _spectrum(texts),
        "percentiles": _percentiles(texts),
        "throughput": _throughput(texts),
        "scatter": _scatter(texts, "linear"),
        "scatter_log": _scatter(texts, "symlog"),
    }
    return {name: _dressed(chart).to_dict() for name, chart in charts.items()}


def _spectrum(texts: dict[str, Any]) -> alt.LayerChart:
    base = alt.Chart(alt.NamedData("spectrum")).encode(
        x=alt.X("label:N", sort=None, title=None, axis=_lines_of_words()),
        y=alt.Y("n:Q", title=texts["issues_short"], axis=_whole_numbers()),
        tooltip="tip:N",
    )
    bars = base.mark_bar(color=ACCENT, cornerRadiusEnd=2)
    numbers = base.mark_text(dy=-7, color=MUTED, fontSize=11).encode(
        text=alt.Text("n:Q", format=",d")
    )
    return (bars + numbers).properties(height=270)


def _percentiles(texts: dict[str, Any]) -> alt.LayerChart:
    series = [texts["percentile"].format(p=percent) for percent in PERCENTS]
    base = alt.Chart(alt.NamedData("percentiles")).encode(
        x=alt.X("label:O", sort=None, title=None, axis=_lines_of_words()),
        y=alt.Y("days:Q", title=texts["days"], scale=alt.Scale(nice=5)),
        color=alt.Color(
            "series:N",
            sort=series,
            scale=alt.Scale(domain=series, range=PERCENTILE_COLOURS),
            legend=_legend("stroke", 5),
        ),
        tooltip="tip:N",
    )
    median = base.transform_filter(alt.datum.series == series[PERCENTS.index(50)])
    return (
        base.mark_line(strokeWidth=1.6)
        + median.mark_line(strokeWidth=3.4)
        + base.mark_point(filled=True, size=42, opacity=1)
    ).properties(height=240)


def _throughput(texts: dict[str, Any]) -> alt.Chart:
    series = [texts[name] for name in ("planned", "completed", "added", "carried_over")]
    return (
        alt.Chart(alt.NamedData("throughput"))
        .mark_bar(cornerRadiusEnd=1.5)
        .encode(
            x=alt.X(
                "sprint:N",
                sort=None,
                title=None,
                axis=alt.Axis(labelAngle=-35, labelLimit=150, labelOverlap=False),
                scale=alt.Scale(paddingInner=0.28, paddingOuter=0.14),
            ),
            xOffset=alt.XOffset("series:N", sort=series, scale=alt.Scale(domain=series)),
            y=alt.Y("value:Q", title=None, scale=alt.Scale(nice=5), axis=alt.Axis(tickCount=6)),
            color=alt.Color(
                "series:N",
                sort=series,
                scale=alt.Scale(domain=series, range=OUTCOME_COLOURS),
                legend=_legend("square", 4),
            ),
            tooltip="tip:N",
        )
        .properties(height=270)
    )


def _scatter(texts: dict[str, Any], scale: str) -> alt.LayerChart:
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
        .mark_circle(color=ACCENT, size=26, opacity=opacity, aria=False, invalid=None)
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
    lines = alt.Chart(alt.NamedData("lines")).encode(y=y)
    rules = lines.mark_rule(color="#b4533b", strokeDash=[5, 4], strokeWidth=1.4)
    style = {"align": "right", "baseline": "bottom", "dy": -3, "fontWeight": 600, "fontSize": 11}
    words = lines.encode(x=alt.value("width"), text="text:N")
    halo = words.mark_text(**style, stroke="white", strokeWidth=4, strokeJoin="round", opacity=0.85)
    ink = words.mark_text(**style, color="#8f3d28")
    return (dots + rules + halo + ink).properties(height=330)


def _whole_numbers() -> alt.Axis:
    """No half issue: tickMinStep alone lets one tick through between 0 and 1."""
    return alt.Axis(tickMinStep=1, format=",d", labelExpr="datum.value % 1 ? '' : datum.label")


def _lines_of_words() -> alt.Axis:
    """Labels in which | ends a line."""
    return alt.Axis(labelAngle=0, labelExpr="split(datum.label, '|')", labelOverlap=True)


def _legend(symbol: str, columns: int) -> alt.Legend:
    return alt.Legend(
        title=None,
        orient="top",
        symbolType=symbol,
        symbolStrokeWidth=3 if symbol == "stroke" else 0,
        columns=alt.ExprRef(f"width < 380 ? {columns // 2 + columns % 2} : {columns}"),
    )


def _dressed(chart: Any) -> Any:
    return (
        chart.properties(
            width="container",
            background="transparent",
            autosize=alt.AutoSizeParams(type="fit-x", contains="padding"),
        )
        .configure(font=FONT)
        .configure_view(stroke=None)
        .configure_axis(
            labelColor=MUTED,
            titleColor=MUTED,
            titleFontWeight="normal",
            labelFontSize=11,
            titleFontSize=11,
            gridColor=GRID,
            domainColor="#c9d0da",
            tickColor="#c9d0da",
            labelPadding=5,
        )
        .configure_axisX(grid=False)
        .configure_legend(labelColor=INK, labelFontSize=12, padding=0, offset=6)
    )
