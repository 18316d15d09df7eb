"""Builds the modules named on the command line in place: `python extensions.py build_ext --inplace -- MODULE...`.

What `mypyc` does by itself, but with a C file for each module: a single one of all takes a C compiler many times as
long, and keeps one core of many busy. `compile.py` runs it.
"""

import os
import sys
from concurrent.futures import ThreadPoolExecutor
from distutils.ccompiler import CCompiler
from typing import Any

from mypyc.build import mypycify
from setuptools import setup


def compile_at_once(self: Any, sources: list[str], *rest: Any, **more: Any) -> list[str]:
    """`CCompiler.compile` with as many C compilers as there are cores."""
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        compiled = pool.map(lambda source: one_by_one(self, [source], *rest, **more), sources)
        return [name for names in compiled for name in names]


if __name__ == "__main__":
    at = sys.argv.index("--")
    modules, sys.argv[at:] = sys.argv[at + 1 :], []
    one_by_one, CCompiler.compile = CCompiler.compile, compile_at_once
    setup(name="compiled", ext_modules=mypycify(modules, opt_level="1", debug_level="0", multi_file=True))
