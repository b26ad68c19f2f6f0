#include "web_assets.h"

/* The pages' files are part of the program, so that it is one file. #embed costs no build time (compare CBuiltinRules). A
   test holds this list against the directory. */
#pragma clang diagnostic push
#pragma clang diagnostic ignored "-Wc23-extensions"

static const unsigned char app_css[] = {
#embed "assets/app.css"
};
static const unsigned char compare_js[] = {
#embed "assets/compare.js"
};
static const unsigned char confirm_html[] = {
#embed "assets/confirm.html"
};
static const unsigned char device_html[] = {
#embed "assets/device.html"
};
static const unsigned char error_html[] = {
#embed "assets/error.html"
};
static const unsigned char icon_svg[] = {
#embed "assets/icon.svg"
};
static const unsigned char layout_html[] = {
#embed "assets/layout.html"
};
static const unsigned char log_view_js[] = {
#embed "assets/log-view.js"
};
static const unsigned char passkeys_js[] = {
#embed "assets/passkeys.js"
};
static const unsigned char run_log_html[] = {
#embed "assets/run-log.html"
};
static const unsigned char run_model_js[] = {
#embed "assets/run-model.js"
};
static const unsigned char run_html[] = {
#embed "assets/run.html"
};
static const unsigned char run_js[] = {
#embed "assets/run.js"
};
static const unsigned char runs_html[] = {
#embed "assets/runs.html"
};
static const unsigned char settings_audit_html[] = {
#embed "assets/settings-audit.html"
};
static const unsigned char settings_github_html[] = {
#embed "assets/settings-github.html"
};
static const unsigned char settings_members_html[] = {
#embed "assets/settings-members.html"
};
static const unsigned char settings_organization_html[] = {
#embed "assets/settings-organization.html"
};
static const unsigned char settings_runners_html[] = {
#embed "assets/settings-runners.html"
};
static const unsigned char settings_sessions_html[] = {
#embed "assets/settings-sessions.html"
};
static const unsigned char settings_html[] = {
#embed "assets/settings.html"
};
static const unsigned char sign_in_html[] = {
#embed "assets/sign-in.html"
};
static const unsigned char site_js[] = {
#embed "assets/site.js"
};
static const unsigned char terminal_js[] = {
#embed "assets/terminal.js"
};
static const unsigned char timeline_js[] = {
#embed "assets/timeline.js"
};

#pragma clang diagnostic pop

#define ASSET(name, bytes) {name, bytes, sizeof bytes}

static const pm_web_asset assets[] = {
    ASSET("app.css", app_css),
    ASSET("compare.js", compare_js),
    ASSET("confirm.html", confirm_html),
    ASSET("device.html", device_html),
    ASSET("error.html", error_html),
    ASSET("icon.svg", icon_svg),
    ASSET("layout.html", layout_html),
    ASSET("log-view.js", log_view_js),
    ASSET("passkeys.js", passkeys_js),
    ASSET("run-log.html", run_log_html),
    ASSET("run-model.js", run_model_js),
    ASSET("run.html", run_html),
    ASSET("run.js", run_js),
    ASSET("runs.html", runs_html),
    ASSET("settings-audit.html", settings_audit_html),
    ASSET("settings-github.html", settings_github_html),
    ASSET("settings-members.html", settings_members_html),
    ASSET("settings-organization.html", settings_organization_html),
    ASSET("settings-runners.html", settings_runners_html),
    ASSET("settings-sessions.html", settings_sessions_html),
    ASSET("settings.html", settings_html),
    ASSET("sign-in.html", sign_in_html),
    ASSET("site.js", site_js),
    ASSET("terminal.js", terminal_js),
    ASSET("timeline.js", timeline_js),
};

const pm_web_asset *pm_web_assets(void) { return assets; }

size_t pm_web_asset_count(void) { return sizeof assets / sizeof assets[0]; }
