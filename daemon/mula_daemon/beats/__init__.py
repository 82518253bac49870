"""Where the beats of a sound fall, for models that have no tempo of their own."""
