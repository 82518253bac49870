"""How mini is made: pattern grammars and the training on them. No daemon imports it."""
