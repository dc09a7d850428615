"""Runs pytest on files, for ctest: exits with 77 (skip), saying why, where this interpreter cannot.

python3 run.py FILE...        the package is on PYTHONPATH, FACTORISE_TORCH_ROOT is the torch that it was built for
"""

import os
import sys

try:
    import numpy  # noqa: F401
    import pytest
    import torch
except ImportError as error:
    print(f"skipped: {sys.executable} has no {error.name}; type: {sys.executable} -m pip install {error.name}")
    sys.exit(77)

built_for = os.environ["FACTORISE_TORCH_ROOT"]
if not os.path.samefile(os.path.dirname(torch.__file__), built_for):
    print(f"skipped: {sys.executable} imports the torch in {os.path.dirname(torch.__file__)}, not {built_for}")
    sys.exit(77)
status = pytest.main(["-q", "-rs", "-p", "no:cacheprovider", *sys.argv[1:]])
# A file that is skipped as a whole, for want of pandas, has no tests to collect; its reason is printed above.
sys.exit(77 if status == pytest.ExitCode.NO_TESTS_COLLECTED else status)
