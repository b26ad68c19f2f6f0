internal import Hummingbird
package import ServerKit

extension Routes {
    /// Adds the pages for people, and what they are made of.
    package func addPages() {
        addAssets()
        open(.get, "/", as: .page) { _ in .see("/runs") }
        addSignInPages()
        addPasskeyPages()
        addDevicePages()
        addRunPages()
        addSettingsPages()
        addMemberPages()
        addAuditPages()
        addGitHubPages()
    }
}
