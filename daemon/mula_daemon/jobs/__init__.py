"""Jobs: their queue, and the recording of what the engine makes of them."""
