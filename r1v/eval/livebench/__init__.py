"""LiveBench's rules."""
