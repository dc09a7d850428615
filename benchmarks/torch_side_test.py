"""The forms in which PyTorch is timed are one epoch: the sheet's code and the one in place give the same factors. Where
torch cannot be imported it is skipped."""

import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
try:
    import torch
except ImportError:
    print("skipped: this python3 has no torch")
    sys.exit(77)
import torch_side

torch.manual_seed(0)
A = torch.randint(1, 6, (40, 70)).float()
M = (torch.rand(40, 70) < 0.4).float()
LR = 1e-3


def check_same(what, one, other):
    for name, a, b in zip("UV", one, other, strict=True):
        apart = float((a - b).abs().max())
        if apart > 1e-5:  # float32, sums of up to 70 products of a few units
            raise SystemExit(f"{what}: {name} differs by {apart}")
        if torch.equal(a, START[name]):
            raise SystemExit(f"{what}: {name} did not move")


START = dict(zip("UV", torch_side.start_ratings((40, 70), 5), strict=True))


def stepped(step):
    U, V = (START[name].clone() for name in "UV")
    step(U, V)
    return U.detach(), V.detach()


def by_autograd(U, V):
    torch_side.descend(A, U.requires_grad_(), V.requires_grad_(), LR)


check_same("full-batch",
           stepped(lambda U, V: torch_side.masked_step(A * M, M, U, V, LR)),
           stepped(lambda U, V: torch_side.masked_step_in_place(A * M, M, U, V, LR, torch.empty_like(A))))
check_same("autograd", stepped(by_autograd),
           stepped(lambda U, V: torch_side.dense_step_in_place(A, U, V, LR, torch.empty_like(A))))
