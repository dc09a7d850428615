"""Reads what pt_writer_test.cpp wrote, with torch.load(weights_only=True), and compares it with the listings beside it.

    python3 read_back.py FOLDER        exits with 77 (skip) where torch cannot be imported
"""
import sys
import zipfile
from pathlib import Path

from write_files import listing, torch

folder = Path(sys.argv[1])
failed = 0
files = sorted(folder.glob("*.pt"))
assert files, f"{folder} holds no files: the test that writes them has not run"
for file in files:
    expected = file.with_suffix(".txt").read_text()
    for mmap in (False, True):
        value = torch.load(file, weights_only=True, mmap=mmap)
        if "\n".join(listing(value, {}, [])) + "\n" != expected:
            print(f"{file.name} differs (mmap={mmap})")
            failed += 1
    with zipfile.ZipFile(file) as archive:  # checks every checksum
        if archive.testzip():
            print(f"{file.name} has a wrong checksum")
            failed += 1
with zipfile.ZipFile(folder / "wide.zip") as archive:
    assert archive.testzip() is None and archive.read("a/1") == b"x" * 2000
print(f"{len(files)} files read back, {failed} differences")
sys.exit(1 if failed else 0)
