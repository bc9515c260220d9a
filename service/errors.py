"""Every error that ends a command, each with the exit code that scripts may rely on.

GruardError (70, our bug when raised bare)
├── UsageError (2)
├── DataRuleError (65)      a hole in the log, a partition count, corrupt state
├── InputError (66)         a file that can't be read, a column that is absent
├── UnavailableError (69)   broker, port, database, disk: waiting may help
├── MissingError (69)       a topic: waiting does not help
├── StalledError (69)       nothing gets done although nothing refuses: a restart may help
├── FencedError (75)        another instance owns this slot
└── ConfigurationError (78)
    └── BundleError (78)    a model bundle that fails a check
"""


class GruardError(Exception):
    """Its text is the one line a user sees: what is wrong, with which value, and the way out."""

    exit_code = 70


class UsageError(GruardError):
    exit_code = 2


class DataRuleError(GruardError):
    exit_code = 65


class InputError(GruardError):
    exit_code = 66


class UnavailableError(GruardError):
    exit_code = 69


class MissingError(GruardError):
    exit_code = 69


class StalledError(GruardError):
    exit_code = 69


class FencedError(GruardError):
    exit_code = 75


class ConfigurationError(GruardError):
    exit_code = 78


class BundleError(ConfigurationError):
    pass
