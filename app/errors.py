"""Defines the failures of settings, command line and HTTP that a person can mend.

AppError
+-- ConfigError        an unknown key, a wrong type, an unreadable file: names the key and the nearest valid one
+-- UsageError         arguments that do not go together
+-- ConversationError  no conversation has that id
+-- ModelError         a language model is not there, cannot be used or cannot be downloaded
"""

from docent import DocentError


class AppError(DocentError):
    """Root of this package's errors."""


class ConfigError(AppError):
    """A setting is unknown or has a wrong value."""


class UsageError(AppError):
    """Arguments that do not go together."""


class ConversationError(AppError):
    """The conversation asked for does not exist."""


class UnknownDocument(AppError):
    """The document or page asked for does not exist."""


class ModelError(AppError):
    """A language model is not there, cannot be used or cannot be downloaded."""
