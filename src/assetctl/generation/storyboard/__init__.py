"""The generator `storyboard`: animatics rendered on this machine, each by a process that outlives its asker.

`generator.py` does what the Protocol promises; `launch.py` starts `worker.py`, and they meet in the files of `job.py`.
"""
