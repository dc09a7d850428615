#pragma once
// Where this build has what tests read, write and run. One file is compiled with these paths, so that the others are
// the same to a compiler cache wherever they lie.

namespace factorise::tests {

extern const char* const kTestsFolder;    ///< the folder tests/ of the sources
extern const char* const kOutputFolder;   ///< where tests and their set-up write
extern const char* const kProgramFolder;  ///< lab1, lab2 and factorise
extern const char* const kPython;         ///< the interpreter whose torch this is built for
extern const char* const kOtherPlugin;    ///< CUDA kernels that say that they are of another version

}  // namespace factorise::tests
