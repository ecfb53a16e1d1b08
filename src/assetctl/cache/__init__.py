"""The disk cache: blobs named by their digest, sidecars beside them, and a disposable index over both."""
