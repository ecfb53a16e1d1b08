"""A PixSim7 server as typed calls: what it says comes in as our nouns, its trouble as our errors.

Nothing in here knows what an asset request is or what a job is for; the library and the generator that use it do.
"""
