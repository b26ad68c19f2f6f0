package import HTTPTypes

extension HTTPFields {
    /// The header of a bearer token (RFC 6750, section 2.1).
    package static func bearer(_ token: String) -> HTTPFields {
        var fields = HTTPFields()
        fields[.authorization] = ["Bearer", token].joined(separator: " ")
        return fields
    }
}
