"""The built-in model: tokens, material, training, weights and synthesiser."""
