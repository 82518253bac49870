"""Settings for every test."""

from __future__ import annotations

from hypothesis import settings

# Machines that build this are shared: how long an example takes says nothing about the code.
settings.register_profile("mula", deadline=None)
settings.load_profile("mula")
