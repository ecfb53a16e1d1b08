"""The files: blobs and their sidecars, and who uses them at the moment."""
