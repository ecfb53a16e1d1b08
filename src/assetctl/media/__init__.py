"""Media files: looked into, drawn and encoded. The only room that loads PyAV and Pillow."""
