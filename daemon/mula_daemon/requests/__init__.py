"""Files in the inbox folder that ask for something."""
