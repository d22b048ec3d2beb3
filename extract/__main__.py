"""`python -m extract <command>`: the former name of `python -m pipeline <command>`."""

import runpy

runpy.run_module("pipeline", run_name="__main__", alter_sys=True)
