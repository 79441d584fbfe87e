"""Where the portal is, and how it wants to be treated: from the environment or a `.env`."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from bitrix24_effectiveness.errors import ConfigurationError
from bitrix24_effectiveness.project import Project

# people copy it with a method behind it, and some tools double a slash
_ADDRESS = re.compile(r"(https?)://([^/@\s]+)/+rest/+(\d+)/+([A-Za-z0-9]+)(/+[\w.]*)?/*")
_QUOTES = "\"'`\u00ab\u00bb\u201c\u201d\u2018\u2019<> \t\r\n"
_LOOPBACK = re.compile(r"(127\.0\.0\.1|localhost|\[::1\])(:\d+)?")
_LINE = re.compile(r"\s*(?:export\s+)?(\w+)\s*=\s*(.*?)\s*")


@dataclass(frozen=True)
class Webhook:
    """The address of an incoming webhook. It is a password: it is shown to nobody."""

    portal: str
    """Scheme and host, which may be shown."""
    path: str = field(repr=False)

    @property
    def host(self) -> str:
        """Name of the portal's machine, without a port."""
        return urlsplit(self.portal).hostname or ""

    @classmethod
    def parse(cls, address: str) -> Webhook:
        """Reads an address as Bitrix24 shows it, or as people copy it.

        Raises:
            ConfigurationError: it is none, or it would travel unencrypted.
        """
        match = _ADDRESS.fullmatch(address.strip(_QUOTES))
        if not match:
            raise ConfigurationError(
                "BITRIX24_WEBHOOK_URL is no address of an incoming webhook: it looks like "
                "https://<portal>/rest/<user id>/<secret>/"
            )
        scheme, host, user, secret, _ = match.groups()
        if scheme != "https" and not _LOOPBACK.fullmatch(host):
            raise ConfigurationError(
                "BITRIX24_WEBHOOK_URL must begin with https://: it is a password"
            )
        return cls(f"{scheme}://{host}", f"/rest/{user}/{secret}/")


@dataclass(frozen=True)
class Settings:
    """What `crm-effect load` takes from the environment. Times are in seconds."""

    webhook: Webhook
    requests_per_second: float = 2.0
    """0: as fast as the portal answers."""
    operating_limit: float = 400.0
    """Time of one method within ten minutes above which it is left in peace; 0: no limit."""
    attempts: float = 12
    """How often a request is made before it has failed."""
    backoff: float = 1.0
    """Wait after the first attempt; it doubles with each, up to two minutes."""
    sweep_days: float = 7.0
    """Days after which deleted rows are looked for; 0: only when asked to."""
    skip_tables: frozenset[str] = frozenset()
    """Optional raw tables that are left out on purpose."""

    @classmethod
    def find(cls, project: Project) -> Settings | None:
        """Reads the settings; None where no webhook is configured.

        Raises:
            ConfigurationError: a setting that makes no sense.
        """
        given = _dotenv(project.directory / ".env") | project.environment
        address = given.get("BITRIX24_WEBHOOK_URL")
        if not address:
            return None
        numbers = {
            name: _number(variable, given[variable])
            for name, variable in _NUMBERS.items()
            if given.get(variable)
        }
        skipped = re.split(r"[\s,;]+", given.get("BITRIX24_SKIP_TABLES") or "")
        return cls(Webhook.parse(address), skip_tables=frozenset(filter(None, skipped)), **numbers)


_NUMBERS = {
    "requests_per_second": "BITRIX24_REQUESTS_PER_SECOND",
    "operating_limit": "BITRIX24_OPERATING_LIMIT",
    "attempts": "BITRIX24_ATTEMPTS",
    "backoff": "BITRIX24_BACKOFF_SECONDS",
    "sweep_days": "BITRIX24_SWEEP_DAYS",
}


def _number(variable: str, text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = -1.0
    if not 0 <= number < float("inf"):
        raise ConfigurationError(f"{variable} is {text}: it must be a number, 0 or more")
    return number


def _dotenv(path: Path) -> dict[str, str]:
    """The variables of a `.env`; empty if there is no such file."""
    if not path.is_file():
        return {}
    lines = map(_LINE.fullmatch, path.read_text("utf-8-sig").splitlines())
    return {line[1]: line[2].strip("\"'") for line in lines if line}
