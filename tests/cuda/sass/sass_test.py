"""sass.py finds what it is there to find: sass_test.py <cuobjdump> <folder> <nvcc> <flag>... compiles entries.cu as the
kernels are, and then wrongly."""

import os
import re
import subprocess
import sys
import unittest

import sass

HERE = os.path.dirname(os.path.abspath(__file__))


def kernels(wrong=""):
    """Compiled with one option in place of the kernels' own of that name."""
    cubin = os.path.join(FOLDER, "entries.cubin")
    right = [flag for flag in NVCC if not wrong or flag.split("=")[0] != wrong.split("=")[0]]
    subprocess.run([*right, *wrong.split(), "-cubin", "-o", cubin, os.path.join(HERE, "entries.cu")], check=True)
    return sass.kernels_of(CUOBJDUMP, cubin)


def names(faults):
    return {re.search(r"one_entryI(\w)Li(\d+)", fault).groups() for fault in faults}


class Entries(unittest.TestCase):
    def test_compiled_as_the_kernels_are(self):
        found = kernels()
        self.assertEqual(len(found), 5)
        self.assertEqual(sass.faults_of(found), [])

    def test_contracted(self):
        """At rank 1 and 8 a product meets a sum; elsewhere the contract has nothing to contract."""
        faults = sass.faults_of(kernels("-fmad=true"))
        self.assertEqual(names(faults), {("f", "1"), ("d", "1"), ("f", "8")})

    def test_flushed(self):
        faults = sass.faults_of(kernels("-ftz=true"))
        self.assertEqual(names(faults), {("f", "1"), ("f", "5"), ("f", "8")})
        self.assertTrue(all("flushes denormals" in fault for fault in faults))

    def test_a_kernel_of_the_contract_without_a_rule(self):
        kernel = sass.Kernel("_Z10sgd_kernelv", "sm_80")
        self.assertEqual(sass.faults_of([kernel]), ["sm_80 _Z10sgd_kernelv has no rule"])


if __name__ == "__main__":
    CUOBJDUMP, FOLDER, *NVCC = sys.argv[1:]
    if not CUOBJDUMP or CUOBJDUMP.endswith("-NOTFOUND"):
        print("skipped: there is no cuobjdump")
        sys.exit(sass.SKIPPED)
    os.makedirs(FOLDER, exist_ok=True)
    unittest.main(argv=sys.argv[:1])
