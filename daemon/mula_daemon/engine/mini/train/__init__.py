"""How mini is made: pattern grammars and the training on them. No daemon imports it."""

from mula_daemon.engine.mini.train.material import compose, instruments_in

__all__ = ["compose", "instruments_in"]
