"""What can go wrong, each with the exit code that a scheduler sees."""


class CrmEffectError(Exception):
    """An expected failure: its text is one clear line for a person, never a stack trace."""

    exit_code = 2


class ConfigurationError(CrmEffectError):
    """Wrong usage, configuration or files: nothing was changed."""

    exit_code = 2


class DataError(CrmEffectError):
    """The data failed a check: the published marts were not touched."""

    exit_code = 1


class TooOldError(CrmEffectError):
    """What is published is older than was asked for, or nothing is."""

    exit_code = 1


class AnotherRunError(CrmEffectError):
    """Another run holds the lock."""

    exit_code = 3


class AfterPublicationError(CrmEffectError):
    """The marts are published, and what came after them failed."""

    exit_code = 4
