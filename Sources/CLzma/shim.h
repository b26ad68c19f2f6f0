#include <lzma.h>

/* Macros with casts in them, which Swift does not import. */
static const uint32_t pm_lzma_concatenated = LZMA_CONCATENATED;
static const uint32_t pm_lzma_default_preset = LZMA_PRESET_DEFAULT;
