"""Files in the inbox folder that ask for something."""

from mula_daemon.requests.folder import RequestFolder

__all__ = ["RequestFolder"]
