"""Where the portal is, and how it wants to be treated: from the environment or a `.env`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from bitrix24_effectiveness.configuration import PortalEnvironment
from bitrix24_effectiveness.errors import ConfigurationError
from bitrix24_effectiveness.load.chosen import deal_types, extra_columns
from bitrix24_effectiveness.project import Project

# people copy it with a method behind it, and some tools double a slash
_ADDRESS = re.compile(r"(https?)://([^/@\s]+)/+rest/+(\d+)/+([A-Za-z0-9]+)(/+[\w.]*)?/*")
_QUOTES = "\"'`\u00ab\u00bb\u201c\u201d\u2018\u2019<> \t\r\n"
_LOOPBACK = re.compile(r"(127\.0\.0\.1|localhost|\[::1\])(:\d+)?")


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
    attempts: int = 12
    """How often a request is made before it has failed."""
    backoff: float = 1.0
    """Wait after the first attempt; it doubles with each, up to two minutes."""
    sweep_days: float = 7.0
    """Days after which deleted rows are looked for; 0: only when asked to."""
    skip_tables: frozenset[str] = frozenset()
    """Optional raw tables that are left out on purpose."""
    extra_columns: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Raw columns of custom fields, by raw table."""
    deal_types: tuple[int, ...] = ()
    """Numbers of invoices and smart processes that are loaded beside the deals."""

    @classmethod
    def find(cls, project: Project) -> Settings | None:
        """Reads the settings; None where no webhook is configured.

        Raises:
            ConfigurationError: a setting that makes no sense.
        """
        given = PortalEnvironment.read(project.environment, project.directory / ".env")
        if not given.bitrix24_webhook_url:
            return None
        return cls(
            Webhook.parse(given.bitrix24_webhook_url),
            given.bitrix24_requests_per_second,
            given.bitrix24_operating_limit,
            max(1, int(given.bitrix24_attempts)),
            given.bitrix24_backoff_seconds,
            given.bitrix24_sweep_days,
            frozenset(re.findall(r"\w+", given.bitrix24_skip_tables)),
            extra_columns(given.bitrix24_extra_columns),
            deal_types(given.bitrix24_deal_types),
        )
