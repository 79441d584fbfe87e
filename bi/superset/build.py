"""Makes what Superset imports of boards/*.yml and datasets.yml: one bundle per language.

    python bi/superset/build.py duckdb:////srv/crm/crm.duckdb
    python bi/superset/build.py postgresql://superset@db.example/crm

The address is the one that Superset itself is to use; a password is not written to a bundle,
Superset asks for it at the import. Identifiers depend on names alone, so that a later bundle takes
the place of an earlier one.
"""

from __future__ import annotations

import csv
import json
import zipfile
from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from typing import Any
from uuid import NAMESPACE_URL, uuid5

import click
import jinja2
import yaml
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

HERE = Path(__file__).resolve().parent
LANGUAGES = ("en", "ru")
NAMESPACE = uuid5(NAMESPACE_URL, "bitrix24-effectiveness/bi/superset")
DATABASE = "databases/crm_effect.yaml"
GRID = 12
"""Columns of a board."""
TYPES = {
    "number": "DOUBLE",
    "date": "DATE",
    "timestamp": "TIMESTAMP",
    "boolean": "BOOLEAN",
    "text": "VARCHAR",
}

Document = dict[str, Any]


def read(name: str) -> Document:
    """One file of this folder."""
    return yaml.safe_load((HERE / name).read_text("utf-8"))


def words_of(language: str) -> dict[str, str]:
    """Words that are the same everywhere in the project, and those that only boards need."""
    file = resources.files("bitrix24_effectiveness") / "words" / f"{language}.yml"
    found: dict[str, str] = {}
    for part in yaml.safe_load(file.read_text("utf-8")).values():
        found |= part
    return found | read("words.yml")[language]


class Labels:
    """What people call columns and codes in a language: seeds/labels.csv."""

    def __init__(self, language: str) -> None:
        """Reads them."""
        with (HERE.parents[1] / "seeds/labels.csv").open(encoding="utf-8", newline="") as file:
            self._labels = {
                (row["table_name"], row["column_name"], row["member"]): row[f"label_{language}"]
                for row in csv.DictReader(file)
            }

    def column(self, name: str, table: str = "") -> str | None:
        """What the table calls its column, or what every table calls it."""
        return self._labels.get((table, name, "")) or self._labels.get(("", name, ""))

    def members(self, column: str) -> list[tuple[str, str]]:
        """The codes of `column`, or of `table.column`, each with its words."""
        wanted, _, name = column.rpartition(".")
        found = [
            (key[2], said)
            for key, said in self._labels.items()
            if key[:2] == (wanted, name) and key[2]
        ]
        if not found:
            raise LookupError(f"seeds/labels.csv has no words for the codes of {column}")
        return found


def sql_tools(words: dict[str, str], labels: Labels) -> dict[str, Any]:
    """What the queries of datasets.yml are written with, beside plain SQL."""

    def quoted(text: str) -> str:
        return "'" + text.replace("'", "''") + "'"

    def word(column: str, value: str = "") -> str:
        code = value or column.rpartition(".")[2]
        cases = [
            f"when {code} = {quoted(member)} then {quoted(said)}"
            for member, said in labels.members(column)
        ]
        return f"case {' '.join(cases)} else {code} end"

    def named(key: str, name: str) -> str:
        unknown = quoted(words["member_unknown"])
        return f"case when coalesce({key}, 'unknown') = 'unknown' then {unknown} else {name} end"

    def figure(value: str, plus: str = "") -> str:
        # as text: Superset has one format for a column, and a table of metrics needs several
        size = f"abs({value})"
        whole = f"round({size})"
        above = f"floor({whole} / 1000)"
        units = f"lpad({text(f'{whole} - 1000 * {above}')}, 3, '0')"
        millions = f"floor({whole} / 1000000)"
        thousands = f"lpad({text(f'{above} - 1000 * {millions}')}, 3, '0')"
        comma = quoted(words["thousands"])

        def rounded(digits: int) -> str:
            exact = f"cast(cast({size} as decimal(12, {digits})) as varchar)"
            return f"replace({exact}, '.', {quoted(words['decimal'])})"

        return f"""
            case when {value} < 0 then '−' when {value} > 0 then '{plus}' else '' end
            || case
                when {whole} >= 1000000
                    then {text(millions)} || {comma} || {thousands} || {comma} || {units}
                when {whole} >= 1000 then {text(above)} || {comma} || {units}
                when {size} >= 100 then {text(whole)}
                when {size} >= 10 then {rounded(1)}
                else {rounded(2)}
            end"""

    def text(number: str) -> str:
        return f"cast(cast({number} as bigint) as varchar)"

    def day(value: str) -> str:
        # as text: a template would show the day in the zone of the reader's browser
        iso = f"cast(cast({value} as date) as varchar)"
        year, month, of_month = (
            f"substr({iso}, 1, 4)",
            f"substr({iso}, 6, 2)",
            f"substr({iso}, 9, 2)",
        )
        return f"{of_month} || '.' || {month} || '.' || {year}" if words["is_day_first"] else iso

    def month(value: str) -> str:
        return f"substr({day(value)}, {'4, 7' if words['is_day_first'] else '1, 7'})"

    return {
        "word": word,
        "members": labels.members,
        "named": named,
        "figure": figure,
        "text": text,
        "day": day,
        "month": month,
        "words": words,
    }


class Bundle:
    """The files of one language."""

    def __init__(self, language: str, uri: str, schema: str) -> None:
        """Reads the descriptions; see `files`."""
        self.language = language
        self.uri = uri
        self.schema = schema
        self.words = words_of(language)
        self.labels = Labels(language)
        self.datasets = read("datasets.yml")
        self.boards = [
            read(f"boards/{path.name}") for path in sorted((HERE / "boards").glob("*.yml"))
        ]
        self._jinja = jinja2.Environment(undefined=jinja2.StrictUndefined)
        self._jinja.globals |= sql_tools(self.words, self.labels) | {"lang": language}

    def files(self) -> Iterator[tuple[str, Document]]:
        """Path in the bundle and what it says."""
        # no type: the import of dashboards and that of all assets both take it
        yield "metadata.yaml", {"version": "1.0.0"}
        yield DATABASE, self._database()
        for name, dataset in self.datasets.items():
            yield f"datasets/crm_effect/{name}.yaml", self._dataset(name, dataset)
        for board in self.boards:
            for chart in charts_of(board):
                yield f"charts/{board['code']}_{slug(chart)}.yaml", self._chart(board, chart)
            yield f"dashboards/{board['code']}.yaml", self._dashboard(board)

    def _uuid(self, *names: str) -> str:
        return str(uuid5(NAMESPACE, "/".join((self.language, *names))))

    def _address(self, board: Document) -> str:
        return f"crm-{board['code']}-{self.language}"

    def _in_language(self, texts: dict[str, str]) -> str:
        return texts[self.language]

    def _database(self) -> Document:
        url = make_url(self.uri)
        if url.username:
            # what Superset takes for a password that it is to ask for
            url = url.set(password="X" * 10)
        # read-only, and no other file of the server may be reached by a query
        connect = {"read_only": True, "config": {"enable_external_access": "false"}}
        return {
            "database_name": "CRM",
            "sqlalchemy_uri": url.render_as_string(hide_password=False),
            # seconds for which a Superset with a cache may answer from it: docs/bi.md
            "cache_timeout": 600,
            "expose_in_sqllab": True,
            "allow_run_async": False,
            "allow_ctas": False,
            "allow_cvas": False,
            "allow_dml": False,
            "allow_file_upload": False,
            "extra": {"engine_params": {"connect_args": connect}}
            if url.drivername.startswith("duckdb")
            else {},
            # one for both languages
            "uuid": str(uuid5(NAMESPACE, "database")),
            "version": "1.0.0",
        }

    def _dataset(self, name: str, dataset: Document) -> Document:
        sql = self._jinja.from_string(dataset["sql"]).render()
        return {
            "table_name": self._in_language(dataset["title"]) + f" ({self.language})",
            "main_dttm_col": dataset.get("time"),
            "schema": self.schema,
            "sql": sql.replace("marts.", f"{self.schema}."),
            "uuid": self._uuid("dataset", name),
            "database_uuid": str(uuid5(NAMESPACE, "database")),
            "version": "1.0.0",
            "columns": [
                {
                    "column_name": column,
                    "verbose_name": self.words.get(f"c_{column}")
                    or self.labels.column(column, dataset.get("table", "")),
                    "type": TYPES[kind],
                    "is_dttm": kind in ("date", "timestamp"),
                    "groupby": True,
                    "filterable": True,
                    "is_active": True,
                }
                for kind, columns in dataset["columns"].items()
                for column in columns
            ],
            "metrics": [
                {
                    "metric_name": measure,
                    "verbose_name": self._in_language(label),
                    "expression": expression,
                    "d3format": form,
                }
                for measure, (label, expression, form) in dataset.get("measures", {}).items()
            ],
        }

    def _chart(self, board: Document, chart: Document) -> Document:
        dataset = self.datasets[chart["dataset"]]
        viz, own = PARAMETERS[chart["kind"]](self, chart, dataset)
        filters = []
        if dataset.get("time"):
            filters.append(
                {
                    "clause": "WHERE",
                    "expressionType": "SIMPLE",
                    "subject": dataset["time"],
                    "operator": "TEMPORAL_RANGE",
                    "comparator": "No filter",
                }
            )
        if chart.get("where"):
            filters.append(
                {"clause": "WHERE", "expressionType": "SQL", "sqlExpression": chart["where"]}
            )
        return {
            "slice_name": self._in_language(chart["title"]),
            "viz_type": viz,
            "params": {
                "viz_type": viz,
                "adhoc_filters": filters,
                "row_limit": 10000,
                "color_scheme": "supersetColors",
                "extra_form_data": {},
                **own,
            },
            "query_context": None,
            "uuid": self._uuid("chart", board["code"], slug(chart)),
            "dataset_uuid": self._uuid("dataset", chart["dataset"]),
            "version": "1.0.0",
        }

    def _dashboard(self, board: Document) -> Document:
        return {
            "dashboard_title": self._in_language(board["title"]),
            "description": self._in_language(board["text"]),
            "slug": self._address(board),
            "published": True,
            "uuid": self._uuid("dashboard", board["code"]),
            "position": self._position(board),
            "metadata": {
                "native_filter_configuration": [
                    self._filter(board, code) for code in board["filters"]
                ],
                "color_scheme": "supersetColors",
                "cross_filters_enabled": False,
                "refresh_frequency": 0,
            },
            "version": "1.0.0",
        }

    def _position(self, board: Document) -> Document:
        links = [
            f"[{self._in_language(other['title'])}](/superset/dashboard/{self._address(other)}/)"
            for other in self.boards
            if other is not board
        ]
        text = f"{self._in_language(board['text'])}\n\n{' · '.join(links)}"
        rows = [[("MARKDOWN", {"width": GRID, "height": 14, "code": text})]]
        number = 0
        for row in board["rows"]:
            placed = []
            for chart in map(completed, row):
                number += 1
                meta = {
                    # a number that is this file's own; Superset gives another
                    "chartId": number,
                    "uuid": self._uuid("chart", board["code"], slug(chart)),
                    "sliceName": self._in_language(chart["title"]),
                    "width": chart.get("width", GRID // len(row)),
                    "height": chart["height"],
                }
                placed.append(("CHART", meta))
            rows.append(placed)
        position: Document = {
            "DASHBOARD_VERSION_KEY": "v2",
            "ROOT_ID": {"type": "ROOT", "children": ["GRID_ID"]},
            "HEADER_ID": {"type": "HEADER", "meta": {"text": self._in_language(board["title"])}},
        }
        keys = []
        for line, row in enumerate(rows):
            keys.append(key := f"ROW-{line}")
            children = [f"{kind}-{line}-{place}" for place, (kind, _) in enumerate(row)]
            above = ["ROOT_ID", "GRID_ID"]
            for child, (kind, meta) in zip(children, row, strict=True):
                position[child] = {"type": kind, "meta": meta, "parents": [*above, key]}
            meta = {"background": "BACKGROUND_TRANSPARENT"}
            position[key] = {"type": "ROW", "meta": meta, "children": children, "parents": above}
        position["GRID_ID"] = {"type": "GRID", "children": keys, "parents": ["ROOT_ID"]}
        for key, item in position.items():
            if isinstance(item, dict):
                item |= {"id": key, "children": item.get("children", [])}
        return position

    def _filter(self, board: Document, code: str) -> Document:
        target: Document = {}
        if code != "period":
            dataset, column = FILTERS[code]
            target = {"datasetUuid": self._uuid("dataset", dataset), "column": {"name": column}}
        return {
            "id": f"NATIVE_FILTER-{code}",
            "name": self.words["period"]
            if code == "period"
            else self.labels.column(FILTERS[code][1]),
            "type": "NATIVE_FILTER",
            "filterType": "filter_time" if code == "period" else "filter_select",
            "targets": [target],
            "scope": {"rootPath": ["ROOT_ID"], "excluded": []},
            "cascadeParentIds": [],
            "controlValues": {
                "multiSelect": True,
                "enableEmptyFilter": False,
                "searchAllOptions": False,
            },
            "defaultDataMask": {"extraFormData": {}, "filterState": {}, "ownState": {}},
        }

    def format_of(self, chart: Document, dataset: Document) -> str:
        """Format of the first measure of a chart."""
        return dataset["measures"][chart["measures"][0]][2]

    # -- what Superset calls form data, by kind of chart

    def number(self, chart: Document, dataset: Document) -> tuple[str, Document]:
        """One figure."""
        return "big_number_total", {
            "metric": chart["measures"][0],
            "y_axis_format": self.format_of(chart, dataset),
            "header_font_size": 0.4,
        }

    def card(self, chart: Document, dataset: Document) -> tuple[str, Document]:
        """The newest figure, and a line of those before."""
        return "big_number", {
            "metric": chart["measures"][0],
            "x_axis": dataset["time"],
            "time_grain_sqla": "P1M",
            "y_axis_format": self.format_of(chart, dataset),
            "show_timestamp": True,
            "show_trend_line": True,
            "start_y_axis_at_zero": True,
            "time_format": "%m.%Y",
            "header_font_size": 0.4,
            "subheader_font_size": 0.15,
        }

    def line(self, chart: Document, dataset: Document) -> tuple[str, Document]:
        """A line by month for each measure or member."""
        return "echarts_timeseries_line", self._by_month(chart, dataset) | {
            "markerEnabled": True,
            "markerSize": 5,
        }

    def columns(self, chart: Document, dataset: Document) -> tuple[str, Document]:
        """Columns by month, one upon the other."""
        return "echarts_timeseries_bar", self._by_month(chart, dataset) | {"stack": "Stack"}

    def _by_month(self, chart: Document, dataset: Document) -> Document:
        return {
            "x_axis": chart["x"],
            "time_grain_sqla": "P1M",
            "metrics": chart["measures"],
            "groupby": [chart["by"]] if "by" in chart else [],
            "y_axis_format": self.format_of(chart, dataset),
            "x_axis_time_format": "%m.%Y",
            "tooltipTimeFormat": "%m.%Y",
            "rich_tooltip": True,
            "show_legend": "by" in chart or len(chart["measures"]) > 1,
            "legendType": "scroll",
            "legendOrientation": "top",
            "sort_series_type": "sum",
            "truncate_metric": True,
            # a share ends at 100 %, whatever room a chart would leave above it
            "y_axis_bounds": [0, 1] if self.format_of(chart, dataset) == ".0%" else [None, None],
            # cut at those bounds and nowhere else: other axes begin at 0
            "truncateYAxis": self.format_of(chart, dataset) == ".0%",
        }

    def bars(self, chart: Document, dataset: Document) -> tuple[str, Document]:
        """Lying bars, the longest at the top, or by name."""
        is_by_name = chart.get("sort") == "name"
        return "echarts_timeseries_bar", {
            "x_axis": chart["x"],
            "metrics": chart["measures"],
            "groupby": [],
            "orientation": "horizontal",
            "x_axis_sort": chart["x"] if is_by_name else chart["measures"][0],
            "x_axis_sort_asc": not is_by_name,
            "y_axis_format": self.format_of(chart, dataset),
            "show_legend": False,
            "show_value": True,
            "rich_tooltip": True,
        }

    def table(self, chart: Document, dataset: Document) -> tuple[str, Document]:
        """Members and their measures."""
        formats = {measure: dataset["measures"][measure][2] for measure in chart["measures"]}
        return "table", {
            "query_mode": "aggregate",
            "groupby": chart["by"],
            "metrics": chart["measures"],
            "order_desc": True,
            "column_config": {name: {"d3NumberFormat": form} for name, form in formats.items()},
            "show_cell_bars": False,
            "server_pagination": False,
            "page_length": 0,
        }

    def rows(self, chart: Document, dataset: Document) -> tuple[str, Document]:
        """Rows as the query gives them."""
        formats = chart.get("formats", {})
        config = {column: {"d3NumberFormat": ",d"} for column in chart["columns"]}
        config |= {name: {"d3NumberFormat": form} for name, form in formats.items()}
        return "table", self._raw(chart) | {
            "column_config": config,
            "show_cell_bars": False,
            "table_timestamp_format": "%d.%m.%Y",
            "page_length": 0,
        }

    def _raw(self, chart: Document) -> Document:
        order = chart.get("order_by", [])
        order = [order] if isinstance(order, str) else order
        return {
            "query_mode": "raw",
            "all_columns": chart["columns"],
            "order_by_cols": [
                json.dumps([column, not chart.get("is_descending")]) for column in order
            ],
            "row_limit": 1000,
        }

    def heat(self, chart: Document, dataset: Document) -> tuple[str, Document]:
        """A table of shaded cells."""
        return "heatmap_v2", {
            "x_axis": chart["x"],
            "groupby": chart["by"],
            "time_grain_sqla": chart.get("grain", "P1M"),
            "metric": chart["measures"][0],
            "normalize_across": "heatmap",
            "linear_color_scheme": "superset_seq_1",
            "sort_x_axis": "alpha_asc",
            "sort_y_axis": "alpha_asc",
            "show_values": True,
            "show_legend": False,
            "show_percentage": False,
            "x_axis_time_format": "%m.%Y",
            "y_axis_format": self.format_of(chart, dataset),
            "value_bounds": [None, None],
        }

    def waterfall(self, chart: Document, dataset: Document) -> tuple[str, Document]:
        """What a sum is made of."""
        return "waterfall", {
            "x_axis": chart["x"],
            "metric": chart["measures"][0],
            "y_axis_format": self.format_of(chart, dataset),
            "show_value": True,
            "show_total": True,
            "x_ticks_layout": "45°",
            "total_label": self.words["total"],
            "increase_label": "+",
            "decrease_label": "-",
        }


PARAMETERS = {
    name: getattr(Bundle, name)
    for name in (
        "number",
        "card",
        "line",
        "columns",
        "bars",
        "table",
        "rows",
        "heat",
        "waterfall",
    )
}
FILTERS = {
    "channel": ("sales", "channel_name"),
    "pipeline": ("deals", "pipeline_name"),
    "employee": ("sales", "employee_name"),
    "request": ("requests", "request_channel"),
}
"""Where the members of a filter are listed. It filters whatever has a column of that name."""


def completed(chart: Document) -> Document:
    """A card of a metric says no more than its code."""
    if "metric_code" not in chart:
        return chart
    return chart | {
        "kind": "card",
        "dataset": "metric_months",
        "measures": [chart["measure"]],
        "where": f"metric_code = '{chart['metric_code']}'",
        "height": 26,
    }


def charts_of(board: Document) -> list[Document]:
    """All of a board, in reading order."""
    return [completed(chart) for row in board["rows"] for chart in row]


def slug(chart: Document) -> str:
    """Its name in the bundle, which no translation changes."""
    return "".join(letter if letter.isalnum() else "_" for letter in chart["title"]["en"].lower())


def write(language: str, uri: str, schema: str, folder: Path) -> Path:
    """Writes the bundle of a language."""
    path = folder / f"crm_boards.{language}.zip"
    folder.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as bundle:
        for name, document in Bundle(language, uri, schema).files():
            text = yaml.safe_dump(document, allow_unicode=True, sort_keys=False, width=1000)
            # the same input, the same bytes
            bundle.writestr(zipfile.ZipInfo(f"crm_boards/{name}"), text)
    return path


def address(_context: click.Context, _parameter: click.Parameter, uri: str) -> str:
    """The URI, if it is one of a database on which marts are published."""
    try:
        engine = make_url(uri).get_backend_name()
    except ArgumentError:
        engine = "no address"
    if engine not in ("duckdb", "postgresql"):
        raise click.BadParameter(
            f"{engine}: give one like duckdb:////srv/crm/crm.duckdb or postgresql://bi@db.example/crm"
        )
    return uri


@click.command()
@click.argument("uri", callback=address)
@click.option("--schema", default="marts", show_default=True, help="where the published marts are")
@click.option(
    "--out", default="target/superset", show_default=True, type=click.Path(path_type=Path)
)
def main(uri: str, schema: str, out: Path) -> None:
    """Writes a bundle of boards in each language, for a Superset that reads the marts at URI."""
    for language in LANGUAGES:
        click.echo(write(language, uri, schema, out))


if __name__ == "__main__":
    main()
