"""Whoever adds arithmetic adds a test of it, or says which one proves it already."""

import re
from itertools import chain

import pytest
import yaml

from running import REPOSITORY

MODELS = {path.stem: path for path in (REPOSITORY / "models").rglob("*.sql")}
PROPERTIES = [
    yaml.safe_load(path.read_text("utf-8")) or {} for path in (REPOSITORY / "models").rglob("*.yml")
]
UNIT_TESTED = {
    test["model"] for test in chain.from_iterable(each.get("unit_tests", []) for each in PROPERTIES)
}
TESTED_BY = {
    model["name"]: model.get("config", {}).get("meta", {}).get("tested_by")
    for model in chain.from_iterable(each.get("models", []) for each in PROPERTIES)
}
# aggregates, windows, products and quotients, and the macros that stand for them
ARITHMETIC = re.compile(
    r"\b(?:sum|avg|count|percentile_cont|row_number|lag|lead|exact_ratio|allocate|"
    r"microseconds_between|whole_quotient)\(|(?<!select)\s[*/]\s",
)


def with_arithmetic() -> list[str]:
    return sorted(
        name
        for name, path in MODELS.items()
        if ARITHMETIC.search(re.sub(r"--.*|'[^']*'", "", path.read_text("utf-8")))
    )


def test_some_models_calculate_and_some_do_not():
    assert 20 < len(with_arithmetic()) < len(MODELS)


@pytest.mark.parametrize("model", with_arithmetic())
def test_arithmetic_has_a_unit_test_or_says_what_proves_it(model):
    if model in UNIT_TESTED:
        return
    assert TESTED_BY.get(model), f"{model}: write a unit test, or config.meta.tested_by"
    assert (REPOSITORY / TESTED_BY[model]).is_file(), f"{TESTED_BY[model]} does not exist"
