/// Who acts, and in which organization: what a credential was turned into, once, at the edge.
///
/// Every method of a store that reads or changes an organization's rows takes one, and its organization is the first
/// column of every key that the store compares. Nobody but an `EntranceStore` makes one from a credential, and only
/// `ServerKit`'s `Authenticator` asks it to; the tests hold the sources to that.
public struct Scope: Sendable, Hashable {
    public let organization: OrganizationID
    public let actor: Actor
    /// The address that the request came from, for the audit log; nil for what the server does by itself.
    public let address: String?

    /// For implementations of `EntranceStore`.
    package init(organization: OrganizationID, actor: Actor, address: String?) {
        self.organization = organization
        self.actor = actor
        self.address = address
    }

    /// The user who acts.
    /// - Throws: `.refused`, with the place, for a runner and for the server.
    package func requireUser(_ place: String) throws(StoreError) -> UserID {
        guard case .user(let user, _) = actor else { throw StoreError(.refused, "\(place): not a user") }
        return user
    }

    /// The server itself, within one organization: start-up, sweeps, `verify`.
    package static func server(_ organization: OrganizationID) -> Scope {
        Scope(organization: organization, actor: .server, address: nil)
    }
}

/// Who acts.
public enum Actor: Sendable, Hashable {
    /// A runner sees the runs that it made, and nothing else.
    case runner(RunnerTokenID)
    case user(UserID, Role)
    case server
}

/// What a member of an organization may do. Each role may do what those below it may.
public enum Role: String, Sendable, Hashable, CaseIterable, Comparable {
    /// Sees runs, cancels them, pairs runners for themselves.
    case member
    /// Manages runner tokens, members and invitations; reads the audit log.
    case admin
    /// Makes and unmakes admins and owners.
    case owner

    private var rank: Int { Self.allCases.firstIndex(of: self) ?? 0 }

    public static func < (lhs: Role, rhs: Role) -> Bool { lhs.rank < rhs.rank }
}
