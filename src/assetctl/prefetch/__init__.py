"""A whole chapter: read its manifest, plan what it takes, make what is missing, report what is there."""
