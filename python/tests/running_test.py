"""How a run behaves: callbacks, Ctrl-C, threads, progress, divergence, refusals, and what is switched on around it."""

import builtins
import pickle
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
import torch

import factorise

GENERATOR = torch.Generator().manual_seed(0)
A = torch.randint(1, 6, (30, 50), generator=GENERATOR).float()
M = torch.rand(30, 50, generator=GENERATOR) < 0.5
NESTED = torch.nested.nested_tensor([A], layout=torch.jagged)

METHODS = {
    "sgd_factorise": lambda **kw: factorise.sgd_factorise(A, 3, **{"lr": 0.002, **kw}),
    "sgd_factorise_masked": lambda **kw: factorise.sgd_factorise_masked(A, M, 3, **{"lr": 0.002, **kw}),
    "als_factorise": lambda **kw: factorise.als_factorise(A, 3, **kw),
    "als_factorise_masked": lambda **kw: factorise.als_factorise_masked(A, M, 3, **kw),
    "gd_factorise_masked": lambda **kw: factorise.gd_factorise_masked(A, M, 3, **{"lr": 0.001, **kw}),
    "gd_factorise_ad": lambda **kw: factorise.gd_factorise_ad(A, 3, **{"lr": 0.0005, **kw}),
}
every_method = pytest.mark.parametrize("method", METHODS)
every_engine = pytest.mark.parametrize("engine", ["fused", "reference"])


def same(first, second):
    return all(torch.equal(a, b) for a, b in zip(first, second, strict=True))


@every_method
@every_engine
def test_callback_is_told_the_epoch_and_the_loss(method, engine):
    told = []
    U, V = METHODS[method](seed=0, engine=engine, num_epochs=7, report_every=3, callback=lambda *a: told.append(a))
    assert [epoch for epoch, _ in told] == [3, 6, 7]
    mask = M if "masked" in method else None
    assert told[-1][1] == pytest.approx(factorise.squared_error(A, U, V, mask), rel=1e-5)
    assert same((U, V), METHODS[method](seed=0, engine=engine, num_epochs=7))


@every_method
@every_engine
def test_a_callback_that_returns_false_stops(method, engine):
    stopped = METHODS[method](seed=0, engine=engine, num_epochs=50, callback=lambda epoch, loss: epoch < 4)
    assert same(stopped, METHODS[method](seed=0, engine=engine, num_epochs=4))


@pytest.mark.parametrize("answer, epochs", [(None, 5), (0, 5), (torch.zeros(3), 5), (np.ones(2), 5), (True, 5),
                                            (False, 1), (np.False_, 1), (torch.tensor(False), 1)])  # fmt: skip
def test_only_false_stops(answer, epochs):
    factors = METHODS["sgd_factorise"](seed=0, num_epochs=5, callback=lambda *a: answer)
    assert same(factors, METHODS["sgd_factorise"](seed=0, num_epochs=epochs))


@every_method
@every_engine
def test_on_factors_is_given_copies_and_stops(method, engine):
    given = []
    METHODS[method](seed=0, engine=engine, num_epochs=7, factors_every=3, on_factors=lambda *a: given.append(a))
    assert [epoch for epoch, *_ in given] == [3, 6, 7]
    for epoch, *factors in given:
        assert same(factors, METHODS[method](seed=0, engine=engine, num_epochs=epoch))
    stopped = METHODS[method](seed=0, engine=engine, num_epochs=50, on_factors=lambda epoch, U, V: epoch < 4)
    assert same(stopped, METHODS[method](seed=0, engine=engine, num_epochs=4))


@every_method
@every_engine
def test_a_run_goes_on_from_kept_factors_to_the_same_bits(method, engine, tmp_path):
    decay = {"lr_decay": 0.9} if method.startswith("sgd") else {}
    whole = METHODS[method](seed=0, engine=engine, num_epochs=9, **decay)

    def keep(epoch, U, V):
        torch.save({"epoch": epoch, "U": U, "V": V}, tmp_path / "checkpoint.pt")

    METHODS[method](seed=0, engine=engine, num_epochs=6, factors_every=4, on_factors=keep, **decay)
    kept = torch.load(tmp_path / "checkpoint.pt", weights_only=True)
    assert kept["epoch"] == 6
    told = []
    rest = METHODS[method](initial=(kept["U"], kept["V"]), epochs_done=6, engine=engine, num_epochs=9, report_every=2,
                           callback=lambda epoch, loss: told.append(epoch), **decay)  # fmt: skip
    assert same(whole, rest) and told == [8, 9]


@every_method
def test_patience_keeps_the_best_factors_and_ends_the_run(method):
    errors = {2: 3.0, 4: 1.0, 6: 2.0, 8: 1.0, 10: 0.5}
    judged = []

    def judge(U, V):
        judged.append((U, V))
        return errors[2 * len(judged)]

    patience = factorise.Patience(2, judge)
    factors = METHODS[method](seed=0, num_epochs=100, factors_every=2, on_factors=patience)
    assert same(factors, METHODS[method](seed=0, num_epochs=8))
    assert patience.is_over and patience.worse == 2
    assert (patience.best.error, patience.best.epoch) == (1.0, 4)
    assert same((patience.best.U, patience.best.V), METHODS[method](seed=0, num_epochs=4))


@every_method
def test_what_a_callback_raises_comes_out(method):
    def callback(epoch, loss):
        raise KeyError(epoch)

    with pytest.raises(KeyError, match="2"):
        METHODS[method](report_every=2, callback=callback)


# The signal comes from a thread, some time into the run: nothing that the run does announces it.
INTERRUPTED = """
import os, signal, threading, time, torch, factorise
A = torch.rand(200, 3000, generator=torch.Generator().manual_seed(0))
M = torch.ones_like(A, dtype=torch.bool)
begun = []
def interrupt():
    time.sleep(0.7)
    begun.append(time.perf_counter())
    os.kill(os.getpid(), signal.SIGINT)
threading.Thread(target=interrupt, daemon=True).start()
try:
    CALL
except KeyboardInterrupt:
    print(time.perf_counter() - begun[0])
"""
FOREVER = {
    "sgd_factorise": "factorise.sgd_factorise(A, 5, 10**9, 1e-5)",
    "sgd_factorise_masked": "factorise.sgd_factorise_masked(A, M, 5, 10**9, 1e-5)",
    "gd_factorise_masked": "factorise.gd_factorise_masked(A, M, 5, 10**9, 1e-7)",
    "gd_factorise_ad": "factorise.gd_factorise_ad(A, 5, 10**9, 1e-7)",
    "sgd_factorise, with a bar": "factorise.sgd_factorise(A, 5, 10**9, 1e-5, progress=True)",
    "gd_factorise_ad, with a callback": "factorise.gd_factorise_ad(A, 5, 10**9, 1e-7, callback=lambda *a: None)",
    "sgd_factorise, reference": "factorise.sgd_factorise(A, 5, 10**9, 1e-5, engine='reference')",
}


@pytest.mark.parametrize("call", FOREVER)
def test_ctrl_c_comes_out_within_a_fraction_of_a_second(call):
    if "progress" in FOREVER[call]:
        pytest.importorskip("tqdm")
    done = subprocess.run(
        [sys.executable, "-c", INTERRUPTED.replace("CALL", FOREVER[call])],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    # Slices take 0.25 s; the rest is for a machine that is busy.
    assert float(done.stdout) < 0.9


def test_kernels_release_the_gil():
    session = torch.classes.factorise.Session("f", "sgd", torch.rand(300, 3000), None, 5, {"lr": 1e-5})
    begun, inside, over = threading.Event(), [], threading.Event()

    def count():
        begun.wait()
        while not over.is_set():
            inside.append(time.perf_counter())
            time.sleep(0.001)

    thread = threading.Thread(target=count)
    thread.start()
    begun.set()
    start = time.perf_counter()
    session.advance(500)  # one call, never back in Python
    end = time.perf_counter()
    over.set()
    thread.join()
    # With the GIL held there is at most one, at either end.
    margin = (end - start) / 10
    assert sum(start + margin < t < end - margin for t in inside) > 3


def test_threads_of_the_caller_run_side_by_side_with_the_bits_of_one():
    results = {}

    def run(name):
        results[name] = METHODS[name](seed=1, num_epochs=200)

    threads = [threading.Thread(target=run, args=(name,)) for name in METHODS]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for name, factors in results.items():
        assert same(factors, METHODS[name](seed=1, num_epochs=200))


@pytest.mark.parametrize("method", [name for name in METHODS if not name.startswith("als")])  # als has no lr
@every_engine
def test_divergence_says_when(method, engine):
    sentence = rf"\[{method}\] diverged: after epoch \d+ .* a smaller lr"
    with pytest.raises(factorise.DivergenceError, match=sentence) as e:
        METHODS[method](seed=0, engine=engine, lr=0.3)
    epoch = e.value.epoch
    assert epoch >= 1 and f"after epoch {epoch} " in str(e.value)
    # The epochs before were finite, however they are cut.
    assert all(f.isfinite().all() for f in METHODS[method](seed=0, engine=engine, lr=0.3, num_epochs=epoch - 1))
    with pytest.raises(factorise.DivergenceError) as again:
        METHODS[method](seed=0, engine=engine, lr=0.3, callback=lambda *a: None)
    assert again.value.epoch == epoch
    assert pickle.loads(pickle.dumps(e.value)).epoch == epoch


def test_progress_shows_a_bar(capsys):
    pytest.importorskip("tqdm")
    METHODS["sgd_factorise"](num_epochs=20, progress=True)
    shown = capsys.readouterr().err
    assert "sgd_factorise" in shown and "20/20" in shown


def test_progress_without_tqdm_is_a_sentence(monkeypatch):
    importing = builtins.__import__

    def without_tqdm(name, *args, **kwargs):
        if name.split(".")[0] == "tqdm":
            raise ImportError(name)
        return importing(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without_tqdm)
    with pytest.raises(ImportError, match=r"\[sgd_factorise\] progress=True needs tqdm, but it is not installed"):
        METHODS["sgd_factorise"](progress=True)


REFUSED = [
    (lambda: factorise.sgd_factorise(A, 31), ValueError, "rank must be at most min(m, n) = 30 for a 30 x 50 matrix"),
    (lambda: factorise.sgd_factorise(A, 0), ValueError, "rank must be at least 1, but was 0"),
    (lambda: factorise.sgd_factorise(A, 2.5), TypeError, "rank must be an integer, but was 2.5"),
    (lambda: factorise.sgd_factorise(A.tolist(), 2), TypeError, "A must be a torch.Tensor, but was list"),
    (lambda: factorise.sgd_factorise(A[0], 1), ValueError, "A must be a matrix, m x n, but was 50 (1-D)"),
    (lambda: factorise.sgd_factorise(A.to("meta"), 1), ValueError, "A must be on the CPU or a CUDA device, but was on"),
    (
        lambda: factorise.sgd_factorise_entries(A, 1),
        TypeError,
        "A must be a sparse matrix of torch or scipy, but was Te",
    ),
    (lambda: factorise.sgd_factorise(A / 0, 1), ValueError, "A must be finite, but holds NaN or infinity"),
    (lambda: factorise.sgd_factorise(A, 2, lr=0), ValueError, "lr must be a finite number above 0, but was 0"),
    (lambda: factorise.sgd_factorise(A, 2, lr="x"), TypeError, "lr must be a number, but was 'x'"),
    (lambda: factorise.sgd_factorise(A, 2, -1), ValueError, "num_epochs must be at least 0, but was -1"),
    (lambda: factorise.sgd_factorise(A, 2, weight_decay=-1), ValueError, "weight_decay must be at least 0"),
    (
        lambda: factorise.als_factorise(A, 2, regularisation=-1),
        ValueError,
        "regularisation must be a finite number of at least 0, but was -1",
    ),
    (
        lambda: factorise.als_factorise_entries(torch.eye(4).to_sparse(), 2, regularisation=0),
        ValueError,
        "sweep 1: the factor of row 0 (from 0), which has 1 entry, is not determined at rank 2",
    ),
    (
        lambda: factorise.als_factorise_entries(A, 1),
        TypeError,
        "A must be a sparse matrix of torch or scipy, but was Tensor, dense. als_factorise_masked takes one with a mask",
    ),
    (lambda: factorise.sgd_factorise(A, 2, path="x"), ValueError, "path must be automatic, wavefront or entries"),
    (lambda: factorise.sgd_factorise(A, 2, engine="x"), ValueError, "engine must be fused or reference, but was 'x'"),
    (lambda: factorise.sgd_factorise(A, 2, seed=-1), ValueError, "seed must be 0 to 2**64 - 1, but was -1"),
    (lambda: factorise.sgd_factorise(A, 2, initial=A), TypeError, "initial must be a pair (U, V), but was Tensor"),
    (lambda: factorise.sgd_factorise(A, 2, initial=(A, A)), ValueError, "initial.U must be 30 x 2, but was 30 x 50"),
    (lambda: factorise.sgd_factorise(A, 2, report_every=0), ValueError, "report_every must be at least 1, but was 0"),
    (lambda: factorise.sgd_factorise_masked(A, M * 0, 2), ValueError, "M must mark at least one entry"),
    (lambda: factorise.sgd_factorise_masked(A, M[:3], 2), ValueError, "M must have A's shape 30 x 50, but was 3 x 50"),
    (lambda: factorise.gd_factorise_masked(A, None, 2), TypeError, "M must be a torch.Tensor, but was NoneType"),
    (lambda: factorise.sgd_factorise(A, 2, 10**20), ValueError, "num_epochs must be -2**63 to 2**63 - 1, but was 1000"),
    (lambda: factorise.sgd_factorise(A, 10**20), ValueError, "rank must be -2**63 to 2**63 - 1, but was 1000"),
    (lambda: factorise.sgd_factorise(A, 2, lr="0.01"), TypeError, "lr must be a number, but was '0.01'"),
    (lambda: factorise.sgd_factorise(A, 2, lr=10**400), ValueError, "lr must be a finite number above 0, but was inf"),
    (lambda: factorise.gd_factorise_ad(A, 2, callback=3), TypeError, "callback must be callable, with (epoch, loss)"),
    (lambda: factorise.sgd_factorise(A, 2, on_factors=3), TypeError, "on_factors must be callable, with (epoch, U, V)"),
    (lambda: factorise.sgd_factorise(A, 2, factors_every=0), ValueError, "factors_every must be at least 1, but was 0"),
    (
        lambda: factorise.sgd_factorise(A, 2, 5, epochs_done=6),
        ValueError,
        "epochs_done must be from 0 to num_epochs = 5",
    ),
    (lambda: factorise.sgd_factorise(A, 2, 5, epochs_done=2), ValueError, "initial must be given with epochs_done"),
    (lambda: factorise.Patience(0, print), ValueError, "looks must be at least 1, but was 0"),
    (lambda: factorise.Patience(1, None), TypeError, "judge must be callable, with (U, V), but was None"),
    (lambda: factorise.sgd_factorise(NESTED, 2), ValueError, "A must be dense, but was a nested tensor"),
    (lambda: factorise.factor_loss(A.tolist(), A, A), TypeError, "U must be a torch.Tensor, but was list"),
    (lambda: factorise.factor_loss(A, A, A, M.tolist()), TypeError, "M must be a torch.Tensor, but was list"),
    (lambda: factorise.squared_error(A, None, A), TypeError, "U must be a torch.Tensor, but was NoneType"),
    (lambda: factorise.gd_factorise_ad(A, 2, loss="x"), ValueError, "loss must be squared or norm, but was 'x'"),
]


@pytest.mark.parametrize("call, kind, sentence", REFUSED, ids=[sentence for _, _, sentence in REFUSED])
def test_refusals_are_sentences(call, kind, sentence):
    with pytest.raises(kind) as error:
        call()
    assert str(error.value).startswith("[") and sentence in str(error.value)


@every_method
@every_engine
def test_what_the_caller_has_switched_on_makes_no_difference(method, engine):
    plain = METHODS[method](seed=0, engine=engine, num_epochs=3)
    with torch.inference_mode():
        assert same(plain, METHODS[method](seed=0, engine=engine, num_epochs=3))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        factors = METHODS[method](seed=0, engine=engine, num_epochs=3)
    assert same(plain, factors)
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    try:
        assert same(plain, METHODS[method](seed=0, engine=engine, num_epochs=3))
    finally:
        torch.set_default_dtype(before)
    assert not any(factor.requires_grad or factor.is_inference() for factor in factors)


@pytest.mark.parametrize("engine", ["fused", "reference"])
def test_inputs_are_never_written_to(engine):
    initial = torch.rand(30, 3), torch.rand(50, 3)
    given = [t.clone() for t in (A, M, *initial)]
    factorise.sgd_factorise_masked(A, M, 3, 2, initial=initial, engine=engine)
    factorise.gd_factorise_masked(A, M, 3, 2, initial=initial, engine=engine)
    factorise.gd_factorise_ad(A, 3, 2, 1e-4, initial=initial, engine=engine)
    assert same(given, (A, M, *initial))


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int64, torch.float16, torch.bool])
def test_other_types_compute_in_float32(dtype):
    U, V = factorise.sgd_factorise(A.to(dtype), 2, 3, 0.001, seed=0)
    assert U.dtype == V.dtype == torch.float32
    assert same((U, V), factorise.sgd_factorise(A.to(dtype).float(), 2, 3, 0.001, seed=0))


def test_factors_are_saved_and_read_back_as_weights_only(tmp_path):
    U, V = METHODS["sgd_factorise"](num_epochs=2)
    torch.save({"U": U, "V": V}, tmp_path / "factors.pt")
    assert same((U, V), torch.load(tmp_path / "factors.pt", weights_only=True).values())
