"""The synthesiser that turns codes of `mini` into sound.

Nothing is imported here: ``scale`` is read by the daemon process, which must
not load numpy's and scipy's weight to learn the name of a key.
"""
