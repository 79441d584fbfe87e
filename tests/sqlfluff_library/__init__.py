"""Stand-ins for what dbt gives to the SQL, with which sqlfluff renders the models.

Sqlfluff's own `var()` is a text. A text times a number is that text so many times over, which for
minutes in microseconds is gigabytes; so vars have the values of dbt_project.yml here.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml
from jinja2 import pass_context
from jinja2.runtime import Context

# sqlfluff imports this by a path with `..` in it
_PROJECT = Path(__file__).resolve().parents[2] / "dbt_project.yml"
_VARS = yaml.safe_load(_PROJECT.read_text("utf-8"))["vars"]
# nobody's company: one of each kind, so that the linter sees what they add
_VARS["custom_segments"] = {
    "branch": {"table": "crm_lead", "column": "uf_crm_branch"},
    "region": {"table": "crm_deal", "column": "uf_crm_region"},
}


def var(name: str, default: Any = None) -> Any:
    """Gives the value of a var, as `dbt_project.yml` has it."""
    return _VARS.get(name, default)


class _Adapter:
    """The dbt object that finds the implementation of a macro for an engine."""

    def dispatch(self, name: str, namespace: str) -> Callable[..., str]:
        """Gives the implementation that DuckDB has."""

        @pass_context
        def implementation(context: Context, *arguments: str) -> str:
            return context.resolve(f"default__{name}")(*arguments)

        return implementation


adapter = _Adapter()
