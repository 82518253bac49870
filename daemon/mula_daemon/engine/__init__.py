"""Model engines, and the process that owns one."""
