"""The GPU that is measured, its clock while it works, and the floor under exact SGD that follows from it."""

import subprocess
import time

import torch

LATENCY = 4  # cycles of a dependent float32 add, multiply or fused multiply-add on compute capability 8.0 to 9.0
LANES = 32


class Gpu:
    def __init__(self, device):
        self.properties = torch.cuda.get_device_properties(device)
        self.clock = None  # MHz, while it works
        told = self.query("driver_version", "clocks.max.sm", "power.limit")
        self.driver, self.most, self.power = told or (None, None, None)

    def command(self, fields):
        uuid = str(getattr(self.properties, "uuid", ""))
        which = ["-i", uuid if uuid.startswith("GPU-") else f"GPU-{uuid}"] if uuid else []
        return ["nvidia-smi", *which, f"--query-gpu={','.join(fields)}", "--format=csv,noheader,nounits"]

    def query(self, *fields, meanwhile=lambda: time.sleep(0.01)):
        """What nvidia-smi says while something is done again and again, or nothing."""
        try:
            asked = subprocess.Popen(self.command(fields), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        except OSError:
            return None
        begin = time.monotonic()
        while asked.poll() is None and time.monotonic() - begin < 20:
            meanwhile()
        if asked.poll() is None:
            asked.kill()
        values = [value.strip() for value in asked.communicate()[0].split(",")]
        return values if asked.returncode == 0 and len(values) == len(fields) else None

    def read_clock(self, work):
        """Asks twice, for a clock takes a while to rise."""
        for _ in range(2):
            told = self.query("clocks.sm", meanwhile=work)
        if told and told[0].isdigit() and int(told[0]) > 0:
            self.clock = int(told[0])

    def lines(self):
        p = self.properties
        clock = f"{self.clock} MHz during exact SGD" if self.clock else "not known"
        return [f"GPU: {p.name}, compute capability {p.major}.{p.minor}, {p.multi_processor_count} multiprocessors, "
                f"{p.total_memory / 1e9:.0f} GB; driver {self.driver or '–'}",
                f"clock: {clock}, at most {self.most or '–'} MHz; power limit {self.power or '–'} W"]


def sgd_chain(rank):
    """Instructions from a step's u to the next one's that each need the one before: the dot product (a chain, or from
    rank 8 on the longest of eight and their folding), a - p, times lr, the choice between observed and not, u's fma."""
    dot = rank if rank < 8 else -(-rank // 8) + 3
    return dot + 4


def sgd_steps(rows, columns, rank):
    """Of a warp in an epoch: its last lane is `skew` columns behind the one before (src/cuda/sgd_job.h)."""
    skew = 3 if rank <= 8 else 1
    return max(rows, columns) + skew * (min(LANES, rows, columns) - 1)


def sgd_floor_ms(rows, columns, rank, epochs, clock):
    """No warp can be faster in float32: its chain, or an instruction a cycle for the 3 rank + 3 of a step's
    arithmetic, whichever is longer, once a step."""
    cycles = max(LATENCY * sgd_chain(rank), 3 * rank + 3)
    return cycles * sgd_steps(rows, columns, rank) * epochs / (1e3 * clock)
