"""What requests came to and what the cache holds, in figures."""
