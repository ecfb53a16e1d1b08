"""Libraries of pre-made assets and the rule for what matches."""
