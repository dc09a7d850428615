"""Writes .pt files across formats, protocols, types and containers, for pt_reader_test.cpp to read back.

Beside each NAME.pt stands what must come of it: NAME.txt, a plain listing of the value, or NAME.refused, a part of the
sentence that must refuse it.

    python3 write_files.py FOLDER        exits with 77 (skip) where torch cannot be imported
"""
import collections
import io
import pickle
import shutil
import struct
import sys
import tarfile
import warnings
import zipfile
import zlib
from pathlib import Path

try:
    import torch
except ImportError as error:
    print(f"skipped: this python3 has no torch ({error})")
    sys.exit(77)

warnings.filterwarnings("ignore")

REAL = ["float16", "float32", "float64", "bfloat16"]
WHOLE = ["uint8", "int8", "int16", "int32", "int64", "uint16", "uint32", "uint64"]


def data_of(tensor):
    """The tensor's numbers, row by row, as bytes."""
    flat = tensor.detach().contiguous().reshape(-1)
    return bytes(flat.view(torch.uint8).tolist()) if flat.numel() else b""


def entries_of(matrix):
    """A CSR or CSC matrix as COO, its entries in their order."""
    by_rows = matrix.layout == torch.sparse_csr
    ends = matrix.crow_indices() if by_rows else matrix.ccol_indices()
    other = matrix.col_indices() if by_rows else matrix.row_indices()
    lines = torch.repeat_interleave(torch.arange(len(ends) - 1), (ends[1:] - ends[:-1]).long())
    indices = torch.stack((lines, other.long()) if by_rows else (other.long(), lines))
    return torch.sparse_coo_tensor(indices, matrix.values(), matrix.shape)


def listing(value, storages, lines, indent=0):
    """One line for each part; the C++ test writes the same of what it read."""
    def add(line):
        lines.append(" " * indent + line)

    if value is None:
        add("none")
    elif isinstance(value, bool):
        add(f"bool {int(value)}")
    elif isinstance(value, int):
        add(f"int {value}")
    elif isinstance(value, float):
        add(f"real {struct.pack('>d', value).hex()}")
    elif isinstance(value, str):
        add(f"text {value.encode().hex()}")
    elif isinstance(value, torch.dtype):
        add(f"text {str(value).encode().hex()}")
    elif isinstance(value, torch.Tensor) and value.layout != torch.strided:
        coo = value if value.layout == torch.sparse_coo else entries_of(value)
        add(f"sparse {str(value.dtype)[6:]} sizes {list(value.shape)} of {coo._nnz()} entries, "
            f"indices {zlib.crc32(data_of(coo._indices()))} values {zlib.crc32(data_of(coo._values()))}")
    elif isinstance(value, torch.Tensor):
        storage = storages.setdefault(value.untyped_storage()._cdata, len(storages))
        data = data_of(value)
        add(f"tensor {str(value.dtype)[6:]} sizes {list(value.shape)} strides {list(value.stride())} "
            f"offset {value.storage_offset()} storage {storage} of {value.untyped_storage().nbytes()} "
            f"crc {zlib.crc32(data)} data {data[:64].hex()}")
    elif isinstance(value, dict):
        add(f"dict {len(value)}")
        for key, item in value.items():
            listing(key, storages, lines, indent + 1)
            listing(item, storages, lines, indent + 1)
    else:
        add(f"{'tuple' if isinstance(value, tuple) else 'list'} {len(value)}")
        for item in value:
            listing(item, storages, lines, indent + 1)
    return lines


def values():
    x = torch.arange(24, dtype=torch.float32).reshape(4, 6) / 7
    yield "matrix", x
    yield "scalar", torch.tensor(3.5)
    yield "empty", torch.empty(0, 3)
    yield "parameter", torch.nn.Parameter(x.clone())
    yield "needs_grad", x.clone().requires_grad_()
    yield "buffer", torch.nn.Buffer(x.clone())
    yield "special", torch.tensor([float("nan"), float("inf"), -float("inf"), -0.0, 1e-45])
    yield "views", {"whole": x, "transposed": x.t(), "block": x[1:3, ::2], "row": x[2], "one": x[3, 5],
                    "expanded": x[:, :1].expand(4, 5), "none": x[4:], "permuted": x.reshape(2, 2, 6).permute(2, 0, 1)}
    yield "channels_last", torch.randn(2, 3, 4, 5).to(memory_format=torch.channels_last)
    for name in REAL:
        yield name, torch.randn(3, 5, dtype=torch.float64).to(getattr(torch, name))
    for name in WHOLE:
        dtype = getattr(torch, name)
        info = torch.iinfo(dtype)
        yield name, torch.tensor([info.min, 0, 1, 5, info.max], dtype=dtype)
    yield "bool", torch.tensor([[True, False, True], [False, False, True]])
    yield "numbers", [0, 1, -1, 127, 128, 255, 256, 65535, 65536, 2**31 - 1, -2**31, 2**31, -2**31 - 1, 2**40, -2**40,
                      2**63 - 1, -2**63, 0.0, -0.0, 0.1, 1e300, float("inf"), True, False, None]
    yield "strings", ["", "a", "Größe", "映画", "\U0001f3ac", "a\0b", "x" * 300, "y" * 70000]
    yield "containers", {"list": [1, [2, [3, []]]], "tuples": ((), (1,), (1, 2), (1, 2, 3), (1, 2, 3, 4)),
                         "dict": {"a": {"b": {"c": x}}}, "ordered": collections.OrderedDict(z=1, a=2), "empty": {},
                         "size": tuple(x.shape), "thousands": list(range(3000))}
    yield "keys", {"name": 1, 5: x, -7: 2, 2**40: 3, None: 4, True: 5, 2.5: 6, (1, "a"): 7, "ключ": 8, "": 9}
    yield "repeated", [x, x, [x.view(6, 4)], {"again": x}]
    shared = [1, 2, "three"]
    yield "repeated_list", [shared, shared, (shared, shared)]
    yield "dtype", {"type": torch.float32, "values": x}
    model = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.BatchNorm1d(4), torch.nn.Linear(4, 3))
    model[2].weight = torch.nn.Parameter(model[0].weight.detach().t().contiguous())
    yield "state_dict", model.state_dict()
    tied = torch.nn.ModuleDict({"encoder": torch.nn.Linear(3, 3), "decoder": torch.nn.Linear(3, 3)})
    tied["decoder"].weight = tied["encoder"].weight
    yield "tied", tied.state_dict()
    optimiser = torch.optim.Adam(model.parameters())
    model(torch.randn(8, 3)).sum().backward()
    optimiser.step()
    yield "optimiser", optimiser.state_dict()
    yield "checkpoint", {"epoch": 3, "model": model.state_dict(), "optimiser": optimiser.state_dict(), "loss": 0.25}
    yield from sparse_values(x)
    yield "large", torch.arange(300_000, dtype=torch.float64).reshape(300, 1000)
    big = torch.arange(1 << 20, dtype=torch.int32)
    yield "large_views", [big[5:], big[::2], big.reshape(1024, 1024).t()]
    yield "large_bool", torch.arange(1 << 21) % 3 == 0


def sparse_values(x):
    positive = x * (x.round() % 2)
    yield "sparse", positive.to_sparse()
    yield "sparse_in_dict", {"A": positive.to_sparse(), "lr": 0.5, "M": positive.ne(0).to_sparse()}
    yield "sparse_none", torch.zeros(3, 2).to_sparse()
    yield "sparse_hybrid", torch.sparse_coo_tensor(torch.tensor([[2, 0]]), torch.ones(2, 5), (4, 5))
    yield "sparse_3d", torch.rand(2, 3, 4).gt(0.5).long().to_sparse()
    yield "sparse_twice", torch.sparse_coo_tensor(torch.tensor([[1, 0, 1], [2, 1, 2]]), torch.arange(3.0), (2, 3))
    yield "sparse_parameter", torch.nn.Parameter(positive.to_sparse())


def compressed_values():
    """Those that the stream from before torch 1.6 cannot hold."""
    x = torch.arange(24, dtype=torch.float32).reshape(4, 6)
    odd = x * (x % 2)
    yield "sparse_csr", odd.to_sparse_csr()
    yield "sparse_csc", odd.to_sparse_csc()
    csr = odd.to_sparse_csr()
    yield "sparse_int32", torch.sparse_csr_tensor(csr.crow_indices().int(), csr.col_indices().int(), csr.values(), (4, 6))


def python2(value, parts):
    """A dict of tensors as torch in Python 2 pickled it: strings of bytes, an OrderedDict made from pairs.

    parts: what follows in a storage's id; None in the stream.
    """
    def text(string):
        return b"U" + bytes([len(string)]) + string.encode()

    def number(count):
        return b"J" + struct.pack("<i", count)

    def numbers(counts):
        return b"(" + b"".join(map(number, counts)) + b"t"

    pairs, storages = b"", []
    for key, tensor in value.items():
        name = str(140000000000000 + len(storages))
        pairs += b"](" + text(key) + b"ctorch._utils\n_rebuild_tensor_v2\n((" + text("storage")
        pairs += b"ctorch\nFloatStorage\n" + text(name) + text("cpu") + number(tensor.numel()) + parts + b"tQ" + number(0)
        pairs += numbers(tensor.shape) + numbers(tensor.stride()) + b"\x89ccollections\nOrderedDict\n](e\x85RtRe"
        storages.append((name, tensor))
    return b"\x80\x02ccollections\nOrderedDict\n](" + pairs + b"e\x85R.", storages


def python2_files(value):
    body, storages = python2(value, b"")
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("a/data.pkl", body)
        archive.writestr("a/version", "3\n")
        for name, tensor in storages:
            archive.writestr(f"a/data/{name}", data_of(tensor))
    yield "python2_zip", buffer.getvalue()
    body, storages = python2(value, b"N")
    stream = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.\x80\x02M\xe9\x03.\x80\x02}U\rlittle_endian\x88s." + body
    stream += b"\x80\x02](" + b"".join(b"U" + bytes([len(name)]) + name.encode() for name, _ in storages) + b"e."
    for _, tensor in storages:
        stream += struct.pack("<q", tensor.numel()) + data_of(tensor)
    yield "python2_stream", stream


class Scripted(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.users = torch.nn.Embedding(4, 2)
        self.items = torch.nn.Linear(2, 3)
        self.register_buffer("seen", torch.arange(5))
        self.count = 7
        self.rate = 0.5
        self.name = "a"
        self.sizes: list[int] = [3, 4]
        self.labels: dict[str, torch.Tensor] = {"x": torch.ones(2)}

    def forward(self, which: torch.Tensor):
        return self.items(self.users(which)) * self.rate


def refused():
    x = torch.arange(6.0).reshape(2, 3)
    yield "sparse_bsr", x.to_sparse_bsr((1, 1)), "must be COO, CSR or CSC, but is torch.sparse_bsr"
    yield "complex", x.to(torch.complex64), "complex"
    yield "complex_in_list", [x, x.to(torch.complex128)], "complex"
    yield "imaginary", (x + 1j).conj().imag, "negated"
    yield "quantised", torch.quantize_per_tensor(x, 0.1, 0, torch.qint8), "quantised"
    yield "float8", x.to(torch.float8_e4m3fn), "8-bit floats"
    yield "meta", x.to("meta"), "meta"
    yield "module", torch.nn.Linear(2, 2), "state_dict()"
    yield "bytes", {"raw": b"abc"}, "raw bytes"
    yield "set", {1, 2}, "a set"
    yield "storage", x.untyped_storage(), "storage without a tensor"
    yield "huge_integer", 2**64, "64 bits"
    yield "complex_number", 1 + 2j, "complex number"
    yield "defaultdict", collections.defaultdict(list), "defaultdict"
    yield "path", Path("a"), "nothing in a file is run"
    yield "nested", torch.nested.nested_tensor([x, x[0:1]]), "nested"
    loop = [x]
    loop.append(loop)
    yield "loop", loop, "contains itself"
    deep = []
    for _ in range(200):
        deep = [deep]
    yield "deep", deep, "nested deeper"
    try:
        yield "numpy", x.numpy(), "NumPy"
    except RuntimeError:
        pass  # a torch without NumPy


def saved(value, **options):
    buffer = io.BytesIO()
    torch.save(value, buffer, **options)
    return buffer.getvalue()


def repacked(content, compression):
    """The archive as a zip program would write it anew: nothing aligned."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(buffer, "w", compression) as new:
        for name in old.namelist():
            new.writestr(name, old.read(name))
    return buffer.getvalue()


def write_scripts(put):
    """TorchScript archives, read as the values of torch's own parts of such an archive."""
    module = Scripted()
    for name, script in (("script", torch.jit.script(module)), ("traced", torch.jit.trace(module, torch.tensor([1])))):
        buffer = io.BytesIO()
        torch.jit.save(script, buffer)
        put(f"torch{name}", buffer.getvalue(), attributes_of(buffer.getvalue()))


def attributes_of(content):
    """The archive's pickle by Python's own machine, with dicts in place of TorchScript's objects."""
    archive = zipfile.ZipFile(io.BytesIO(content))
    folder = next(name for name in archive.namelist() if name.endswith("/data.pkl"))[:-len("data.pkl")]
    storages = {}

    class Object(dict):
        def __setstate__(self, state):
            self.update(state)

    class Unpickler(pickle.Unpickler):
        def find_class(self, module, name):
            if module.startswith("__torch__"):
                return Object
            if module.startswith("torch.jit._pickle"):
                return lambda value, *_: value
            if name.endswith("Storage"):
                return {"FloatStorage": torch.float32, "LongStorage": torch.int64}[name]
            return super().find_class(module, name)

        def persistent_load(self, id):
            _, dtype, key, _, _ = id
            if key not in storages:
                data = bytearray(archive.read(f"{folder}data/{key}"))
                storages[key] = torch.storage.TypedStorage(
                    wrap_storage=torch.frombuffer(data, dtype=torch.uint8).untyped_storage(), dtype=dtype,
                    _internal=True)
            return storages[key]

    return Unpickler(io.BytesIO(archive.read(f"{folder}data.pkl"))).load()


def write(folder):
    torch.manual_seed(0)

    def put(name, content, value=None, sentence=None):
        (folder / f"{name}.pt").write_bytes(content)
        if sentence is None:
            (folder / f"{name}.txt").write_text("\n".join(listing(value, {}, [])) + "\n")
        else:
            (folder / f"{name}.refused").write_text(sentence)

    for name, value in values():
        large = name.startswith("large")
        for protocol in (2,) if large else (2, 3, 4, 5):
            put(f"{name}_zip{protocol}", saved(value, pickle_protocol=protocol), value)
            put(f"{name}_stream{protocol}",
                saved(value, pickle_protocol=protocol, _use_new_zipfile_serialization=False), value)
        torch.serialization.set_crc32_options(False)
        put(f"{name}_without_crc", saved(value), value)
        torch.serialization.set_crc32_options(True)
        put(f"{name}_repacked", repacked(saved(value), zipfile.ZIP_STORED), value)
        path = folder / f"{name}_Größe 1.pt"  # the archive's folder is named after the file
        torch.save(value, path)
        put(path.stem, path.read_bytes(), value)

    for name, value, sentence in refused():
        put(f"{name}_zip", saved(value), sentence=sentence)
        if name not in ("sparse_bsr", "meta"):
            put(f"{name}_stream", saved(value, _use_new_zipfile_serialization=False), sentence=sentence)

    x = torch.arange(6.0)
    put("compressed", repacked(saved(x), zipfile.ZIP_DEFLATED), sentence="compressed")
    for name, value in compressed_values():
        put(f"{name}_zip", saved(value), value)
    weights = {"fc.weight": torch.arange(6.0).reshape(2, 3), "fc.bias": torch.ones(2)}
    for name, content in python2_files(weights):
        put(name, content, torch.load(io.BytesIO(content), weights_only=True))
    write_scripts(put)
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        tar.addfile(tarfile.TarInfo("storages"))
    put("tar", archive.getvalue(), sentence="tar archive")


if __name__ == "__main__":
    target = Path(sys.argv[1])
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    write(target)
    print(f"{len(list(target.glob('*.pt')))} files in {target}")
