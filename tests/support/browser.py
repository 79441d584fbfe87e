"""The chromium of the system, driven by Playwright; pictures of the page for the READMEs."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, sync_playwright

SIZES = {"desktop": (1280, 900), "phone": (360, 740)}


def chromium() -> str | None:
    """Where it is, if it is there."""
    return shutil.which("chromium") or shutil.which("chromium-browser")


@contextmanager
def browser() -> Iterator[Browser]:
    """A browser without a window."""
    with sync_playwright() as playwright:
        # root may not have its sandbox; nothing but our own page is opened in it
        started = playwright.chromium.launch(executable_path=chromium(), args=["--no-sandbox"])
        yield started
        started.close()


@contextmanager
def opened(started: Browser, path: Path, size: str = "desktop", **other: Any) -> Iterator[Page]:
    """The page in a tab of this size; complaints and requests of it are kept on `page.faults`."""
    width, height = SIZES[size]
    context = started.new_context(viewport={"width": width, "height": height}, **other)
    page = context.new_page()
    faults: list[str] = []
    page.on("console", lambda message: faults.append(message.text))
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("dialog", lambda dialog: faults.append(dialog.message))
    page.on(
        "request",
        lambda request: request.url == path.as_uri() or faults.append(f"requested {request.url}"),
    )
    page.faults = faults
    page.goto(path.as_uri())
    yield page
    context.close()


def take_pictures(path: Path, folder: Path) -> None:
    """The first screen in both languages."""
    with browser() as started:
        for code, name in (("en", "page.png"), ("ru", "page.ru.png")):
            # smaller than on a screen: two hundred kilobytes are enough for a README
            with opened(started, path, device_scale_factor=0.75) as page:
                page.set_viewport_size({"width": 1280, "height": 1180})
                page.click(f"[data-show={code}]")
                # no button is to look pressed by the mouse
                page.evaluate("document.activeElement.blur()")
                page.screenshot(path=folder / name)


if __name__ == "__main__":
    take_pictures(Path(sys.argv[1]).absolute(), Path(sys.argv[2]))
