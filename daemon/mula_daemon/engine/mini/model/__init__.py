"""mini's network: its weights, its prompts, and the engine that plays it."""
