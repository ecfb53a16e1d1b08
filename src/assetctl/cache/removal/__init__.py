"""Making the cache smaller: what may go, in which order, the deed, and the way back."""
