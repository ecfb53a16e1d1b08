"""The library that is the asset search of a PixSim7 server, believed only as far as our own matching goes."""
