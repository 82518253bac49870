"""Our own OSC addresses: their table, readers, writers, and the conversation about them."""
