"""The contract in machine code: sass.py <cuobjdump> <library> reads the instructions of every kernel in a shared object
or cubin, and fails where they round otherwise than the source says.

A compiler that flushes denormals or contracts a product and a sum leaves results that look right and differ in their
last bits; a machine with that GPU would be needed to see it in the results. Here it is seen without one.
"""

import collections
import re
import subprocess
import sys

SKIPPED = 77

# Blackwell's packed instructions work on two numbers.
PACKED = {"FADD2": "FADD", "FMUL2": "FMUL", "FFMA2": "FFMA"}
ARITHMETIC = re.compile(r"^(FADD|FMUL|FFMA|FSETP|FMNMX|MUFU|DADD|DMUL|DFMA)")


class Kernel:
    """A kernel's name (mangled), architecture, and how often each instruction stands in it."""

    def __init__(self, name, architecture):
        self.name, self.architecture, self.instructions = name, architecture, collections.Counter()

    def count(self, operation, letter):
        """FADD, FMUL or FFMA, of floats (letter f) or doubles (d), with any suffix, such as a rounding's."""
        wanted = ("D" if letter == "d" else "F") + {"ADD": "ADD", "MUL": "MUL", "FMA": "FMA"}[operation]
        total = 0
        for instruction, count in self.instructions.items():
            stem = instruction.split(".")[0]
            if PACKED.get(stem, stem) == wanted:
                total += count * (2 if stem in PACKED else 1)
        return total


def kernels_of(cuobjdump, library):
    text = subprocess.run([cuobjdump, "-sass", library], check=True, capture_output=True, text=True).stdout
    kernels, architecture = [], ""
    for line in text.splitlines():
        if found := re.match(r"\s*code for (sm_\w+)", line):
            architecture = found[1]
        elif found := re.match(r"\s*Function : (\S+)", line):
            kernels.append(Kernel(found[1], architecture))
        elif kernels and (found := re.match(r"\s*/\*[0-9a-f]{4,}\*/\s+(?:@!?U?P\w+\s+)?([A-Z][\w.]*)", line)):
            kernels[-1].instructions[found[1]] += 1
    return kernels


# ---- rules: each is (pattern of mangled names, function of a kernel and the pattern's match: a fault, or nothing).


def keeps_denormals(kernel, _):
    flushing = [i for i in kernel.instructions if ".FTZ" in i and ARITHMETIC.match(i)]
    return f"flushes denormals: {', '.join(sorted(flushing))}" if flushing else None


def entry(rank, decay):
    """Additions, multiplications and fused ones of one entry of exact SGD (src/contract/sgd.h)."""
    if rank < 8:
        add, mul, fma = 1, 2, rank - 1  # a - p; u[0] * v[0], lr * (a - p); the chain
    else:
        add, mul, fma = 8, 9, rank - 8  # eight chains, folded
    return add, mul + (2 * rank if decay else 0), fma + 2 * rank


def has_whole_entries(kernel, letter, rank, decay):
    """An unrolled kernel does some number of entries, and each is made of the contract's operations. Additions there
    may be more, of what is not the contract's; a contracted one is a multiplication less."""
    add, mul, fma = entry(rank, decay)
    counts = tuple(kernel.count(operation, letter) for operation in ("ADD", "MUL", "FMA"))
    entries = counts[1] // mul
    if entries and counts[0] >= entries * add and counts[1:] == (entries * mul, entries * fma):
        return None
    return (f"has {counts[0]} additions, {counts[1]} multiplications and {counts[2]} fused, which is no multiple of "
            f"an entry's {add}, {mul} and {fma}")


def entry_of_sgd(kernel, match):
    letter, rank, decay = match[1], int(match[2]), match[3] == "1"
    return has_whole_entries(kernel, letter, rank, decay) if rank else None  # 0: any rank, in loops


def passes_of_descent(kernel, match):
    """Full-batch descent (src/cuda/gd_passes.h): five unrolled loops of 16 steps, each two fused operations a number of
    the rank, or of a vector of it where the rank is long (0); 16 squares; a step for each number in five places; and two
    loops over four numbers that step. What is fused besides belongs to CUDA's division and square root in float64."""
    letter, rank = match[1], int(match[3])
    numbers = rank or {"f": 4, "d": 2}[letter]
    fused = 5 * 16 * 2 * numbers + 16 + 5 * (rank or 1) + 2 * 4
    found, products = kernel.count("FMA", letter), kernel.count("MUL", letter)
    if fused <= found < fused + 80 and (letter == "d" or products == 8):
        return None
    return f"has {found} fused operations and {products} multiplications, but the passes are {fused}, and 8 in float32"


RULES = [
    (r"", keeps_denormals),
    # sgd_kernel<T, SgdInstance<rank, Cell, turned, decay>>
    (r"sgd_kernelI([fd])N\w+SgdInstanceILi(\d+)E[fdh]Lb[01]ELb([01])E", entry_of_sgd),
    # gd_kernel<T, Cell, rank>
    (r"\d+gd_kernelI([fd])([afd])Li(\d+)E", passes_of_descent),
    # one_entry<T, rank, decay>, in entries.cu
    (r"one_entryI([fd])Li(\d+)ELb([01])E", entry_of_sgd),
]

# Kernels that need a rule of their own, so that a new name does not go unchecked.
COUNTED = r"gd_kernel|one_entry"

# Kernels that may flush: those that call CUDA's division or square root, whose own code does where it is harmless.
MAY_FLUSH = r"$^"


def faults_of(kernels):
    faults = []
    for kernel in kernels:
        counted = False
        for pattern, rule in RULES:
            match = re.search(pattern, kernel.name)
            if not match or (rule is keeps_denormals and re.search(MAY_FLUSH, kernel.name)):
                continue
            counted |= rule is not keeps_denormals
            if fault := rule(kernel, match):
                faults.append(f"{kernel.architecture} {kernel.name} {fault}")
        if re.search(COUNTED, kernel.name) and not counted:
            faults.append(f"{kernel.architecture} {kernel.name} has no rule")
    return faults


def main():
    cuobjdump, library = sys.argv[1:]
    if not cuobjdump or cuobjdump.endswith("-NOTFOUND"):
        print("skipped: there is no cuobjdump on PATH, beside nvcc or in torch's triton")
        return SKIPPED
    kernels = kernels_of(cuobjdump, library)
    faults = faults_of(kernels)
    print("\n".join(faults))
    print(f"{len(kernels)} kernels, {len(faults)} faults")
    return 0 if kernels and not faults else 1


if __name__ == "__main__":
    sys.exit(main())
