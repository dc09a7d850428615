// The paths of this build, from CMake.

#include "places.h"

namespace factorise::tests {

const char* const kTestsFolder = FACTORISE_TEST_DIR;
const char* const kOutputFolder = FACTORISE_TEST_OUTPUT;
const char* const kProgramFolder = FACTORISE_BIN_DIR;
const char* const kPython = FACTORISE_PYTHON;
const char* const kOtherPlugin = FACTORISE_PLUGIN_OF_ANOTHER_VERSION;

}  // namespace factorise::tests
