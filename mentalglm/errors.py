"""The one exception a user's mistake becomes: a line that says what was wrong, the value seen and what to do."""


class UserError(Exception):
    """A mistake of the user's, shown as one line without a traceback; commands exit 2 on it.

    Args:
        message: What was wrong, the value seen, and the next step.
        code: A short machine-readable name, used in row errors.
    """

    def __init__(self, message: str, code: str = "bad_request") -> None:
        super().__init__(message)
        self.code = code
