"""The marts equal the oracle on random portals.

``make fuzz`` (FUZZ_EXAMPLES portals per set of vars, from seed FUZZ_SEED on) tries many more random
portals than a build does, and shows the smallest portal of a difference.
"""

import os
import random
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from harness import COMPARED, MARTS, Project, rows_of, smallest
from portals import VARIANTS, Case, cases, seeded_case
from running import hunt, long, sample

IS_FUZZING = "FUZZ_EXAMPLES" in os.environ
EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", hunt(30)))
FIRST_SEED = int(os.environ.get("FUZZ_SEED", 0))


def described(case: Case) -> Iterator[str]:
    """The rows of a case without what is empty in them."""
    yield f"vars: {case.variables}"
    for tables in (case.portal, case.seeds):
        for table, rows in tables.items():
            for row in rows:
                told = {name: value for name, value in row.items() if value not in (None, "")}
                yield f"{table}: {told}"


def check(project: Project, case: Case, name: str) -> None:
    found = project.differences(case)
    if not found:
        return
    lines = [f"{name}, vars {case.variant}: {len(found)} differences", *found[:15]]
    if IS_FUZZING:
        columns = {line.split(": ")[0].rpartition(" ")[2] for line in found[:1]}

        def fails(candidate: Case) -> bool:
            return any(
                line.split(": ")[0].rpartition(" ")[2] in columns
                for line in project.differences(candidate)
            )

        case = smallest(case, fails)
        lines += ["the smallest portal with such a difference:", *described(case)]
        lines += project.differences(case)[:15]
    pytest.fail("\n".join(lines), pytrace=False)


@pytest.mark.parametrize("variant", sample(VARIANTS))
def test_random_portals(project, variant):
    seeds = range(FIRST_SEED, FIRST_SEED + EXAMPLES)
    project.variant(variant)

    def judge(seed: int) -> int | None:
        return seed if project.differences(seeded_case(seed, variant=variant)) else None

    # DuckDB works outside Python's lock, so two portals at a time take little more than one
    with ThreadPoolExecutor(2) as pool:
        differing = (seed for seed in pool.map(judge, seeds) if seed is not None)
        for seed in islice(differing, 1):
            pool.shutdown(wait=True, cancel_futures=True)
            check(project, seeded_case(seed, variant=variant), f"seed {seed}")


@pytest.mark.parametrize("variant", sample(["as_of_before", "defaults"]))
@pytest.mark.parametrize("size", sample(["single", "empty"]))
def test_portals_with_next_to_nothing(project, size, variant):
    for seed in range(3):
        check(project, seeded_case(seed, variant=variant, size=size), f"seed {seed}, {size}")


@long
@settings(
    max_examples=max(10, EXAMPLES // 10),
    deadline=None,
    derandomize=not IS_FUZZING,
    database=None,
    # shrinking takes minutes: for a person who fuzzes, not for every build
    phases=[Phase.generate, Phase.shrink] if IS_FUZZING else [Phase.generate],
    suppress_health_check=list(HealthCheck),
)
@given(cases(variant="defaults"))
def test_portals_of_hypothesis(project, case):
    check(project, case, "a portal of hypothesis")


@long
def test_neither_the_order_of_rows_nor_a_second_run_changes_anything(project):
    for seed in range(4):
        case = seeded_case(seed, variant="berlin", size="small")
        shuffled = Case(
            {table: list(rows) for table, rows in case.portal.items()}, case.seeds, case.variant
        )
        for rows in shuffled.portal.values():
            random.Random(seed).shuffle(rows)
        first, again, other_order = (
            all_marts(project, candidate) for candidate in (case, case, shuffled)
        )
        assert first == again
        assert first == other_order


def all_marts(project: Project, case: Case) -> dict[str, list[str]]:
    with project.run(case) as connection:
        return {
            name: sorted(str(row) for row in rows_of(connection, f"{MARTS}.{name}"))
            for name in COMPARED
        }
