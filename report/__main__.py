"""`python -m report`: the former name of `python -m pipeline.page`."""

import runpy

runpy.run_module("pipeline.page", run_name="__main__", alter_sys=True)
