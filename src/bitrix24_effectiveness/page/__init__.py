"""The page that an owner opens: one file beside the published marts, with no request to any host.

It is made of the published marts and of nothing else, in both languages at once.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from bitrix24_effectiveness.errors import ConfigurationError
from bitrix24_effectiveness.files import replaced_when_done
from bitrix24_effectiveness.page.content import Content, read_content
from bitrix24_effectiveness.project import Project
from bitrix24_effectiveness.warehouse import warehouse_of

__all__ = ["LANGUAGES", "Part", "page_path", "write_page", "write_plan"]

_MARK = '<meta name="generator" content="crm-effect">'
# where the mark of a page of ours stands
_HEAD = 2000
LANGUAGES = ("ru", "en")


@dataclass(frozen=True)
class Part:
    """A heading and what stands under it: texts, a list, and texts again."""

    title: str
    texts: list[str] = field(default_factory=list)
    items: list[str] = field(default_factory=list)
    after: list[str] = field(default_factory=list)


def page_path(project: Project) -> Path:
    """Where the page lies: beside the file of the published marts."""
    return project.marts_db.with_name("report.html")


def write_page(project: Project, language: str) -> Path:
    """Writes the page and says where; it takes the place of the one before as a whole.

    Args:
        project: Where the published marts are.
        language: `ru` or `en`: the one that is shown first.

    Raises:
        ConfigurationError: nothing is published, or a file that is not ours is in the way.
    """
    path = page_path(project)
    _check_replaceable(path)
    with warehouse_of(project).published() as reader:
        content = read_content(reader, project)
    _write(path, render(content, language), project.marts_mode)
    return path


def write_plan(
    path: Path, pages: dict[str, tuple[str, list[Part]]], language: str, mode: int
) -> None:
    """Writes what `crm-effect plan` says as a page; it takes the place of the one before.

    Args:
        path: Where.
        pages: By language: the title and the parts.
        language: The one that is shown first.
        mode: Who may read the file.

    Raises:
        ConfigurationError: a file that is not ours is in the way.
    """
    _check_replaceable(path)
    first = sorted(pages, key=lambda code: code != language)
    told = [{"code": code, "title": pages[code][0], "parts": pages[code][1]} for code in first]
    _write(path, _rendered("plan.html.j2", told), mode)


def render(content: Content, language: str) -> str:
    """The page, with this language shown first."""
    first = [language, *(code for code in LANGUAGES if code != language)]
    return _rendered("page.html.j2", [content.in_language(code) for code in first])


def _write(path: Path, html: str, mode: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with replaced_when_done(path, mode) as unfinished:
        unfinished.write_text(html, "utf-8")


def _rendered(template: str, pages: Sequence[Any]) -> str:
    environment = Environment(
        loader=PackageLoader("bitrix24_effectiveness.page", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    folder = resources.files(__package__)
    style, script = ((folder / f"page.{kind}").read_text("utf-8") for kind in ("css", "js"))
    return environment.get_template(template).render(
        pages=pages,
        mark=_MARK,
        style=style,
        script=script,
        style_hash=_hash(style),
        script_hash=_hash(script),
    )


def _hash(text: str) -> str:
    """What the policy of the page allows, and nothing else: no script of a client's name runs."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode("utf-8")).digest()).decode()


def _check_replaceable(path: Path) -> None:
    if not path.exists():
        return
    is_ours = path.is_file()
    if is_ours:
        with path.open("rb") as file:
            is_ours = _MARK.encode() in file.read(_HEAD)
    if not is_ours:
        raise ConfigurationError(
            f"{path} is not a page that crm-effect wrote: it is not replaced; move it away"
        )
