"""A PixSim7 look-alike on real ports of this machine: what tests, torture and benchmarks speak to.

It answers as the real server was seen to answer, its oddities first, does as a script tells it, and counts what costs
money. `harness.LookAlike` starts it as a process of its own; `python -m tests.service` starts it by hand.
"""
