"""`python -m datalens`: the former name of `python -m pipeline.workbook`."""

import runpy

runpy.run_module("pipeline.workbook", run_name="__main__", alter_sys=True)
