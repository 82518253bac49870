"""The daemon put together."""

from mula_daemon.app.running import App, engine_spec, read_mapping, running

__all__ = ["App", "engine_spec", "read_mapping", "running"]
