#include "builtin_rules.h"

/* Made from Rules/ by `rulegen`; see docs/formats/rule-blob.md. C's #embed costs half a second of build time, where
   a Swift array literal of this size costs half a minute. */
static const unsigned char rules[] = {
#pragma clang diagnostic push
#pragma clang diagnostic ignored "-Wc23-extensions"
#embed "builtin.rules"
#pragma clang diagnostic pop
};

const void *pm_builtin_rules(void) { return rules; }

size_t pm_builtin_rules_size(void) { return sizeof rules; }
