"""One file a command; none knows another."""
