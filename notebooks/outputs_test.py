"""Every way in which a notebook's outputs can differ from the stored ones is found, and no other."""

import copy
import sys

import outputs


def code(text, tolerance=0.0):
    metadata = {"tolerance": tolerance} if tolerance else {}
    stream = {"output_type": "stream", "name": "stdout", "text": text}
    return {"cell_type": "code", "id": "cell", "metadata": metadata, "outputs": [stream]}


def picture(alt):
    shown = {"output_type": "display_data", "data": {"image/png": "iVBORw0=", "text/plain": alt}}
    return {"cell_type": "code", "id": "cell", "metadata": {}, "outputs": [shown]}


def said(stored, found):
    return outputs.faults({"cells": [stored]}, {"cells": [found]})


def test_the_same_is_no_fault():
    for cell in (code("loss 0.1219\n"), picture("a curve"), {"cell_type": "markdown", "id": "cell"}):
        assert said(cell, copy.deepcopy(cell)) == []


def test_text_must_be_the_same():
    assert said(code("loss 0.12197"), code("loss 0.12198"))
    assert said(picture("a curve"), picture("another"))
    assert said(code("loss 2", 0.5), code("error 2", 0.5))
    assert said(code("1 2", 0.5), code("1 2 3", 0.5))


def test_a_tolerance_is_relative_to_the_larger():
    assert said(code("loss 100, at 7", 0.01), code("loss 100.9, at 7", 0.01)) == []
    assert said(code("loss 100, at 7", 0.01), code("loss 102, at 7", 0.01))
    assert said(code("3e-11", 0.9), code("9.1e-11", 0.9)) == []
    assert said(code("3e-11", 0.9), code("9.1e-10", 0.9))
    assert said(code("took   9 s", 1), code("took 120 s", 1)) == []
    assert said(code("x 1", 0.9), code("x -1", 0.9))


def test_numbers_in_names_are_text():
    assert said(code("U_1 = 5", 0.5), code("U_2 = 5", 0.5))


def test_what_is_not_finite_is_another_text():
    assert said(code("loss 0.1", 0.9), code("loss nan", 0.9))


def test_another_kind_of_output_is_a_fault():
    assert said(code("a curve"), picture("a curve"))
    silent = code("")
    silent["outputs"] = []
    assert said(code("loss"), silent)
    assert said(silent, code("loss"))


def test_stderr_and_errors_are_faults_even_where_stored():
    warning = code("UserWarning: ...")
    warning["outputs"][0]["name"] = "stderr"
    error = code("")
    error["outputs"] = [{"output_type": "error", "ename": "E", "evalue": "no", "traceback": []}]
    assert "UserWarning" in said(warning, warning)[0][1]
    assert "no" in said(error, error)[0][1]


if __name__ == "__main__":
    tests = [value for name, value in list(globals().items()) if name.startswith("test_")]
    for test in tests:
        test()
    print(f"{len(tests)} passed")
    sys.exit(0)
