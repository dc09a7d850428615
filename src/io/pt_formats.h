#pragma once
// The two formats of torch.save.

#include <factorise/io.h>

#include <memory>
#include <string>

#include "io/mapped_file.h"

namespace factorise {

/// The zip format, since torch 1.6: <name>/data.pkl, <name>/byteorder, <name>/data/<key>. `where` begins every message:
/// "[load_pt] file.pt". Throws FileError.
PtValue load_pt_zip(const std::shared_ptr<MappedFile>& file, const std::string& where);

/// The stream from before torch 1.6: five pickles (magic number, version, system, value, keys), then the storages.
PtValue load_pt_stream(const std::shared_ptr<MappedFile>& file, const std::string& where);

}  // namespace factorise
