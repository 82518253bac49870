"""What is said between sources, session and listeners: frozen plain data."""
