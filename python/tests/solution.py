"""A solution of both labs as it is handed in: prints its figures. figures_test.py also runs it with one import changed.

python3 solution.py iris.csv
"""

import csv
import sys

import torch
import torch.nn.functional as F
from sheets import gd_factorise_ad, gd_factorise_masked, sgd_factorise, sgd_factorise_masked

A = torch.tensor([[0.3374, 0.6005, 0.1735], [3.3359, 0.0492, 1.8374], [2.9407, 0.5301, 2.2620]])
M = torch.tensor([[1, 1, 1], [0, 1, 1], [1, 0, 1]])


def loss(A, U, V):
    return F.mse_loss(U @ V.t(), A, reduction="sum").item()


# Lab 1, exercises 1.2 and 3.1.
for seed in range(3):
    torch.manual_seed(seed)
    U, V = sgd_factorise(A, 2)
    print(f"sgd_factorise {seed} {loss(A, U, V):.5f}")
for seed in range(4):
    torch.manual_seed(seed)
    U, V = sgd_factorise_masked(A, M, 2, num_epochs=1000, lr=0.01)
    print(f"sgd_factorise_masked {seed} {loss(A, U, V):.4f}")

# Exercise 4.1, on ratings that were made up.
torch.manual_seed(0)
ratings = torch.randint(1, 6, (100, 200)) * (torch.rand(100, 200) < 0.35)
U, V = gd_factorise_masked(ratings.float(), ratings > 0, rank=5, num_epochs=1000, lr=1e-3)
error = (((ratings - U @ V.t()) * (ratings > 0)) ** 2).sum()
print(f"gd_factorise_masked 0 {error:.2f}")

# Lab 2, exercises 1.1 and 1.2.
with open(sys.argv[1], encoding="utf-8") as file:
    iris = torch.tensor(
        [[float(x) for x in row[:4]] for row in csv.reader(file) if len(row) == 5 and row[0][0].isdigit()]
    )
iris = iris - iris.mean(dim=0)
for rank in (2, 4):
    for seed in range(3):
        torch.manual_seed(seed)
        U, V = gd_factorise_ad(iris, rank, num_epochs=1000, lr=0.01)
        print(f"gd_factorise_ad/{rank} {seed} {loss(iris, U, V):.{5 if rank == 2 else 4}f}")
