"""Settings of the Superset of `make superset`: one computer, one user, secrets made at set-up."""

from __future__ import annotations

import os
from pathlib import Path

from superset.config import TALISMAN_CONFIG

HOME = Path(os.environ["SUPERSET_HOME"])
SECRET_KEY = (HOME / "secret_key").read_text("utf-8")
SQLALCHEMY_DATABASE_URI = f"sqlite:///{HOME / 'superset.db'}"

BABEL_DEFAULT_LOCALE = os.environ.get("SUPERSET_LANGUAGE", "en")
LANGUAGES = {"en": {"flag": "us", "name": "English"}, "ru": {"flag": "ru", "name": "Русский"}}
# Superset has one way of writing figures for everybody
D3_FORMAT = (
    {
        "decimal": ",",
        "thousands": "\N{NO-BREAK SPACE}",
        "grouping": [3],
        "currency": ["", "\N{NO-BREAK SPACE}₽"],
    }
    if BABEL_DEFAULT_LOCALE == "ru"
    else {}
)
# no picture from another computer: Superset's pages count their readers by one
TALISMAN_CONFIG["content_security_policy"]["img-src"] = ["'self'", "blob:", "data:"]
