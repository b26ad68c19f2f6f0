#ifndef PM_WEB_ASSETS_H
#define PM_WEB_ASSETS_H

#include <stddef.h>

/// A file of the web pages: a template, a style sheet, a script, a picture.
typedef struct {
    /// Its name in `assets`, such as `app.css`.
    const char *name;
    const void *bytes;
    size_t size;
} pm_web_asset;

/// Returns all assets, which live as long as the process. There are `pm_web_asset_count()`.
const pm_web_asset *pm_web_assets(void);

/// Returns how many assets there are.
size_t pm_web_asset_count(void);

#endif
