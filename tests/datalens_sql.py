"""The SQL that DataLens 2.9.0 sends for a chart of a workbook, for the formulas that we use.

Written after the requests that the real ui-api and data-api made (`datalens_recorded.json`): one
query over the mart as `av`, dimensions grouped, each selector an `IN` or, of a range of dates, a
`BETWEEN`, a filter of the chart dropped when a selector names the same field, fields that a dataset
does not have ignored.
"""

import re
from datetime import date, timedelta
from typing import Any

Json = dict[str, Any]

LIMIT = 1_000_001

# markup travels as text: (cl "words" "#colour")
MARKUP = {"COLOR": "cl", "SIZE": "sz", "BOLD": "b"}
TEXT, MARKED = "\0", "\1"

# a range of dates as a selector hands it on: of days, or of days before today
INTERVAL = re.compile(r"__interval_(__relative_-\d+d|[\d-]+)_(__relative_-\d+d|[\d-]+)")

REWRITES = (
    (r"QUANTILE\((\[\w+\]), ([\d.]+?)0*\)", r"percentile_disc(\2) WITHIN GROUP (ORDER BY \1)"),
    (r"COUNTD\((\[\w+\])\)", r"count(DISTINCT \1)"),
    (r"(SUM\(\[\w+\]\)) ?/ ?", r"CAST(\1 AS DOUBLE PRECISION) / "),
    (r"IFNULL\(", "coalesce("),
    (r"ISNULL\((\[\w+\])\)", r"\1 IS NULL"),
    (rf"DATETRUNC\((\[\w+\]), {TEXT}\)", rf"CAST(date_trunc({TEXT}, \1) AS DATE)"),
    (r"STR\((\[p\d\d_\w+\])\)", r"CAST(\1 AS TEXT)"),  # of numbers
    (r"STR\((\[\w+\])\)", r"to_char(\1, 'YYYY-MM-DD')"),  # of dates alone
    (r"CONCAT\(", "concat("),
    (r"\b(SUM|MAX|MIN|COUNT)\(", lambda match: f"{match[1].lower()}("),
    (r"\bELSEIF\b", "WHEN"),
    (r"\bIF\b", "CASE WHEN"),
)

# For ClickHouse, as the source of its connector in data-api reads; no request of it was recorded.
CLICKHOUSE_REWRITES = (
    (r"\(NOW\(\) - (MAX\(\[\w+\]\)|\[\w+\])\)", r"(dateDiff('second', \1, now()) / 86400)"),
    (r"COUNTD\(", "uniqExact("),
    (r"IFNULL\(", "ifNull("),
    (r"ISNULL\((\[\w+\])\)", r"isNull(\1)"),
    (r"STR\(", "toString("),
    (r"CONCAT\(", "concat("),
    (r"\b(SUM|MAX|MIN|COUNT)\(", lambda match: f"{match[1].lower()}("),
    (r"\bELSEIF\b", "WHEN"),
    (r"\bIF\b", "CASE WHEN"),
)


def expression(field: Json, fields: dict[str, Json], rewrites: Any = REWRITES) -> str:
    """One field of a dataset as SQL."""
    if field["calc_mode"] == "direct":
        column = f"av.{field['source']}"
        return column if field["aggregation"] == "none" else f"{field['aggregation']}({column})"
    formula = re.sub(r'DB_CALL(?:_AGG)?_FLOAT\("(\w+)", ', r"\1(", field["guid_formula"])
    texts = re.findall(r'"([^"]*)"', formula)
    sql = re.sub(r'"[^"]*"', TEXT, formula)
    while found := re.search(rf"({'|'.join(MARKUP)})\(([{TEXT}{MARKED}])(,\s*{TEXT})?\)", sql):
        start = len(re.findall(f"[{TEXT}{MARKED}]", sql[: found.start()]))
        end = start + (2 if found[3] else 1)
        words = [f'"{text}"' for text in texts[start:end]]
        if found[2] == MARKED:
            words[0] = texts[start]
        texts[start:end] = [f"({MARKUP[found[1]]} {' '.join(words)})"]
        sql = sql[: found.start()] + MARKED + sql[found.end() :]
    for pattern, replacement in rewrites:
        sql = re.sub(pattern, replacement, sql)
    sql = re.sub(r"\[(\w+)\]", lambda match: expression(fields[match[1]], fields, rewrites), sql)
    literals = iter(texts)
    return re.sub(f"[{TEXT}{MARKED}]", lambda _: _literal(next(literals), "string"), sql)


def chart_sql(workbook: Json, chart: Json, selected: dict[str, list[str]] | None = None) -> str:
    """The query of a chart under the values of the selectors."""
    shared = chart["data"]["shared"]
    dataset = entries(workbook, "dataset")[shared["datasetsIds"][0]]
    fields = chart_fields(workbook, chart)
    selected = {guid: values for guid, values in (selected or {}).items() if guid in fields}
    filters = [
        (item["guid"], item["filter"]["operation"]["code"], item["filter"]["value"])
        for item in shared["filters"]
        if item["guid"] not in selected
    ]
    return query(
        dataset,
        fields,
        chart_columns(chart),
        filters + [(guid, *_chosen(values)) for guid, values in selected.items()],
        [(item["guid"], item["direction"]) for item in shared["sort"]],
    )


def chart_fields(workbook: Json, chart: Json) -> dict[str, Json]:
    """The fields of a chart's dataset; a chart of ours changes none of them."""
    shared = chart["data"]["shared"]
    assert shared["updates"] == []  # noqa: S101
    schema = entries(workbook, "dataset")[shared["datasetsIds"][0]]["result_schema"]
    return {field["guid"]: field for field in schema}


def chart_columns(chart: Json) -> list[str]:
    """The ids of the fields that a chart asks for, in the order of the columns of its query."""
    shared = chart["data"]["shared"]
    placed = [
        item["guid"]
        for place in shared["visualization"]["placeholders"]
        for item in place["items"]
        if item["type"] != "PSEUDO"
    ]
    return list(dict.fromkeys(placed + [item["guid"] for item in shared["sort"]]))


def selector_sql(workbook: Json, control: Json, selected: dict[str, list[str]]) -> str:
    """The values that a selector offers while the others of its tab are set."""
    source = control["data"]["source"]
    dataset = entries(workbook, "dataset")[source["datasetId"]]
    fields = {field["guid"]: field for field in dataset["result_schema"]}
    guid = source["datasetFieldId"]
    filters = [
        (other, *_chosen(values))
        for other, values in selected.items()
        if other in fields and other != guid
    ]
    return query(dataset, fields, [guid], filters, [(guid, "ASC")])


def query(
    dataset: Json,
    fields: dict[str, Json],
    shown: list[str],
    filters: list[tuple[str, str, list[str]]],
    order: list[tuple[str, str]],
    database: str = "",
) -> str:
    """One request to data-api as SQL; the columns are res_0, res_1, …"""
    alias = {guid: f"res_{place}" for place, guid in enumerate(shown)}
    source = dataset["sources"][0]["parameters"]
    is_clickhouse = "schema_name" not in source
    rewrites = CLICKHOUSE_REWRITES if is_clickhouse else REWRITES
    columns = ", ".join(
        f"{expression(fields[guid], fields, rewrites)} AS {alias[guid]}" for guid in shown
    )
    schema = f"`{source['db_name']}`" if is_clickhouse else source["schema_name"]
    clauses = [f"SELECT {columns}", f"FROM {database}{schema}.{source['table_name']} AS av"]
    if filters:
        conditions = (_condition(fields[guid], fields, rewrites, *rest) for guid, *rest in filters)
        clauses.append(f"WHERE {' AND '.join(conditions)}")
    grouped = [alias[guid] for guid in shown if fields[guid]["type"] == "DIMENSION"]
    if grouped:
        clauses.append(f"GROUP BY {', '.join(grouped)}")
    if order:
        keys = (
            f"{alias[guid]} {way} NULLS {'FIRST' if way == 'ASC' else 'LAST'}"
            for guid, way in order
        )
        clauses.append(f"ORDER BY {', '.join(keys)}")
    return "\n".join([*clauses, f"LIMIT {LIMIT}"])


def entries(workbook: Json, scope: str) -> dict[str, Json]:
    """The objects of one kind, by mock id."""
    return {
        mock_id: entry[scope] for mock_id, entry in workbook["export"]["entries"][scope].items()
    }


def interval(value: str) -> tuple[date, date] | None:
    """First and last day of a range of dates; None if the value is none."""
    found = INTERVAL.fullmatch(value)
    if not found:
        return None
    first, last = (
        date.today() - timedelta(days=int(re.sub(r"\D", "", end)))
        if "relative" in end
        else date.fromisoformat(end)
        for end in found.groups()
    )
    return first, last


def _chosen(values: list[str]) -> tuple[str, list[str]]:
    """What a selector's values are as a filter."""
    days = interval(values[0])
    return ("BETWEEN", [str(day) for day in days]) if days else ("IN", values)


def _condition(
    field: Json, fields: dict[str, Json], rewrites: Any, operation: str, values: list[str]
) -> str:
    column = expression(field, fields, rewrites)
    literals = [_literal(value, field["data_type"]) for value in values]
    if operation == "IN":
        return f"{column} IN ({', '.join(literals)})"
    if operation == "BETWEEN":
        return f"{column} BETWEEN {literals[0]} AND {literals[1]}"
    assert operation == "GTE", f"no such filter in our layout: {operation}"  # noqa: S101
    return f"{column} >= {literals[0]}"


def _literal(value: str, data_type: str) -> str:
    if data_type == "string":
        return "'" + value.replace("'", "''") + "'"
    if data_type == "date":
        return f"'{value}'::date"
    return str(float(value)) if data_type == "float" else value
