#ifndef PM_BUILTIN_RULES_H
#define PM_BUILTIN_RULES_H

#include <stddef.h>

/// Returns the built-in rules as a blob (docs/formats/rule-blob.md). It lives as long as the process.
const void *pm_builtin_rules(void);

/// Returns the number of bytes of the blob.
size_t pm_builtin_rules_size(void);

#endif
