"""The lab sheets' Python, written out plainly, as a solution has it; only the dtype is passed on, and the norm that one
report descends."""

import torch
import torch.nn.functional as F

LAB1 = torch.tensor([[0.3374, 0.6005, 0.1735], [3.3359, 0.0492, 1.8374], [2.9407, 0.5301, 2.2620]])
MASK1 = torch.tensor([[1, 1, 1], [0, 1, 1], [1, 0, 1]])


def sgd_factorise(A, rank, num_epochs=1000, lr=0.01):
    m, n = A.shape
    U, V = torch.rand(m, rank, dtype=A.dtype), torch.rand(n, rank, dtype=A.dtype)
    for _ in range(num_epochs):
        for r in range(m):
            for c in range(n):
                e = A[r, c] - U[r] @ V[c]
                U[r] = U[r] + lr * e * V[c]
                V[c] = V[c] + lr * e * U[r]
    return U, V


def sgd_factorise_masked(A, M, rank, num_epochs=1000, lr=0.01):
    m, n = A.shape
    U, V = torch.rand(m, rank, dtype=A.dtype), torch.rand(n, rank, dtype=A.dtype)
    for _ in range(num_epochs):
        for r in range(m):
            for c in range(n):
                if M[r, c] == 1:
                    e = A[r, c] - U[r] @ V[c]
                    U[r] = U[r] + lr * e * V[c]
                    V[c] = V[c] + lr * e * U[r]
    return U, V


def gd_factorise_masked(A, M, rank, num_epochs=1000, lr=1e-5):
    m, n = A.shape
    U, V = torch.rand(m, rank, dtype=A.dtype), torch.rand(n, rank, dtype=A.dtype)
    for _ in range(num_epochs):
        err = (A - U @ V.t()) * M
        U += (lr * err) @ V
        V += (lr * err.t()) @ U
    return U, V


def gd_factorise_ad(A, rank, num_epochs=1000, lr=0.01, norm=False):
    m, n = A.shape
    U = torch.rand(m, rank, dtype=A.dtype, requires_grad=True)
    V = torch.rand(n, rank, dtype=A.dtype, requires_grad=True)
    for _ in range(num_epochs):
        U.grad = V.grad = None
        P = U @ V.t()
        loss = torch.norm(A - P) if norm else F.mse_loss(P, A, reduction="sum")
        loss.backward()
        U.data -= lr * U.grad
        V.data -= lr * V.grad
    return U.data, V.data
