"""config.json of every layout: read, written, and which of its keys change nothing."""
