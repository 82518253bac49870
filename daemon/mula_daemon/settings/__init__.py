"""What a user may set: options, environment, config file, and their defaults."""
