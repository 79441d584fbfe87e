"""A portal that is merely unusual passes the project's own data tests, and so can be published."""

import json

import pytest

from bitrix24_effectiveness.plain_tests import PlainTest, plain_tests
from harness import Compiled, compile_project, parsed
from portals import VARIANTS, seeded_case
from running import REPOSITORY, hunt, sample

MODELS = tuple(path.stem for path in (REPOSITORY / "models").rglob("*.sql"))
# the twentieth changes between leads and simple CRM
SEEDS = sorted({*range(hunt(25)), 20})


@pytest.fixture(scope="module")
def data_tests() -> list[PlainTest]:
    """Those of models: what a seed must hold is asked of a person's own files."""
    found = plain_tests(parsed(REPOSITORY, json.dumps({}), ())).values()
    return [test for test in found if not any(node.startswith("seed.") for node in test.nodes)]


@pytest.mark.parametrize("variant", sample(["as_of_before", "berlin"]))
def test_random_portals_pass(variant, data_tests, tmp_path):
    variables = VARIANTS[variant] | {"crm_go_live_date": "2024-06-01"}
    compiled = compile_project(tmp_path, variables, wanted=MODELS)
    for seed in SEEDS:
        assert failing_of(compiled, seed, variant, data_tests) == [], seed


def failing_of(
    compiled: Compiled, seed: int, variant: str, data_tests: list[PlainTest]
) -> list[str]:
    with compiled.run(seeded_case(seed, variant=variant)) as connection:
        return [
            test.test_id
            for test in data_tests
            if any(
                count
                for (count,) in connection.execute(
                    f"select {test.failures} from {test.table}"
                ).fetchall()
            )
        ]
