"""The generator `pixsim`: orders at a PixSim7 server, none of them twice.

`generator.py` does what the Protocol promises and holds what was learned on the way; the decisions are pure and lie
beside it: what is sent (`operations.py`, `knobs.py`, `body.py`), whether the answer is what was asked for
(`comparing.py`), how a job stands (`standing.py`). What takes several calls has a file too: `inputs.py`, `finding.py`,
`fetching.py`. What many ask for at once is read for all of them together (`rows.py`, by `rounds.py`).
"""
