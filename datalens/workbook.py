"""A DataLens workbook (export format v1, as release 2.9.0 imports it) from layout and marts.

Import checks little: a wrong column or formula is found only when the chart runs. So every name is
checked here, and nothing in the file depends on a clock, an order of dicts or a random number.
"""

import hashlib
import json
import re
from collections.abc import Iterable
from typing import Any

from datalens.manifest import CLICKHOUSE_TYPES, Mart
from extract.errors import ConfigurationError

Json = dict[str, Any]

SCHEMA = "marts"
SOURCE, AVATAR = "src", "av"
REFERENCE = re.compile(r"\[(\w+)\]")

# How a formula says the same to ClickHouse. There, QUANTILE is a nearest rank by another rule; the
# function that interpolates has a parameter, which only arrayReduce takes from a formula; and a
# quotient of two decimals keeps two places.
FOR_CLICKHOUSE = (
    (
        re.compile(r"QUANTILE\((\[\w+\]), ([\d.]+)\)"),
        r'DB_CALL_FLOAT("arrayReduce", "quantileExactInclusive(\2)", '
        r'DB_CALL_AGG_FLOAT("groupArray", DB_CALL_FLOAT("toFloat64", \1)))',
    ),
    (re.compile(r"(SUM\(\[\w+\]\)) / "), r'DB_CALL_FLOAT("toFloat64", \1) / '),
)
AGGREGATES = re.compile(r"\b(SUM|COUNTD?|MIN|MAX|QUANTILE|DB_CALL_AGG_FLOAT)\(")

# Of a connection, what only one kind of database has.
OF_CONNECTION = {
    "postgres": {"ssl_enable": "off", "enforce_collate": "auto"},
    # the user may read alone, and DataLens may set what it needs for a query
    "clickhouse": {"ssl_ca": None, "readonly": 2},
}

# The pseudo field for the names of a chart's measures. As its colours it gives each measure its own
# (without it five lines are one blue), beside its x the columns stand side by side.
MEASURE_NAMES = {
    "title": "Measure Names",
    "type": "PSEUDO",
    "className": "item pseudo-item dimension-item",
    "data_type": "string",
    "id": "pseudo-mn",
}

# kind -> (visualization, type of the entry, its placeholders: id -> key of the layout)
KINDS = {
    "column": ("column", "graph_wizard_node", {"x": "x", "y": "y"}),
    "line": ("line", "graph_wizard_node", {"x": "x", "y": "y", "y2": "y2"}),
    "table": ("flatTable", "table_wizard_node", {"flat-table-columns": "columns"}),
    "indicator": ("metric", "metric_wizard_node", {"measures": "measure"}),
    "pivot": (
        "pivotTable",
        "table_wizard_node",
        {"pivot-table-columns": "columns", "rows": "rows", "measures": "measure"},
    ),
}

# visualization -> its type and name, where they are not the same word
CALLED = {"pivotTable": ("table", "label_visualization-pivot-table")}

# The cells of a pivot table, the darker the more: one hue, so that everybody can tell them apart.
GRADIENT = {
    "gradientMode": "2-point",
    "gradientPalette": "blue",
    "reversed": True,
    "thresholdsMode": "auto",
}


def build(layout: Json, marts: dict[str, Mart], locale: str, connection: Json) -> Json:
    """The workbook in one language, over the marts in PostgreSQL or in ClickHouse.

    `connection`: db_type, host, port, username and db_name; of ClickHouse `secure`, too.

    Raises ConfigurationError when the layout names a mart, column, chart or selector that is not
    there.
    """
    if connection["db_type"] == "clickhouse":
        layout = _in_clickhouse(layout)
    ids = _Ids()
    connection_id = ids.of("connection")
    datasets = {
        name: _Dataset(
            ids.of(f"dataset {name}"), name, spec, layout["words"], marts, locale, connection
        )
        for name, spec in layout["datasets"].items()
    }
    charts = {
        name: (ids.of(f"chart {name}"), _chart(name, spec, datasets, locale))
        for name, spec in layout["charts"].items()
    }
    export = {
        "version": "v1",
        "entries": {
            "connection": {
                connection_id: {
                    "connection": _connection(_say(layout["connection"], locale), connection)
                }
            },
            "dataset": {
                dataset.id: {"dataset": dataset.entry(connection_id)}
                for dataset in datasets.values()
            },
            "widget": {mock_id: {"widget": widget} for mock_id, widget in charts.values()},
            "dash": {ids.of("dash"): {"dash": _dash(layout, datasets, charts, locale)}},
        },
    }
    # An HMAC with a key of the installation in real exports; DataLens only logs a mismatch.
    return {"export": export, "hash": _digest(export)}


class _Ids:
    """Mock ids: "0", "1", … in the order of first use, one space over all kinds of entries."""

    def __init__(self) -> None:
        self._known: dict[str, str] = {}

    def of(self, key: str) -> str:
        return self._known.setdefault(key, str(len(self._known)))


class _Dataset:
    """One mart with its columns and formulas as DataLens fields."""

    def __init__(
        self,
        mock_id: str,
        name: str,
        spec: Json,
        words: Json,
        marts: dict[str, Mart],
        locale: str,
        connection: Json,
    ) -> None:
        if spec["mart"] not in marts:
            raise ConfigurationError(
                f"the layout's dataset {name} reads {spec['mart']}, which is no mart of the "
                "manifest; correct datalens/layout.yml, or refresh the manifest with: make build"
            )
        self.id = mock_id
        self._is_clickhouse = connection["db_type"] == "clickhouse"
        self._place = (
            {"db_name": connection["db_name"], "db_version": None}
            if self._is_clickhouse
            else {"db_name": None, "db_version": None, "schema_name": SCHEMA}
        )
        self.mart = marts[spec["mart"]]
        self.name = _say(spec["name"], locale)
        self.where = spec.get("where", [])
        self._measures = spec.get("measures", {})
        formulas = spec.get("formulas", {})
        said = {
            column: pairs
            for column in self.mart.columns
            if (pairs := _translations(words.get(column, {}), locale))
        }
        self._titles = (
            {column.name: column.title for column in self.mart.columns.values()}
            | {_stored(column): f"{self.mart.columns[column].title} ({column})" for column in said}
            | {guid: _say(formula["title"], locale) for guid, formula in formulas.items()}
        )
        self.fields = (
            {guid: self._formula(guid, formula, locale) for guid, formula in formulas.items()}
            | {
                column: self._said(column, said[column])
                if column in said
                else self._direct(column, column)
                for column in self.mart.columns
            }
            | {_stored(column): self._direct(_stored(column), column) for column in said}
        )
        for guid in [*self._measures, *(column for column, *_ in self.where)]:
            self.field(guid)

    def field(self, guid: str) -> Json:
        """A field by id; raises ConfigurationError when the dataset has none of that id."""
        if guid not in self.fields:
            raise ConfigurationError(
                f"datalens/layout.yml names {guid}, which is neither a column of {self.mart.name} "
                "nor a formula; correct it, or refresh the manifest with: make build"
            )
        return self.fields[guid]

    def item(self, guid: str) -> Json:
        """A field as a chart holds it."""
        field = self.field(guid)
        return {
            **field,
            "datasetId": self.id,
            "id": f"{field['type'].lower()}-{guid}",
            "datasetName": "",
        }

    def entry(self, connection_id: str) -> Json:
        """The dataset as the workbook holds it."""
        parameters = {**self._place, "table_name": self.mart.name}
        dependencies = [
            {"dep_field_id": guid, "ref_field_ids": _references(field["guid_formula"])}
            for guid, field in self.fields.items()
            if field["calc_mode"] == "formula"
        ]
        return {
            "name": self.name,
            "description": self.mart.description,
            "revision_id": None,
            "load_preview_by_default": True,
            "preview_enabled": True,
            "template_enabled": False,
            "data_export_forbidden": False,
            "sources": [
                {
                    "id": SOURCE,
                    "title": self.mart.name,
                    "source_type": "CH_TABLE" if self._is_clickhouse else "PG_TABLE",
                    "connection_id": connection_id,
                    "managed_by": "user",
                    "virtual": False,
                    "valid": True,
                    "index_info_set": None,
                    "parameters": parameters,
                    "parameter_hash": _digest(parameters)[:16],
                    "raw_schema": [
                        _raw_column(column, is_clickhouse=self._is_clickhouse)
                        for column in self.mart.columns.values()
                    ],
                }
            ],
            "source_avatars": [
                {
                    "id": AVATAR,
                    "source_id": SOURCE,
                    "title": self.mart.name,
                    "is_root": True,
                    "managed_by": "user",
                    "virtual": False,
                    "valid": True,
                }
            ],
            "avatar_relations": [],
            "obligatory_filters": [],
            "rls2": {},
            "component_errors": {"items": []},
            "result_schema": list(self.fields.values()),
            "result_schema_aux": {"inter_dependencies": {"deps": dependencies}},
        }

    def _direct(self, guid: str, name: str) -> Json:
        column = self.mart.columns[name]
        aggregation = self._measures.get(guid, "none")
        return _field(
            guid=guid,
            title=self._titles[guid],
            description=column.description,
            data_type=column.user_type,
            is_measure=aggregation != "none",
            aggregation=aggregation,
            source=name,
            hidden=guid != name,
        )

    def _said(self, name: str, pairs: dict[str, str]) -> Json:
        """A column in words of the dashboard, under the column's own id: selectors link by it."""
        stored = f"[{_stored(name)}]"
        cases = " ELSEIF ".join(
            f'{stored} = "{value}" THEN "{word}"' for value, word in pairs.items()
        )
        description = self.mart.columns[name].description
        for value, word in pairs.items():
            description = description.replace(value, word)
        return self._written(name, f"IF {cases} ELSE {stored} END", "string", description)

    def _formula(self, guid: str, spec: Json, locale: str) -> Json:
        text = " ".join(spec["is"].split())
        for word, translations in spec.get("words", {}).items():
            text = text.replace("{" + word + "}", _say(translations, locale))
        if self._is_clickhouse:
            for pattern, replacement in FOR_CLICKHOUSE:
                text = pattern.sub(replacement, text)
        unknown = set(_references(text)) - set(self._titles)
        if unknown:
            raise ConfigurationError(
                f"the formula {guid} in datalens/layout.yml names {', '.join(sorted(unknown))}, "
                f"no field of {self.mart.name}; correct it, or refresh the manifest: make build"
            )
        return self._written(guid, text, spec["type"], "")

    def _written(self, guid: str, text: str, data_type: str, description: str) -> Json:
        return _field(
            guid=guid,
            title=self._titles[guid],
            description=description,
            data_type=data_type,
            is_measure=bool(AGGREGATES.search(text)),
            guid_formula=text,
            formula=REFERENCE.sub(lambda match: f"[{self._titles[match[1]]}]", text),
        )


def _field(
    *,
    guid: str,
    title: str,
    description: str,
    data_type: str,
    is_measure: bool,
    aggregation: str = "none",
    source: str = "",
    formula: str = "",
    guid_formula: str = "",
    hidden: bool = False,
) -> Json:
    is_formula = bool(guid_formula)
    return {
        "guid": guid,
        "title": title,
        "description": description,
        "type": "MEASURE" if is_measure else "DIMENSION",
        "calc_mode": "formula" if is_formula else "direct",
        "source": source,
        "avatar_id": None if is_formula else AVATAR,
        "formula": formula,
        "guid_formula": guid_formula,
        "data_type": data_type,
        "cast": data_type,
        "initial_data_type": data_type,
        "aggregation": aggregation,
        "aggregation_locked": is_formula,
        "autoaggregated": is_formula and is_measure,
        "has_auto_aggregation": is_formula and is_measure,
        "lock_aggregation": False,
        "hidden": hidden,
        "valid": True,
        "virtual": False,
        "managed_by": "user",
        "ui_settings": "",
        "default_value": None,
        "value_constraint": None,
    }


def _raw_column(column: Any, *, is_clickhouse: bool) -> Json:
    return {
        "name": column.name,
        "title": column.name,
        "description": "",
        "user_type": column.user_type,
        "nullable": True,
        "native_type": (
            _clickhouse_type(column.native_type)
            if is_clickhouse
            else {
                "name": column.native_type,
                "nullable": True,
                "native_type_class_name": "common_native_type",
            }
        ),
        "has_auto_aggregation": False,
        "lock_aggregation": False,
    }


def _clickhouse_type(native_type: str) -> Json:
    name = CLICKHOUSE_TYPES[native_type]
    if name != "datetime64withtz":
        kind, more = "clickhouse_native_type", {}
    else:
        kind = "clickhouse_datetime64withtz_native_type"
        more = {"precision": 6, "timezone_name": "UTC", "explicit_timezone": True}
    return {
        "name": name,
        "nullable": True,
        "native_type_class_name": kind,
        "lowcardinality": False,
        **more,
    }


def _in_clickhouse(layout: Json) -> Json:
    """The layout with what its section `clickhouse` says otherwise."""
    changes = dict(layout["clickhouse"])
    words = changes.pop("instead_of")
    return _reworded(_changed(layout, changes), words)


def _changed(value: Any, by: Any) -> Any:
    """Dicts are merged, all else is replaced."""
    if not (isinstance(value, dict) and isinstance(by, dict)):
        return by
    return value | {
        key: _changed(value[key], change) if key in value else change for key, change in by.items()
    }


def _reworded(value: Any, words: dict[str, str]) -> Any:
    if isinstance(value, dict):
        return {key: _reworded(each, words) for key, each in value.items()}
    if isinstance(value, list):
        return [_reworded(each, words) for each in value]
    if isinstance(value, str):
        for old, new in words.items():
            value = value.replace(old, new)
    return value


def _chart(name: str, spec: Json, datasets: dict[str, _Dataset], locale: str) -> Json:
    dataset = _named(datasets, spec["dataset"], f"dataset of the chart {name}")
    visualization, entry_type, places = KINDS[spec["kind"]]
    called = CALLED.get(visualization, (visualization, f"label_visualization-{visualization}"))
    widths = spec.get("widths", {})
    has_several_measures = len(_listed(spec.get("y"))) > 1
    is_side_by_side = has_several_measures and spec["kind"] == "column"
    placeholders = [
        _placeholder(
            place,
            [
                _gradient_item(dataset, guid)
                if spec["kind"] == "pivot" and place == "measures"
                else _column_item(dataset, guid, widths)
                for guid in _listed(spec.get(key))
            ]
            + [MEASURE_NAMES] * (is_side_by_side and place == "x"),
        )
        for place, key in places.items()
    ]
    shared = {
        "type": "datalens",
        "version": "4",
        "datasetsIds": [dataset.id],
        "datasetsPartialFields": [
            [
                {"guid": guid, "title": field["title"], "calc_mode": field["calc_mode"]}
                for guid, field in dataset.fields.items()
            ]
        ],
        "visualization": {
            "id": visualization,
            "type": called[0],
            "name": called[1],
            "placeholders": placeholders,
            "allowFilters": True,
            "allowColors": True,
            "allowSort": True,
            "allowLabels": True,
        },
        "colors": [MEASURE_NAMES] * has_several_measures,
        "filters": [
            {
                **dataset.item(guid),
                "filter": {"operation": {"code": operation}, "value": [value]},
            }
            for guid, operation, value in [*dataset.where, *spec.get("where", [])]
        ],
        "sort": [_sorted_by(order, dataset) for order in spec.get("sort", [])],
        "updates": [],
        "extraSettings": {"pagination": "on", "limit": 100} if spec["kind"] == "table" else {},
        **{key: {} for key in ("colorsConfig", "geopointsConfig", "shapesConfig")},
        **{key: [] for key in ("hierarchies", "labels", "links", "segments", "shapes", "tooltips")},
    }
    return {
        "name": _say(spec["name"], locale),
        "type": entry_type,
        "annotation": {"description": ""},
        "data": {"shared": shared},
    }


def _column_item(dataset: _Dataset, guid: str, widths: dict[str, int]) -> Json:
    """A field in its place; in a table with widths, with its share of the table in percent."""
    if guid not in widths:
        return dataset.item(guid)
    width = {"mode": "percent", "value": str(widths[guid])}
    return {**dataset.item(guid), "columnSettings": {"width": width}}


def _gradient_item(dataset: _Dataset, guid: str) -> Json:
    """A measure of a pivot table, its cells coloured by its own value."""
    settings = {"gradientState": GRADIENT, "paletteState": {}, "isContinuous": True}
    background = {
        "enabled": True,
        "settingsId": f"background-{guid}",
        "colorFieldGuid": guid,
        "settings": settings,
    }
    return {**dataset.item(guid), "backgroundSettings": background}


def _placeholder(place: str, items: list[Json]) -> Json:
    return {
        "id": place,
        "type": place,
        "title": f"section_{place}",
        "items": items,
        "settings": {},
        "required": False,
        "allowedTypes": {},
    }


def _sorted_by(order: str, dataset: _Dataset) -> Json:
    """`asc x` or `desc x`; x need not be a field that the chart shows."""
    way, guid = order.split()
    return {**dataset.item(guid), "direction": way.upper()}


def _dash(layout: Json, datasets: dict[str, _Dataset], charts: Json, locale: str) -> Json:
    tabs = [_tab(tab, layout["selectors"], datasets, charts, locale) for tab in layout["tabs"]]
    return {
        "name": _say(layout["name"], locale),
        "annotation": {"description": ""},
        "data": {
            "salt": "0.1",
            "counter": sum(len(tab["items"]) for tab in tabs) + 1,
            "schemeVersion": 8,
            "settings": {
                "expandTOC": False,
                "globalParams": {},
                "silentLoading": False,
                "autoupdateInterval": None,
                "dependentSelectors": True,
                "maxConcurrentRequests": None,
            },
            "tabs": tabs,
        },
    }


def _tab(
    tab: Json, selectors: Json, datasets: dict[str, _Dataset], charts: Json, locale: str
) -> Json:
    items = []
    for spec in tab["items"]:
        if "chart" in spec:
            mock_id, widget = _named(charts, spec["chart"], f"chart on the tab {tab['id']}")
            item_id = f"{tab['id']}_{spec['chart']}"
            items.append(
                _widget_item(item_id, mock_id, widget["name"], spec.get("hide_title", False))
            )
        elif "selector" in spec:
            name = spec["selector"]
            selector = _named(selectors, name, f"selector on the tab {tab['id']}")
            items.append(_control_item(f"{tab['id']}_by_{name}", selector, datasets, locale))
        else:
            text = _say(spec["text"], locale)
            items.append({"id": spec["id"], "type": "text", "data": {"text": text}})
    return {
        "id": tab["id"],
        "title": _say(tab["title"], locale),
        "items": [{**item, "namespace": "default"} for item in items],
        "layout": [
            {"i": item["id"], **dict(zip("xywh", spec["at"], strict=True))}
            for item, spec in zip(items, tab["items"], strict=True)
        ],
        "aliases": {},
        "connections": [],
    }


def _widget_item(item_id: str, chart_id: str, title: str, hide_title: bool) -> Json:
    widget_tab = {
        "id": f"{item_id}_tab",
        "title": title,
        "description": "",
        "chartId": chart_id,
        "isDefault": True,
        "autoHeight": False,
        "params": {},
    }
    data = {"tabs": [widget_tab], "hideTitle": hide_title}
    return {"id": item_id, "type": "widget", "data": data}


def _control_item(item_id: str, selector: Json, datasets: dict[str, _Dataset], locale: str) -> Json:
    dataset_name, guid = selector["from"].split(".")
    dataset = _named(datasets, dataset_name, f"dataset of the selector {item_id}")
    field = dataset.field(guid)
    default = _say(selector.get("default", ""), locale)
    source = {
        "datasetId": dataset.id,
        "datasetFieldId": guid,
        "datasetFieldType": field["type"],
        "fieldType": field["data_type"],
        "showTitle": True,
    }
    if selector.get("range"):
        source |= {"elementType": "date", "isRange": True}
    else:
        source |= {"elementType": "select", "multiselectable": selector.get("many", False)}
    if default:
        source["defaultValue"] = default
    if "hint" in selector:
        source |= {"showHint": True, "hint": _say(selector["hint"], locale)}
    return {
        "id": item_id,
        "type": "control",
        "data": {"title": field["title"], "sourceType": "dataset", "source": source},
        "defaults": {guid: default},
    }


def _connection(name: str, address: Json) -> Json:
    return {
        "name": name,
        "description": "",
        **address,
        # DataLens asks for the real one after the import; a password is never in a file
        "password": "******",
        **OF_CONNECTION[address["db_type"]],
        "cache_ttl_sec": None,
        "raw_sql_level": "off",
        "data_export_forbidden": "off",
    }


def _say(text: Any, locale: str) -> Any:
    """A text of the layout: the same in every language, or one per language."""
    return text[locale] if isinstance(text, dict) else text


def _translations(words: Json, locale: str) -> dict[str, str]:
    """What to say for which value; one that a language has no word for is said as it stands."""
    return {
        value: _say(word, locale)
        for value, word in words.items()
        if not isinstance(word, dict) or locale in word
    }


def _stored(column: str) -> str:
    """The id of a column as the mart holds it, where its own id gives it in other words."""
    return f"stored_{column}"


def _listed(value: Any) -> list[str]:
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def _named(known: dict[str, Any], name: str, what: str) -> Any:
    if name not in known:
        raise ConfigurationError(f"datalens/layout.yml: there is no {name}, the {what}")
    return known[name]


def _references(formula: str) -> list[str]:
    return list(dict.fromkeys(REFERENCE.findall(formula)))


def _digest(value: Json | Iterable[Any]) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()
