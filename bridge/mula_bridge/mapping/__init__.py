"""Mapping files: YAML to bindings, curve and presets."""
