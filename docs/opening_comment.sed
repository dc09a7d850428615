# Makes a header's opening comment, below #pragma once, the description of its file.
1s|.*|//! \\file|
2,/^$/s|^//|//!|
