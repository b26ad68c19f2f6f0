#include "report_assets.h"

#pragma clang diagnostic ignored "-Wc23-extensions"

static const unsigned char css[] = {
#embed "report.css"
};

static const unsigned char js[] = {
#embed "report.js"
};

const void *pm_report_css(void) { return css; }
size_t pm_report_css_size(void) { return sizeof css; }
const void *pm_report_js(void) { return js; }
size_t pm_report_js_size(void) { return sizeof js; }
