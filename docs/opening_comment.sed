# Makes a header's opening comment, below #pragma once, the description of its file; its example becomes a code block.
1s|.*|//! \\file|
2,/^$/s|^//|//!|
2,/^$/s|^//!   |//!     |
