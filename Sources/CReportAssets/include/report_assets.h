#ifndef PM_REPORT_ASSETS_H
#define PM_REPORT_ASSETS_H

#include <stddef.h>

/// The style sheet and the script of the HTML report. They live as long as the process.
const void *pm_report_css(void);
size_t pm_report_css_size(void);
const void *pm_report_js(void);
size_t pm_report_js_size(void);

#endif
