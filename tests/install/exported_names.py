"""libfactorise.so exports the functions that are marked in its headers, and no others.

usage: exported_names.py <nm> <libfactorise.so>

FACTORISE_EXPORT marks every function of include/factorise/ that is defined in the library, FACTORISE_INTERNAL those of
src/ that the CUDA kernels or a test call. Of a class that is marked as a whole, the type and its own functions are
exported.
"""

import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
MARK = re.compile(r"^ *(FACTORISE_EXPORT|FACTORISE_INTERNAL) [^(;{]*?(operator\(\)|\w+)\(", re.MULTILINE)
MARKED_CLASS = re.compile(r"^(?:class|struct) FACTORISE_EXPORT (\w+)", re.MULTILINE)
# A function that is not defined where it is declared, at namespace scope or in a class.
DECLARED = re.compile(r"^(?: {2})?(?!return |using |template|#|//|TORCH_|FACTORISE_OPTION|static_assert)"
                      r"[A-Za-z][\w:<>&*, ]*?[ &*](operator\(\)|\w+)\([^{}]*?\)(?: const)?(?: noexcept)?;",
                      re.MULTILINE)
SCOPE = re.compile(r"^(?:class|struct) (?:\w+ )?([\w:]+)(?: : [^{]*| )?{", re.MULTILINE)


def scope_of(text, position):
    """The class that a line which is indented is in, with "::", or nothing."""
    if not text[position:].startswith(" "):
        return ""
    return [match[1] for match in SCOPE.finditer(text, 0, position)][-1] + "::"


def marked_in(text):
    """The marked functions, as nm names them."""
    return {"factorise::" + scope_of(text, match.start()) + match[2] for match in MARK.finditer(text)}


def unmarked_in(text):
    """Functions that are declared and not defined, without a mark."""
    return [match[1] for match in DECLARED.finditer(text) if "FACTORISE_" not in match[0]]


def exported_by(nm, library):
    """Functions of the library, and classes whose type it exports, from what nm prints."""
    lines = subprocess.run([nm, "-DC", "--defined-only", library], check=True, capture_output=True, text=True).stdout
    return names_in(lines)


def names_in(lines):
    functions, classes = set(), set()
    for line in lines.splitlines():
        name = line.split(" ", 2)[2]
        special = re.match(r"(?:typeinfo|typeinfo name|vtable|VTT) for (factorise::[\w:]+)$", name)
        function = re.search(r"(?:^| )(factorise::(?:[\w:]*operator\(\)|[\w:~]+))(?:\[abi:\w+\])?(?:<.*>)?\(", name)
        if special:
            classes.add(special[1])
        elif function:
            functions.add(function[1])
        elif re.match(r"(?:guard variable for )?factorise::", name):
            functions.add(name)
    return functions, classes


def faults_of(marked, classes, exported, exported_classes):
    members = {name for name in exported if name.rpartition("::")[0] in classes}
    yield from (f"{name} is exported, but not marked in a header" for name in sorted(exported - members - marked))
    yield from (f"{name} is marked, but not exported" for name in sorted(marked - exported))
    yield from (f"the type {name} is exported, but not marked" for name in sorted(exported_classes - classes))
    yield from (f"the type {name} is marked, but not exported" for name in sorted(classes - exported_classes))


def check_itself():
    """The rules above, on what they must find and what they must leave."""
    header = """namespace factorise {
FACTORISE_EXPORT Tensor a(const Tensor& A,
                          int64_t rank = f(2));
std::vector<Tensor> b(const Tensor& A,
                      int64_t rank);
class Seen {
 public:
  FACTORISE_EXPORT static Seen all();
  FACTORISE_EXPORT bool operator()(int64_t epoch);
  int64_t rows() const;
  int64_t columns() const { return g(rows()); }
};
class FACTORISE_EXPORT Fault : public c10::Error {
};
"""
    assert marked_in(header) == {"factorise::a", "factorise::Seen::all", "factorise::Seen::operator()"}
    assert unmarked_in(header) == ["b", "rows"] and MARKED_CLASS.findall(header) == ["Fault"]
    assert names_in("""00 T factorise::to_string[abi:cxx11](factorise::cpu::Isa)
00 W at::Tensor factorise::cpu::pack<float>(at::Tensor const&)
00 T factorise::Seen::operator()(long)
00 V typeinfo for factorise::Fault
00 W std::vector<factorise::Run, std::allocator<factorise::Run> >::~vector()
00 T c10::f()
00 B factorise::counter""") == ({"factorise::to_string", "factorise::cpu::pack", "factorise::Seen::operator()",
                               "factorise::counter"}, {"factorise::Fault"})
    assert len(list(faults_of({"f::a"}, {"f::C"}, {"f::b", "f::C::C"}, {"f::D"}))) == 4
    assert not list(faults_of({"f::a"}, {"f::C"}, {"f::a", "f::C::C"}, {"f::C"}))


def main():
    check_itself()
    headers = {path: path.read_text(encoding="utf-8") for folder in ("include", "src")
               for path in sorted((ROOT / folder).rglob("*.h")) if path.name != "export.h"}
    public = {path: text for path, text in headers.items() if path.parent.name == "factorise"}
    faults = [f"{path.relative_to(ROOT)}: {name} must have FACTORISE_EXPORT"
              for path, text in public.items() for name in unmarked_in(text)]
    marks = {kind: [path.relative_to(ROOT) for path, text in headers.items() if kind in text]
             for kind in ("FACTORISE_EXPORT", "FACTORISE_INTERNAL")}
    faults += [f"{path}: FACTORISE_EXPORT is for include/factorise/" for path in marks["FACTORISE_EXPORT"]
               if path.parts[0] != "include"]
    faults += [f"{path}: FACTORISE_INTERNAL is for src/" for path in marks["FACTORISE_INTERNAL"]
               if path.parts[0] != "src"]
    marked = set().union(*(marked_in(text) for text in headers.values()))
    classes = {"factorise::" + name for text in public.values() for name in MARKED_CLASS.findall(text)}
    exported, exported_classes = exported_by(*sys.argv[1:])
    faults += faults_of(marked, classes, exported, exported_classes)
    internal = set().union(*(marked_in(text) for path, text in headers.items() if path not in public))
    print("\n".join(faults) or f"{len(marked - internal)} public functions, {len(internal)} internal ones and "
                               f"{len(classes)} types are exported")
    sys.exit(bool(faults))


if __name__ == "__main__":
    main()
