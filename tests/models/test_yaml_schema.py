"""dbt on DuckDB passes over unknown keys in silence; the schemas shipped with it know them."""

import importlib
import json
from importlib import resources
from pathlib import Path

import jsonschema
import pytest
import yaml
from dbt_common.dataclass_schema import ValidationError

PROJECT = Path(__file__).parents[2]
# the schema knows metrics as later versions write them, and this one reads those of before: it
# refuses unknown keys of these by itself
METRICS = PROJECT / "models/semantic/_metrics.yml"
PROPERTIES = sorted(
    path
    for folder in ("models", "macros", "tests/data", "analyses", "examples/extend/models")
    for path in (PROJECT / folder).rglob("*.yml")
    if path != METRICS
)


def validator(name: str) -> jsonschema.Draft7Validator:
    schema = resources.files("dbt") / "jsonschemas" / name
    return jsonschema.Draft7Validator(json.loads(schema.read_text("utf-8")))


def violations(validator: jsonschema.Draft7Validator, document: dict) -> list[str]:
    # YAML reads dates as dates, JSON knows them as text only
    plain = json.loads(json.dumps(document, default=str))
    return [
        f"{'.'.join(map(str, error.absolute_path))}: {error.message[:200]}"
        for error in validator.iter_errors(plain)
    ]


@pytest.fixture(scope="module")
def properties() -> jsonschema.Draft7Validator:
    return validator("resources/latest.json")


@pytest.mark.parametrize("path", PROPERTIES, ids=lambda path: path.relative_to(PROJECT).as_posix())
def test_properties_files_have_only_keys_that_dbt_knows(path, properties):
    assert violations(properties, yaml.safe_load(path.read_text("utf-8"))) == []


def test_metrics_have_only_keys_that_dbt_knows():
    # what this module needs of dbt has to be imported after its command line
    importlib.import_module("dbt.cli.main")
    metric = importlib.import_module("dbt.contracts.graph.unparsed").UnparsedMetric
    for one in yaml.safe_load(METRICS.read_text("utf-8"))["metrics"]:
        metric.validate(one)
        for wrong in (one | {"labell": "a"}, one | {"type_params": {"measur": "a"}}):
            with pytest.raises(ValidationError, match="was unexpected"):
                metric.validate(wrong)


@pytest.mark.parametrize("folder", [".", "examples/extend"])
def test_dbt_project_has_only_keys_that_dbt_knows(folder):
    document = yaml.safe_load((PROJECT / folder / "dbt_project.yml").read_text("utf-8"))
    assert violations(validator("project/0.0.110.json"), document) == []


@pytest.mark.parametrize(
    "wrong",
    [
        {"modelz": []},
        {"models": [{"name": "a", "data_testz": ["unique"]}]},
        {"models": [{"name": "a", "columns": [{"name": "b", "data_testz": ["unique"]}]}]},
        {"models": [{"name": "a", "config": {"materialised": "table"}}]},
        {"sources": [{"name": "a", "tables": [{"name": "b", "describtion": "c"}]}]},
        {"seeds": [{"name": "a", "config": {"column_typez": {"b": "date"}}}]},
        {"unit_tests": [{"name": "a", "model": "b", "given": [], "expects": {"rows": []}}]},
    ],
    ids=str,
)
def test_the_schema_notices_a_typo(wrong, properties):
    assert violations(properties, wrong)
