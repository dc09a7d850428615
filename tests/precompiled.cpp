// Nothing but what precompiled headers are compiled for: see CMakeLists.txt.

int main() {}
