"""Sound on its way to the audio interface: ring, player, conversion, devices, levels."""
