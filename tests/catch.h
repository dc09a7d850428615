#pragma once
// Catch2, version 2 or 3. Include it after every torch header: torch's logging has a CHECK macro of its own.

#undef CHECK
#if __has_include(<catch2/catch_all.hpp>)
#include <catch2/catch_all.hpp>
#else
#include <catch2/catch.hpp>
#endif
