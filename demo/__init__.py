"""The story `make demo` tells: six chapters on the embedded AWS, each of them asserted."""
