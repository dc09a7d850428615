"""The sides that are compared, as processes: bench_factorise for a call each, PyTorch and LIBMF as ones that stay."""

import json
import os
import platform
import subprocess
import time


AVX2 = {"FACTORISE_ISA": "avx2"}


def instruction_set():
    """What the library uses here, as src/cpu/isa.cpp chooses it."""
    forced = os.environ.get("FACTORISE_ISA")
    if forced:
        return {"avx512": "AVX-512", "avx2": "AVX2"}.get(forced, forced)
    flags = set()
    if os.path.exists("/proc/cpuinfo"):
        with open("/proc/cpuinfo") as file:
            flags = set(next((line for line in file if line.startswith("flags")), "").split())
    if flags >= {"avx2", "fma", "avx512f", "avx512bw", "avx512dq", "avx512vl", "avx512cd"}:
        return "AVX-512"
    if flags >= {"avx2", "fma"}:
        return "AVX2"
    return "NEON" if platform.machine() in ("aarch64", "arm64") else "scalar"


class Asked:
    """A process that answers JSON lines: torch_side.py, libmf_side.py. One that is missing answers why."""

    def __init__(self, python, script, missing):
        self.process = None
        self.missing = missing
        if python:
            environment = os.environ | {"PYTHONWARNINGS": "ignore"}
            self.process = subprocess.Popen([python, script], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                            stderr=subprocess.DEVNULL, text=True, env=environment)

    def ask(self, what, **request):
        """The answer, a dict with "ms" and more, or with "skipped": a reason."""
        if self.process is None:
            return {"skipped": self.missing}
        try:
            self.process.stdin.write(json.dumps({"do": what} | request) + "\n")
            self.process.stdin.flush()
            line = self.process.stdout.readline()
        except BrokenPipeError:
            line = ""
        if not line:
            self.missing, self.process = f"it ended with status {self.process.wait()}", None
            return {"skipped": self.missing}
        answer = json.loads(line)
        reason = answer.pop("missing", None) or answer.pop("failed", None)
        return answer | {"skipped": reason} if reason else answer

    def close(self):
        if self.process:
            self.process.stdin.close()
            self.process.wait()


class Sides:
    """All of them, and the folder that holds what they share."""

    def __init__(self, build, root, folder, torch_python, libmf_python, threads):
        self.build, self.root, self.folder, self.threads = build, root, folder, threads
        self.torch_python = torch_python
        self.isa = instruction_set()
        here = os.path.join(root, "benchmarks")
        self.torch = Asked(torch_python, os.path.join(here, "torch_side.py"), "no Python with this torch was found")
        self.libmf = Asked(libmf_python, os.path.join(here, "libmf_side.py"), "LIBMF could not be installed")

    def close(self):
        self.torch.close()
        self.libmf.close()

    def bench(self, *arguments, environment=None):
        """The samples of one call of bench_factorise, as dicts."""
        command = [os.path.join(self.build, "bin", "bench_factorise"), *map(str, arguments)]
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                              env=os.environ | (environment or {}))
        if done.returncode != 0:
            raise SystemExit(f"bench: {' '.join(command)} failed:\n{done.stderr}")
        return [json.loads(line) for line in done.stdout.splitlines()]

    def problem(self, name, *arguments):
        """The path of a file of made-up ratings, written where it is not there yet."""
        path = os.path.join(self.folder, name + ".f32")
        if not os.path.exists(path):
            self.bench("problem", "--output", path, *arguments)
        return path

    def start_up(self, command):
        """Milliseconds that a command takes."""
        begin = time.perf_counter()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        return 1e3 * (time.perf_counter() - begin)
