"""The mulabridge daemon: session, jobs, engine process and sinks."""
