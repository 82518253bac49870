"""Benchmarks; each ends in one JSON line."""
