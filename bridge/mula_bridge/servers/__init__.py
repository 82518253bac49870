"""The transports that we serve: OSC over UDP and TCP, OSCQuery with its page, MIDI ports."""
