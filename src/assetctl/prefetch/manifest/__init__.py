"""Chapter manifests: read in any of four formats, row by row, every mistake told with its file, line and field."""
