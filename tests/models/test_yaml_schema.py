"""dbt on DuckDB passes over unknown keys in silence; the schemas shipped with it know them."""

import json
from importlib import resources
from pathlib import Path

import jsonschema
import pytest
import yaml

PROJECT = Path(__file__).parents[2]
PROPERTIES = sorted(
    path
    for folder in ("models", "macros", "tests/data", "analyses")
    for path in (PROJECT / folder).rglob("*.yml")
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


def test_dbt_project_has_only_keys_that_dbt_knows():
    document = yaml.safe_load((PROJECT / "dbt_project.yml").read_text("utf-8"))
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
