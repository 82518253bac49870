"""Control surfaces made from the tables: TouchOSC, Pure Data, Max for Live, ReaPack."""
