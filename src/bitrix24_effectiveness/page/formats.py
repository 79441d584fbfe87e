"""The page as PDF, and its tables for those who go on in Excel."""

from __future__ import annotations

import os
import shutil
import subprocess
import zipfile
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.styles import Font

from bitrix24_effectiveness.errors import ConfigurationError
from bitrix24_effectiveness.files import replaced_when_done
from bitrix24_effectiveness.log import printable
from bitrix24_effectiveness.page import page_path
from bitrix24_effectiveness.project import Project
from bitrix24_effectiveness.warehouse import warehouse_of

_BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
_SECONDS = 120
# behind the end of a PDF, where readers look for nothing
_PDF_MARK = b"\n%crm-effect\n"
_CREATOR = "crm-effect"
_SHEETS = {
    "crm_verdict": "",
    "crm_scorecard": "order by metric_code",
    "crm_roi": "",
    "crm_roi_months": "order by month_start",
    "metric_windows": "order by metric_code, window_name",
    "metric_values": "order by metric_code, period_grain, period_start, segment_type, segment_id",
    "metric_contributions": "",
    "loss_by_stage": "order by loss_by_stage_key",
    "client_cohorts": "order by client_cohort_key",
    "metric_cac": "order by metric_key",
    "employee_kpi": "order by employee_kpi_key",
    "crm_findings": "order by finding_code",
    "crm_finding_rows": "order by finding_row_key",
    "recording_coverage": "order by coverage_key",
    "raw_row_counts": "order by raw_table",
    "metric_catalog": "",
    "run_settings": "",
}
"""Marts that become sheets, under their own names: what BI tools call them."""
_MOST_ROWS = 1_048_575
"""Of a sheet, beneath its header."""


def write_pdf(project: Project) -> Path:
    """Prints the page that lies beside the marts, and says where the PDF is.

    Raises:
        ConfigurationError: there is no browser, or it failed, or a file that is not ours is in
            the way.
    """
    page = page_path(project)
    path = page.with_suffix(".pdf")
    _refuse_if(path.exists() and not _is_our_pdf(path), path)
    browser = next(filter(None, map(shutil.which, _BROWSERS)), None)
    if browser is None:
        raise ConfigurationError(
            f"no Chromium or Chrome is installed, and a PDF is made by it: open {page} in any "
            "browser and print it to PDF"
        )
    with replaced_when_done(path, project.marts_mode) as unfinished, TemporaryDirectory() as folder:
        command = [
            browser,
            "--headless",
            "--disable-gpu",
            "--no-pdf-header-footer",
            f"--user-data-dir={folder}",
            f"--print-to-pdf={unfinished}",
            page.as_uri(),
        ]
        # root may not have the sandbox
        if hasattr(os, "geteuid") and os.geteuid() == 0:
            command.insert(1, "--no-sandbox")
        try:
            subprocess.run(command, check=True, capture_output=True, timeout=_SECONDS)
        except (subprocess.SubprocessError, OSError) as error:
            raise ConfigurationError(f"{browser} could not print {page}: {error}") from error
        if not unfinished.exists():
            raise ConfigurationError(f"{browser} printed nothing of {page}")
        with unfinished.open("ab") as file:
            file.write(_PDF_MARK)
    return path


def write_workbook(project: Project) -> Path:
    """Writes the tables of the page as sheets, and says where the workbook is.

    Raises:
        ConfigurationError: nothing is published, or a file that is not ours is in the way.
    """
    path = page_path(project).with_suffix(".xlsx")
    _refuse_if(path.exists() and not _is_our_workbook(path), path)
    workbook = Workbook(write_only=True)
    workbook.properties.creator = _CREATOR
    with warehouse_of(project).published() as reader:
        there = reader.tables()
        for mart, order in _SHEETS.items():
            if mart not in there:
                continue
            sheet = workbook.create_sheet(mart)
            sheet.freeze_panes = "A2"
            rows = reader.rows(f"select * from {mart} {order} limit {_MOST_ROWS}")
            if not rows:
                continue
            header = [_cell(sheet, name) for name in rows[0]]
            for cell in header:
                cell.font = Font(bold=True)
            sheet.append(header)
            for row in rows:
                sheet.append([_cell(sheet, value) for value in row.values()])
    with replaced_when_done(path, project.marts_mode) as unfinished:
        workbook.save(unfinished)
    return path


def _cell(sheet: Any, value: Any) -> Any:
    """A cell; a text is one, even if it begins as a formula would."""
    if isinstance(value, datetime) and value.tzinfo:
        value = value.astimezone(UTC).replace(tzinfo=None)
    cell = WriteOnlyCell(sheet, printable(value) if isinstance(value, str) else value)
    if isinstance(value, str):
        cell.data_type = "s"
    return cell


def _refuse_if(is_foreign: bool, path: Path) -> None:
    if is_foreign:
        raise ConfigurationError(
            f"{path} is not a file that crm-effect wrote: it is not replaced; move it away"
        )


def _is_our_pdf(path: Path) -> bool:
    return path.is_file() and path.read_bytes().endswith(_PDF_MARK)


def _is_our_workbook(path: Path) -> bool:
    try:
        with zipfile.ZipFile(path) as archive:
            return f">{_CREATOR}<".encode() in archive.read("docProps/core.xml")
    except (OSError, KeyError, zipfile.BadZipFile):
        return False
