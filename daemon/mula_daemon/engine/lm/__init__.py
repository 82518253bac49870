"""The language model that all our engines share: its weights, its frames, its sampling."""
