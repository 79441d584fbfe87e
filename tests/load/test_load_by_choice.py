"""What is loaded by choice: custom fields, smart processes and invoices, names of departments."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bitrix24_effectiveness.errors import ConfigurationError
from bitrix24_effectiveness.load.loading import load
from bitrix24_effectiveness.log import Log
from bitrix24_effectiveness.project import Project
from emulator import CANARY, Emulator, Portal
from loading import Loading, small_portal
from running import REPOSITORY, long

WHEN = "2025-03-01T10:00:00+03:00"
REGION = {"BITRIX24_EXTRA_COLUMNS": "crm_deal: [UF_CRM_REGION]"}
ORDERS = {"BITRIX24_DEAL_TYPES": "1032"}


def orders(number: int = 130) -> dict[str, list[dict[str, Any]]]:
    """A smart process by which somebody sells."""
    return {
        "crm_dynamic_items_1032": [
            {
                "id": str(key),
                "stage_id": "DT1032_5:SUCCESS" if key % 3 == 0 else "DT1032_5:NEW",
                "category_id": "5",
                "opportunity": f"{key}.50",
                "currency_id": "RUB",
                "contact_id": "7",
                "lead_id": str(1000 + key),
                "assigned_by_id": "1",
                "created_by_id": "1",
                "date_create": WHEN,
                "date_modify": WHEN,
                "moved_time": WHEN,
                "title": f"{CANARY} {key}",
                "uf_crm_2_1639669411830": f"region {key % 4}",
            }
            for key in range(1, number + 1)
        ],
        "crm_dynamic_items_1032_stage_history": [
            {
                "id": str(key),
                "type_id": "1",
                "owner_id": str(key),
                "created_time": WHEN,
                "category_id": "5",
                "stage_id": "DT1032_5:NEW",
                "stage_semantic_id": "P",
            }
            for key in range(1, number + 1)
        ],
        "crm_dynamic_items_1032_category": [
            {"id": "5", "name": "Wholesale", "sort": "10", "is_default": "Y",
             "entity_type_id": "1032"}
        ],
        "crm_type": [
            {"id": "37", "title": "Orders", "entity_type_id": "1032", "is_stages_enabled": "Y"},
            {"id": "38", "title": "Assets", "entity_type_id": "1036", "is_stages_enabled": "N"},
        ],
    }  # fmt: skip


def portal_of(*, deals: int, **tables: list[dict[str, Any]]) -> Portal:
    portal = small_portal(deals)
    given = {name: list(table.rows.values()) for name, table in portal.tables.items()}
    return Portal(given | tables)


@pytest.fixture
def regions(tmp_path: Path) -> Iterator[Loading]:
    portal = small_portal()
    for key, row in portal.tables["crm_deal"].rows.items():
        row["UF_CRM_REGION"] = f"region {key % 4}" if key > 60 else None
    portal.tables["crm_deal"].fields += ("UF_CRM_REGION",)
    with Emulator(portal) as emulator:
        yield Loading(tmp_path, emulator)


@pytest.fixture
def selling(tmp_path: Path) -> Iterator[Loading]:
    with Emulator(portal_of(deals=0, **orders())) as emulator:
        yield Loading(tmp_path, emulator)


# -- custom fields


def of_regions(loading: Loading) -> list[tuple]:
    return loading.rows(
        "select uf_crm_region, count(*) from bitrix24.crm_deal group by 1 order by 1 nulls first"
    )


IN_REGIONS = [(None, 60), ("region 0", 17), ("region 1", 18), ("region 2", 18), ("region 3", 17)]


@long
def test_a_custom_field_is_carried_into_its_raw_table(regions: Loading) -> None:
    regions.load(**REGION)
    assert of_regions(regions) == IN_REGIONS
    regions.portal.modify("crm_deal", 7, uf_crm_region="region 9")
    regions.load(**REGION)
    assert regions.rows("select uf_crm_region from bitrix24.crm_deal where id = '7'") == [
        ("region 9",)
    ]


def test_a_custom_field_that_is_empty_everywhere_has_its_column(regions: Loading) -> None:
    for row in regions.portal.tables["crm_deal"].rows.values():
        row["UF_CRM_REGION"] = None
    regions.load(**REGION)
    assert of_regions(regions) == [(None, 130)]


def test_a_custom_field_chosen_later_is_filled_for_the_rows_that_are_here(
    regions: Loading,
) -> None:
    regions.load()
    assert regions.load(**REGION)["crm_deal"].changed == 130
    assert of_regions(regions) == IN_REGIONS


def test_a_custom_field_that_is_no_longer_chosen_is_emptied(regions: Loading) -> None:
    regions.load(**REGION)
    regions.load()
    assert of_regions(regions) == [(None, 130)]


def test_a_custom_field_is_read_by_the_universal_method_as_well(regions: Loading) -> None:
    regions.portal.absent.add("crm.deal.list")
    regions.load(**REGION)
    assert of_regions(regions) == IN_REGIONS


def test_nothing_is_asked_for_that_was_not_chosen(regions: Loading) -> None:
    regions.load(**REGION)
    selected = {name for call in regions.emulator.calls("crm.deal.list") for name in call.select}
    assert {name for name in selected if name.startswith("UF_")} == {"UF_CRM_REGION"}
    assert CANARY.encode() not in regions.raw_db.read_bytes()


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        ("crm_deal: [UF_CRM_RAGION]", "the portal has no field UF_CRM_RAGION for crm_deal; "
         "did you mean UF_CRM_REGION?"),
        ("crm_deal: [TITLE]", "TITLE of crm_deal is no custom field, whose names begin with UF_"),
        ("crm_deal: ['UF_CRM_A, B']", "UF_CRM_A, B of crm_deal is no custom field"),
        ("crm_deals: [UF_CRM_REGION]", "crm_deals has no custom fields; did you mean crm_deal?"),
        ("tasks: [UF_CRM_REGION]", "tasks has no custom fields"),
        ("crm_deal: UF_CRM_REGION", "must be a mapping of raw tables to lists of custom fields"),
        ("[UF_CRM_REGION", "must be a mapping of raw tables to lists of custom fields"),
    ],
)  # fmt: skip
def test_a_field_that_is_none_is_refused_before_anything_is_read(
    regions: Loading, given: str, complaint: str
) -> None:
    said = regions.refusal(BITRIX24_EXTRA_COLUMNS=given)
    assert said.startswith("BITRIX24_EXTRA_COLUMNS") and complaint in said
    assert not regions.emulator.calls("crm.deal.list")


# -- smart processes and invoices


def test_a_smart_process_is_loaded_with_its_history_and_its_pipelines(selling: Loading) -> None:
    selling.load(**ORDERS)
    found = selling.rows(
        "select count(*), count(distinct id), min(stage_id), sum(cast(opportunity as decimal)), "
        "min(date_create), max(date_modify), min(created_by_id), min(moved_time), min(lead_id) "
        "from bitrix24.crm_dynamic_items_1032"
    )
    assert found == [(130, 130, "DT1032_5:NEW", 8580, WHEN, WHEN, "1", WHEN, "1001")]
    assert selling.rows(
        "select count(*), min(stage_id), min(stage_semantic_id) "
        "from bitrix24.crm_dynamic_items_1032_stage_history"
    ) == [(130, "DT1032_5:NEW", "P")]
    assert selling.rows("select id, name from bitrix24.crm_dynamic_items_1032_category") == [
        ("5", "Wholesale")
    ]
    calls = selling.emulator.calls("crm.item.list")
    assert {call.parameters["entityTypeId"] for call in calls} == {"1032"}
    assert {call.parameters["start"] for call in calls} == {"-1"}
    assert all(call.parameters["order"] == {"id": "ASC"} for call in calls)
    # no leadId, which a smart process does not have
    known = {"id", "stageId", "categoryId", "opportunity", "currencyId", "contactId",
             "assignedById", "createdBy", "createdTime", "updatedTime", "movedTime",
             "parentId1"}  # fmt: skip
    assert {name for call in calls for name in call.select} == known
    assert CANARY.encode() not in selling.raw_db.read_bytes()


@long
def test_a_smart_process_is_loaded_by_what_is_new_and_swept(selling: Loading) -> None:
    selling.load(**ORDERS)
    selling.portal.clock.advance(hours=5)
    selling.portal.modify("crm_dynamic_items_1032", 7, stage_id="DT1032_5:SUCCESS")
    selling.portal.delete("crm_dynamic_items_1032", 9)
    tally = selling.load(**ORDERS, sweep=True)["crm_dynamic_items_1032"]
    assert (tally.new, tally.changed, tally.deleted, tally.after) == (0, 1, 1, 129)


def test_a_smart_process_may_have_custom_fields(selling: Loading) -> None:
    chosen = "crm_dynamic_items_1032: [uf_crm_2_1639669411830]"
    selling.load(**ORDERS, BITRIX24_EXTRA_COLUMNS=chosen)
    assert selling.rows(
        "select count(distinct uf_crm_2_1639669411830) from bitrix24.crm_dynamic_items_1032"
    ) == [(4,)]


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        ("2", "2 is neither 31 (invoices) nor the entityTypeId of a smart process (128 or more)"),
        ("orders", "orders is neither 31"),
        ("1040", "the portal has no smart process 1040"),
    ],
)
def test_a_type_that_is_none_is_refused(selling: Loading, given: str, complaint: str) -> None:
    said = selling.refusal(BITRIX24_DEAL_TYPES=given)
    assert said.startswith("BITRIX24_DEAL_TYPES") and complaint in said


def test_a_smart_process_without_stages_cannot_be_sold_by(tmp_path: Path) -> None:
    tables = orders()
    for row in tables["crm_dynamic_items_1032"]:
        del row["stage_id"]
    with Emulator(portal_of(deals=1, **tables)) as emulator:
        said = Loading(tmp_path, emulator).refusal(**ORDERS)
    assert "BITRIX24_DEAL_TYPES: 1032 has no stageId" in said


def test_the_preset_of_a_type_that_is_loaded_is_no_other_loaders(selling: Loading) -> None:
    given = {"raw_preset": "deal_type", "deal_entity_type": 1032}

    def loaded(**more: str) -> None:
        load(Project(REPOSITORY, given, selling.env | more), Log("text"))

    with pytest.raises(ConfigurationError, match="add 1032 to BITRIX24_DEAL_TYPES"):
        loaded()
    loaded(**ORDERS)
    assert selling.rows("select count(*) from bitrix24.crm_dynamic_items_1032") == [(130,)]


def test_a_portal_without_deals_is_told_where_its_sales_may_be(
    selling: Loading, capsys: pytest.CaptureFixture[str]
) -> None:
    selling.load()
    said = capsys.readouterr().err
    assert "the portal has no deals: its sales may lie in a smart process (1032 Orders)" in said
    assert "Assets" not in said, "without stages nothing is won"
    assert "BITRIX24_DEAL_TYPES" in said
    selling.load(**ORDERS)
    assert "no deals" not in capsys.readouterr().err


def test_only_administrators_are_told_the_names_of_smart_processes(
    selling: Loading, capsys: pytest.CaptureFixture[str]
) -> None:
    selling.portal.denied.add("crm.type.list")
    selling.load()
    said = capsys.readouterr().err
    assert "its sales may lie in a smart process or in invoices (31)" in said


def test_a_portal_with_deals_is_told_nothing(
    loading: Loading, capsys: pytest.CaptureFixture[str]
) -> None:
    loading.load()
    assert "no deals" not in capsys.readouterr().err
    assert not loading.emulator.calls("crm.type.list")


# -- departments


def departments(number: int = 3) -> list[dict[str, Any]]:
    return [{"id": str(key), "name": f"Department {key}", "sort": "500", "parent": "1"}
            for key in range(1, number + 1)]  # fmt: skip


def test_departments_are_loaded_page_by_page(tmp_path: Path) -> None:
    with Emulator(portal_of(deals=1, departments=departments(120))) as emulator:
        loading = Loading(tmp_path, emulator)
        loading.load()
        found = loading.rows("select count(distinct id), min(name) from bitrix24.departments")
        assert found == [(120, "Department 1")]
        columns = loading.rows(
            "select column_name from duckdb_columns() "
            "where table_name = 'departments' and schema_name = 'bitrix24'"
        )
        assert {name for (name,) in columns if not name.startswith("_dlt")} == {"id", "name"}


def test_departments_without_the_right_to_them_are_left_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with Emulator(portal_of(deals=1, departments=departments())) as emulator:
        emulator.portal.scopes.discard("department")
        loading = Loading(tmp_path, emulator)
        assert loading.load()["crm_deal"].after == 1
    said = capsys.readouterr().err
    assert "departments is left out: department.get: the webhook lacks the right" in said
    assert "`department`" in said
