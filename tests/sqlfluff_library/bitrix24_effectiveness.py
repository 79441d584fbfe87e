"""The macros of this project by its name, as those of a package are called."""

from collections.abc import Callable

from jinja2 import pass_context
from jinja2.runtime import Context


def __getattr__(name: str) -> Callable[..., str]:
    """Gives the macro of this name, which sqlfluff knows without the project's."""
    if name.startswith("__"):
        raise AttributeError(name)

    @pass_context
    def macro(context: Context, *arguments: str, **named: str) -> str:
        return context.resolve(name)(*arguments, **named)

    return macro
