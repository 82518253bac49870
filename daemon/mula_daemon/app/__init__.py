"""The daemon put together."""
