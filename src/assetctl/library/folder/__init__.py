"""The library that is a folder of files, described by names or sidecars, and read anew only where it changed."""
