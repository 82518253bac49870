"""Mapping files: YAML to bindings, curve and presets."""

from mula_bridge.mapping.bundled import BASE, find_mapping, mapping_paths
from mula_bridge.mapping.controls import addresses
from mula_bridge.mapping.file import load_mapping, parse_mapping
from mula_bridge.mapping.model import Binding, Control, KnobTarget, Light, Mapping, OscBinding
from mula_bridge.mapping.watcher import MappingWatcher

__all__ = [
    "BASE", "Binding", "Control", "KnobTarget", "Light", "Mapping", "MappingWatcher", "OscBinding",
    "addresses", "find_mapping", "load_mapping", "mapping_paths", "parse_mapping",
]  # fmt: skip
