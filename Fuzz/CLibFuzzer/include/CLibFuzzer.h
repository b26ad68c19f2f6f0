/* What libFuzzer offers to a custom mutator (its documentation, "FuzzerInterface.h"). */
#include <stddef.h>
#include <stdint.h>

/* Mutates data in place by libFuzzer's own means; returns the new size, at most max_size. */
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size);
